"""Starts and stops an Inlet server, and speaks to it over plain sockets and over its REST API.

Shared by Tests/Clients, Tests/Browser and Tests/Crash. Standard library only, so that the crash scripts need no package.

Every time-out here is a bound against hanging and proves nothing: other tests may run on the same machine at the same time.
"""

import atexit
import base64
import contextlib
import glob
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import zlib
from pathlib import Path
from urllib.parse import urlencode

from databases import database_for
from postgres import memory_folder

REPOSITORY = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
BODY_BYTES_MAX = 26_214_400
# Far longer than anything takes, on a machine that is busy with other things as well.
HANG_SECONDS = 300
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def binary_path():
    """The program under test: INLET_BIN, or the debug build of this repository."""
    return os.environ.get("INLET_BIN") or str(REPOSITORY / ".build" / "debug" / "inlet")


def complaint_about(binary):
    """What is wrong with the program under test, in words; None if it can be run."""
    return None if os.access(binary, os.X_OK) else f"no program at {binary}: build it first, or name it in INLET_BIN"


# The ports that this process has drawn, each with what keeps it.
HELD_PORTS = {}


def free_port():
    """A port nobody listens on, below the range the kernel hands to outgoing connections.

    A port out of that range could be taken by one of our own clients while the server is down, and a client that
    connects to its own source port even connects to itself. Of the tests that run at the same time no others draw it until this
    process has ended: a socket of that name, which is no file, can be bound once on a machine.
    """
    for _ in range(200):
        port = random.SystemRandom().randrange(15_000, 32_000)
        held = socket.socket(socket.AF_UNIX)
        try:
            held.bind(f"\0inlet-test-port-{port}")
            with socket.socket() as probe:
                probe.bind((LOOPBACK, port))
        except OSError:
            held.close()
            continue
        HELD_PORTS[port] = held
        return port
    raise RuntimeError("no free port found")


def made_up_secret(kind):
    """A secret with the right form and checksum that no server ever issued. Kind is `a`, `o`, `m` …"""
    rng = random.SystemRandom()
    head = f"inl{kind}_" + "".join(rng.choice(ALPHABET) for _ in range(32))
    number, digits = zlib.crc32(head.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return head + digits


def basic(user, password):
    """The value of an Authorization header for Basic; both parts may be text or bytes."""
    as_bytes = [part if isinstance(part, bytes) else part.encode() for part in (user, password)]
    return "Basic " + base64.b64encode(b":".join(as_bytes)).decode()


# The one for programs with several threads.
CLOCK_LIBRARIES = ["/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1"]


def sha256(body):
    return hashlib.sha256(body).hexdigest()


def until(ask, seconds=HANG_SECONDS):
    """The first answer that counts as true, asked for again and again; the last one, if none does in time.

    This is how tests wait for what does not tell by itself that it is there. What does (an answer, the end of a process) is waited for
    itself.
    """
    end = time.monotonic() + seconds
    while not (answer := ask()) and time.monotonic() < end:
        time.sleep(0.02)
    return answer


def new_folder(name, is_durable=False):
    """A new folder for one server: on the disk if what is in it must be durable, else in memory where there is room."""
    return Path(tempfile.mkdtemp(prefix=f"inlet-{name}-", dir=None if is_durable else memory_folder()))


def answers_at(port):
    """Whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), HANG_SECONDS):
        return True
    return False


class ServerError(Exception):
    """The server did not do what a server must do: start, become ready, stop."""


class Server:
    """One Inlet server process on one data folder and database. The same object may be started again after a stop or a kill.

    One that is not durable waits for no disk when it commits.
    """

    def __init__(self, folder, data=None, binary=None, environment=None, is_durable=True):
        folder = Path(folder)
        self.data = Path(data) if data else folder / "data"
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)
        self.log = folder / "stderr.log"
        self.binary = binary or binary_path()
        # HOME is ours: the program keeps its profile there and must not touch the one of the person who runs the tests.
        # INLET_… are settings of the program, and it refuses to start with one it does not know, such as INLET_BIN.
        outside = {name: value for name, value in os.environ.items() if not name.startswith("INLET_")}
        self.database = database_for(self.data, is_durable)
        self.environment = {**outside, "HOME": str(self.home), **self.database.environment, **(environment or {})}
        self.ingest_port = free_port()
        self.admin_port = free_port()
        self.process = None
        self.info = None
        self.password = None
        atexit.register(self.kill)

    def init(self):
        """Makes the data folder and returns what `inlet init --json` printed."""
        done = subprocess.run(
            [self.binary, "init", "--data", str(self.data), "--json"],
            env=self.environment, capture_output=True, timeout=HANG_SECONDS,
        )
        if done.returncode != 0:
            raise ServerError(f"inlet init ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
        self.info = json.loads(done.stdout)
        return self.info

    def move_clock(self, offset):
        """Lets the next start happen at another time, such as "+60d" or "-20m". The steady clock stays as it is: timers run as ever."""
        library = next((path for pattern in CLOCK_LIBRARIES for path in glob.glob(pattern)), None)
        assert library, "libfaketime is missing: scripts/setup.sh test installs it"
        self.environment |= {
            "LD_PRELOAD": library, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Without a name libfaketime makes one and adds it to the environment, and Swift then finds no arguments.
            "FAKETIME_SHARED": "/inlet-none /inlet-none",
        }

    def start(self, timeout=HANG_SECONDS, flags=()):
        """Starts the server, with more flags if need be, and returns the seconds it took until it said it was ready."""
        assert self.process is None or self.process.poll() is not None, "it runs already"
        began = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [
                    self.binary, "serve", "--data", str(self.data),
                    "--ingest", f"{LOOPBACK}:{self.ingest_port}", "--admin", f"{LOOPBACK}:{self.admin_port}",
                    *flags,
                ],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        # It may be ready as the admin listener sees it, and the other one not bound yet.
        is_ready = until(
            lambda: self.process.poll() is not None or self.is_ready() and answers_at(self.ingest_port), timeout)
        seconds = time.monotonic() - began
        if self.process.poll() is not None:
            raise ServerError(f"the server ended with {self.process.returncode} while starting\n{self.log_tail()}")
        if not is_ready:
            self.kill()
            raise ServerError(f"the server was not ready after {timeout} s\n{self.log_tail()}")
        return seconds

    def is_ready(self):
        connection = http.client.HTTPConnection(LOOPBACK, self.admin_port, timeout=HANG_SECONDS)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def owner_password(self):
        """The owner's password, chosen by the set-up link when it is first asked for."""
        if self.password is None:
            password = "seven slow brown canals"
            asked = json.dumps({"code": self.info["set_up_code"], "password": password})
            answer = call_once(self.admin_port, "POST", "/api/v1/set-up", asked, {"Content-Type": "application/json"})
            assert answer.status == 204, answer
            self.password = password
        return self.password

    def stop(self, timeout=HANG_SECONDS):
        """Asks the server to end (SIGTERM) and returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerError(f"the server was still running {timeout} s after SIGTERM") from None
        self.process = None
        return code

    def kill(self):
        """Ends the server as a crash would: SIGKILL, no chance to tidy up."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def log_tail(self, bytes_max=20_000):
        if not self.log.exists():
            return ""
        return self.log.read_bytes()[-bytes_max:].decode(errors="replace")

    def api(self):
        return Api(self.admin_port, self.info["management_token"])


@contextlib.contextmanager
def own_server(environment=None, is_durable=False):
    """A server of one test's own, installed and not yet started; it and its folder are gone afterwards."""
    folder = new_folder("own", is_durable)
    server = Server(folder, environment=environment, is_durable=is_durable)
    try:
        server.init()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


class Answer:
    """One HTTP answer, read to its end."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name):
        """The value of the named header, several joined by a comma, or None."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


class Connection:
    """A keep-alive connection whose answers are read to their last byte."""

    def __init__(self, port, timeout=HANG_SECONDS):
        self.http = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)

    def request(self, method, path, body=None, headers=None):
        self.http.request(method, path, body=body, headers=headers or {})
        response = self.http.getresponse()
        # read() raises IncompleteRead when the server died in the middle: such an answer does not count.
        return Answer(response.status, response.getheaders(), response.read())

    def close(self):
        self.http.close()


def call_once(port, method, path, body=None, headers=None, timeout=HANG_SECONDS):
    """One request on a connection of its own."""
    connection = Connection(port, timeout)
    try:
        return connection.request(method, path, body, headers)
    finally:
        connection.close()


class Api:
    """The REST API, as far as the tests need it. Safe to use from many threads: each has its own connection."""

    def __init__(self, port, token):
        self.port = port
        self.token = token
        self.local = threading.local()

    def request(self, method, path, body=None, token=None):
        headers = {"Authorization": f"Bearer {token or self.token}"}
        payload = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            payload = json.dumps(body)
        if method != "GET":
            return call_once(self.port, method, path, payload, headers)
        reused = hasattr(self.local, "connection")
        if not reused:
            self.local.connection = Connection(self.port)
        try:
            return self.local.connection.request(method, path, payload, headers)
        except (OSError, http.client.HTTPException):
            self.local.connection.close()
            del self.local.connection
            # The server may have closed a kept connection meanwhile. Reading is safe to repeat, changing is not.
            if reused:
                return self.request(method, path, body, token)
            raise

    def expect(self, statuses, method, path, body=None):
        answer = self.request(method, path, body)
        if answer.status not in statuses:
            raise AssertionError(f"{method} {path}: expected {statuses}, got {answer}")
        return answer

    def new_webhook(self, name):
        return self.expect([201], "POST", "/api/v1/webhooks", {"name": name}).json()["id"]

    def new_token(self, kind, name, webhook=None):
        body = {"kind": kind, "name": name}
        if webhook:
            body["webhook"] = webhook
        return self.expect([201], "POST", "/api/v1/tokens", body).json()

    def deactivate(self, token):
        return self.expect([200, 204], "POST", f"/api/v1/tokens/{token}/deactivate")

    def activate(self, token):
        return self.expect([200, 204], "POST", f"/api/v1/tokens/{token}/activate")

    def event(self, event):
        return self.expect([200], "GET", f"/api/v1/events/{event}").json()

    def body(self, event):
        return self.expect([200], "GET", f"/api/v1/events/{event}/body")

    def events(self, webhook, limit=None, after=None):
        """One page of a webhook's events, newest first: (items, cursor of the next page or None)."""
        query = {"webhook": webhook}
        if limit:
            query["limit"] = limit
        if after:
            query["after"] = after
        page = self.expect([200], "GET", "/api/v1/events?" + urlencode(query)).json()
        # Whether the last page says `"next": null` has a test of its own; here a missing one must not hide other faults.
        return page["items"], page.get("next")

    def all_events(self, webhook, limit=100):
        items, after = self.events(webhook, limit)
        yield from items
        while after:
            items, after = self.events(webhook, limit, after)
            yield from items

    def refused_calls(self):
        return self.expect([200], "GET", "/api/v1/calls?outcome=refused").json()["items"]


class Wire:
    """A raw connection: sends bytes as they are and reads whole answers. For requests no HTTP library would write."""

    def __init__(self, port, timeout=HANG_SECONDS):
        self.socket = socket.create_connection((LOOPBACK, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()

    def send(self, data):
        """Sends; False if the server closed meanwhile, which is its right once it has refused the request."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def answer(self, to="POST"):
        """The next answer, a `100 Continue` included; None if the server closed instead. Raises on a time-out."""
        try:
            return self._answer(to)
        except ConnectionResetError:
            return None

    def _answer(self, to):
        line = self.stream.readline()
        if not line:
            return None
        version, _, rest = line.decode("latin-1").partition(" ")
        assert version.startswith("HTTP/1."), f"not a status line: {line!r}"
        status = int(rest[:3])
        headers = []
        while (line := self.stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        answer = Answer(status, headers, b"")
        if status >= 200 and status not in (204, 304) and to != "HEAD":
            answer.body = self._body(answer)
        return answer

    def _body(self, answer):
        if "chunked" in (answer.header("Transfer-Encoding") or "").lower():
            parts = []
            while size := int(self.stream.readline().split(b";")[0], 16):
                parts.append(self.stream.read(size))
                self.stream.readline()
            while self.stream.readline() not in (b"\r\n", b""):
                pass
            return b"".join(parts)
        length = answer.header("Content-Length")
        return self.stream.read(int(length)) if length is not None else self.stream.read()

    def answers(self):
        """All answers until the server closes."""
        found = []
        while (answer := self.answer()) is not None:
            found.append(answer)
        return found

    def is_silent(self):
        """Whether nothing has arrived that was not read yet."""
        before = self.socket.gettimeout()
        self.socket.setblocking(False)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
            return False
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(before)

    def until_read(self):
        """Waits until the server has read all that was sent, or has closed."""
        ends = [self.socket.getsockname(), self.socket.getpeername()]
        ours, theirs = (f"{socket.ntohl(int.from_bytes(socket.inet_aton(host))):08X}:{port:04X}" for host, port in ends)

        def is_read():
            # Each end of the connection has a row: its own address, the other one, and what is still to be sent and to be read.
            queues = {tuple(row[1:3]): row[4] for row in map(str.split, Path("/proc/net/tcp").read_text().splitlines())}
            nothing = "00000000"
            is_sent = queues.get((ours, theirs), nothing).startswith(nothing)
            return is_sent and queues.get((theirs, ours), nothing).endswith(nothing)

        assert until(is_read), "the server does not read"
