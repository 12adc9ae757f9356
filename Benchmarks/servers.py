"""The peers: how each one is configured, started on loopback, checked and stopped."""

import base64
import hashlib
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import processes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
VENV_PYTHON = ROOT / ".venv-bench" / "bin" / "python"

READY_SECONDS = 30
STOP_SECONDS = 30


class PeerFailure(Exception):
    """A peer did not start, let the wrong caller in, or turned the right one away."""


@dataclass
class Launch:
    """What it takes to start a peer and to call it."""

    command: list
    url: str
    authorization: str
    wrong_authorization: str
    environment: dict = field(default_factory=dict)
    ready_url: str = ""  # GET answers 200 when ready; without one, the first accepted call says so
    database: Path = None  # file or folder that holds SQLite databases
    forks_per_call: bool = False  # then the benchmark counts how many calls really got their process


@dataclass
class Server:
    """A started peer."""

    process: subprocess.Popen
    launch: Launch


class NginxMap:
    name = "nginx-map"
    title = "nginx, `return 204`, token in a `map`"

    def launch(self, folder, port):
        token = secrets.token_urlsafe(32)
        return nginx_launch("map.conf", folder, port, f"Bearer {token}", bearer("wrong"), TOKEN=token)


class NginxBasic:
    name = "nginx-basic"
    title = "nginx, `auth_basic` with {SHA}"

    def launch(self, folder, port):
        password = secrets.token_urlsafe(32)
        digest = base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()
        (folder / "htpasswd").write_text("bench:{SHA}" + digest + "\n")
        return nginx_launch("basic.conf", folder, port, basic(password), basic("wrong"))


class Webhook:
    """Debian's `webhook` as it is shipped, with its log off.

    It compares the Authorization header with a fixed value, answers at once, and forks /bin/true for every call after
    the answer. This is its fastest way, and so the hardest to be ahead of. The price: nothing is kept, and under load
    it answers faster than it forks, runs out of file descriptors and drops commands without a word. The report says
    how many were run. (With "include-command-output-in-response" it waits for the command and drops none, but is several
    times slower.)
    """

    name = "webhook"
    title = "`webhook` (Debian), runs /bin/true"

    def launch(self, folder, port):
        token = secrets.token_urlsafe(32)
        hooks = folder / "hooks.json"
        hooks.write_text(filled_in(HERE / "peers/webhook/hooks.json", TOKEN=token))
        return Launch(
            command=["webhook", "-ip", "127.0.0.1", "-port", str(port), "-hooks", str(hooks)],
            url=f"http://127.0.0.1:{port}/hooks/bench",
            authorization=bearer(token),
            wrong_authorization=bearer("wrong"),
            forks_per_call=True,
        )


class FastAPI:
    name = "fastapi"
    title = "FastAPI + uvicorn + SQLite, row per call"

    def launch(self, folder, port):
        token = secrets.token_urlsafe(32)
        database = folder / "events.db"
        # No access log: a user may well leave it on, but here it would only slow the peer down.
        command = [VENV_PYTHON, "-m", "uvicorn", "app:app", "--app-dir", HERE / "peers/fastapi"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
        return Launch(
            command=[str(word) for word in command],
            url=f"http://127.0.0.1:{port}/in/bench",
            authorization=bearer(token),
            wrong_authorization=bearer("wrong"),
            environment={
                "BENCH_TOKEN_SHA256": hashlib.sha256(token.encode()).hexdigest(),
                "BENCH_DATABASE": str(database),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            database=database,
        )


class Inlet:
    name = "inlet"
    title = "Inlet, Bearer, durable"

    def __init__(self, binary):
        self.binary = str(binary)

    def launch(self, folder, port):
        data = folder / "data"
        home = {"HOME": str(folder)}  # init writes a profile for the command line there
        init = subprocess.run(
            [self.binary, "init", "--data", str(data), "--json"],
            env=os.environ | home, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        )
        if init.returncode != 0:
            raise PeerFailure(f"inlet init exited with {init.returncode}: {init.stderr.strip()[-500:]}")
        made = json.loads(init.stdout)

        admin = free_port()
        command = [self.binary, "serve", "--data", str(data)]
        command += ["--ingest", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}"]
        return Launch(
            command=command,
            url=f"http://127.0.0.1:{port}/in/{made['webhook']}",
            authorization=bearer(made["api_token"]),
            wrong_authorization=bearer("wrong"),
            environment=home,
            ready_url=f"http://127.0.0.1:{admin}/health/ready",
            database=data,
        )


def bearer(token):
    return f"Bearer {token}"


def basic(password):
    return "Basic " + base64.b64encode(f"bench:{password}".encode()).decode()


def nginx_launch(template, folder, port, authorization, wrong_authorization, **words):
    configuration = folder / "nginx.conf"
    configuration.write_text(
        filled_in(HERE / "peers/nginx" / template, FOLDER=str(folder), PORT=str(port), **words)
    )
    return Launch(
        command=["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(configuration)],
        url=f"http://127.0.0.1:{port}/",
        authorization=authorization,
        wrong_authorization=wrong_authorization,
    )


def filled_in(template, **words):
    text = template.read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(peer, folder, body, environment=None):
    """Starts a peer in an empty folder, checks its door, yields a `Server`, and stops it in every case."""
    launch = peer.launch(folder, free_port())
    with open(folder / "server.log", "wb") as log:
        # A session of its own: Ctrl-C reaches the benchmark alone, which then stops the peer in good order.
        process = subprocess.Popen(
            launch.command, env=os.environ | launch.environment | (environment or {}), cwd=folder,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )
    try:
        wait_until_ready(process, launch, body, folder)
        check_door(launch, body)
        yield Server(process, launch)
    finally:
        stop(process)


def wait_until_ready(process, launch, body, folder):
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if launch.ready_url:
                if status_of("GET", launch.ready_url) == 200:
                    return
            elif status_of("POST", launch.url, body, launch.authorization):
                return
        except OSError:
            pass
        time.sleep(0.05)
    log = (folder / "server.log").read_text(errors="replace").strip()
    raise PeerFailure(f"not ready (exit code {process.poll()}): {log[-500:]}")


def check_door(launch, body):
    """A peer that lets everybody in would be fast for the wrong reason."""
    right = status_of("POST", launch.url, body, launch.authorization)
    if not 200 <= right <= 299:
        raise PeerFailure(f"the right token was answered with {right}")
    wrong = status_of("POST", launch.url, body, launch.wrong_authorization)
    if not 400 <= wrong <= 499:
        raise PeerFailure(f"a wrong token was answered with {wrong}")


def status_of(method, url, body=None, authorization=None):
    parts = urlsplit(url)
    headers = {"Content-Type": "application/json"} if body else {}
    if authorization:
        headers["Authorization"] = authorization
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.request(method, parts.path, body, headers)
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP answer: {error!r}") from error
    finally:
        connection.close()


def stop(process):
    """Ends a peer and whatever it started, by process id."""
    family = processes.tree(process.pid)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"  did not stop within {STOP_SECONDS} s of SIGTERM, killed", file=sys.stderr)
        family = processes.tree(process.pid)
        process.kill()
        process.wait()
    for orphan in family[1:]:
        processes.kill_if_same(orphan)


def versions(inlet):
    """Versions of all that takes part, by name; None where it is not there."""
    python = "import platform, sqlite3, fastapi, uvicorn; print(platform.python_version(), sqlite3.sqlite_version," \
        " fastapi.__version__, uvicorn.__version__)"
    words = (first_line([str(VENV_PYTHON), "-c", python]) or "").split()
    of_python = dict(zip(["python", "sqlite", "fastapi", "uvicorn"], words))
    return {
        "inlet": first_line([str(inlet), "--version"]),
        "nginx": first_line(["nginx", "-v"]),
        "webhook": first_line(["webhook", "-version"]),
        "wrk": (first_line(["wrk", "-v"]) or "").split(" [")[0] or None,
        **{name: of_python.get(name) for name in ["python", "fastapi", "uvicorn", "sqlite"]},
    }


def first_line(command):
    if not shutil.which(command[0]):
        return None
    try:
        shown = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = shown.strip().splitlines()
    return lines[0] if lines else None
