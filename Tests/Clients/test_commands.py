"""The program as a person uses it: commands, files, exit codes, and what SIGTERM leaves behind."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from inlet_server import Connection, Server, binary_path, sha256

SECONDS = 30
PROGRAM = str(Path(binary_path()).resolve())


class Shell:
    """Runs the program with a home folder of its own and nothing of ours in the environment."""

    def __init__(self, folder, server=None, token=None):
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("INLET_", "XDG_"))}
        self.environment["HOME"] = str(folder)
        if server:
            self.environment |= {"INLET_SERVER": f"http://127.0.0.1:{server.admin_port}", "INLET_TOKEN": token}

    def run(self, *words, **environment):
        return subprocess.run(
            [PROGRAM, *words], env=self.environment | environment, cwd=self.folder,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
        )

    def json(self, *words):
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="inlet-commands-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def shell(folder, server, api):
    return Shell(folder, server, api.token)


def one_line(done):
    """A refusal is one line on standard error, and nothing on standard output."""
    assert done.returncode != 0
    assert done.stdout == b""
    lines = done.stderr.decode().strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("inlet: "), lines
    return lines[0]


def test_init_says_everything_once_and_refuses_a_folder_that_has_an_installation(folder):
    shell = Shell(folder)
    made = shell.json("init", "--data", "data")
    assert set(made) == {
        "organization", "owner", "password", "webhook", "ingest_url", "api_token", "management_token", "curl"}
    assert made["ingest_url"].endswith("/in/" + made["webhook"])
    assert made["api_token"] in made["curl"] and made["ingest_url"] in made["curl"]
    assert "holds an installation already" in one_line(shell.run("init", "--data", "data"))

    key = folder / "data" / "master.key"
    profile = folder / ".config" / "inlet" / "profile.json"
    for path in [key, profile]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(profile.read_text())["token"] == made["management_token"]


def test_a_wrong_missing_or_open_master_key_refuses_to_start(folder):
    shell = Shell(folder)
    shell.json("init", "--data", "data")
    key = folder / "data" / "master.key"
    serve = ["serve", "--data", "data", "--ingest", "127.0.0.1:0", "--admin", "127.0.0.1:0"]

    key.chmod(0o644)
    assert "chmod 600" in one_line(shell.run(*serve))
    key.chmod(0o600)
    good = key.read_text()
    key.write_text("1 " + "ab" * 32 + "\n")
    assert "not the one this database was made with" in one_line(shell.run(*serve))
    key.write_text("1 nonsense\n")
    assert "line 1" in one_line(shell.run(*serve))
    key.unlink()
    assert "cannot be read" in one_line(shell.run(*serve))
    key.write_text(good)


def test_a_setting_that_is_wrong_or_unknown_refuses_to_start_and_is_named(folder):
    shell = Shell(folder)
    assert "INLET_BODY_BYTE_MAX" in one_line(shell.run("serve", INLET_BODY_BYTE_MAX="1"))
    assert "--body-bytes-max" in one_line(shell.run("serve", "--body-bytes-max", "many"))
    (folder / "settings.json").write_text('{"colour": "red"}')
    assert "colour" in one_line(shell.run("serve", "--config", "settings.json"))
    assert "nothing is installed" in one_line(shell.run("serve", "--data", "empty")).lower()


def test_a_second_server_on_the_same_folder_is_refused(server, folder):
    line = one_line(Shell(folder).run(
        "serve", "--data", str(server.data), "--ingest", "127.0.0.1:0", "--admin", "127.0.0.1:0"))
    assert "has the data folder" in line


def test_help_of_serve_lists_every_setting_with_its_default():
    shown = subprocess.run([PROGRAM, "serve", "--help"], capture_output=True, timeout=SECONDS).stdout.decode()
    for word in ["--data", "--ingest", "--admin", "--body-bytes-max", "26214400", "--quickstart", "bytes", "days"]:
        assert word in shown


def test_N9_webhooks_tokens_and_events_by_the_command_line(shell, server, target):
    webhook = shell.json("webhook", "create", "by command", "--accepts", "bearer")
    assert webhook["accepts"] == ["bearer"]
    assert shell.json("webhook", "show", webhook["id"]) == webhook
    assert webhook in shell.json("webhook", "list", "--limit", "500")["items"]

    token = shell.json("token", "create", "--kind", "app", "--webhook", webhook["id"], "--name", "by command")
    # The curl line of the answer, run as text by a shell; only the address differs, for this server's port was free.
    line = token["curl"].replace(token["curl"].split("'")[1], f"http://127.0.0.1:{server.ingest_port}/in/{webhook['id']}")
    answer = subprocess.run(line, shell=True, capture_output=True, timeout=SECONDS)
    event = json.loads(answer.stdout)["id"]

    assert [it["id"] for it in shell.json("event", "list", "--webhook", "by command")["items"]] == [event]
    assert shell.json("event", "show", event)["body_sha256"] == sha256(b'{"hello":"world"}')
    assert shell.run("event", "body", event).stdout == b'{"hello":"world"}'
    shown = shell.run("event", "show", event).stdout
    assert shown.endswith(b'\n\n{"hello":"world"}') and b"Content-Type: application/json" in shown
    assert token["secret"].encode() not in shown

    assert shell.json("token", "deactivate", token["id"])["state"] == "inactive"
    assert b'"code":"unauthorized"' in subprocess.run(line, shell=True, capture_output=True, timeout=SECONDS).stdout
    assert shell.json("token", "activate", token["id"])["state"] == "active"
    assert "Deactivate it first" in one_line(shell.run("token", "delete", token["id"]))
    shell.json("token", "deactivate", token["id"])
    assert shell.run("token", "delete", token["id"]).returncode == 0
    assert shell.json("status")["database"] == "sqlite"


def test_event_body_gives_the_very_bytes(shell, target):
    body = bytes(range(256)) * 400
    event = target.post(body, target.bearer).json()["id"]
    done = shell.run("event", "body", event)
    assert hashlib.sha256(done.stdout).hexdigest() == sha256(body)


def test_event_tail_prints_events_as_they_come(shell, target):
    first = target.post(b"1", target.bearer).json()["id"]
    tail = subprocess.Popen(
        [PROGRAM, "event", "tail", "--webhook", target.webhook, "--json"], env=shell.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    stop = threading.Timer(SECONDS, tail.kill)
    stop.start()
    try:
        assert json.loads(tail.stdout.readline())["id"] == first
        second = target.post(b"2", target.bearer).json()["id"]
        assert json.loads(tail.stdout.readline())["id"] == second
    finally:
        stop.cancel()
        tail.kill()
        tail.wait()


def test_a_control_sequence_from_outside_does_not_reach_the_terminal(shell, target):
    event = target.post(b"x", target.bearer | {"Content-Type": "text/\x9b31mred"}).json()["id"]
    for words in [("event", "list", "--webhook", target.webhook), ("event", "show", event)]:
        assert "\x9b".encode() not in shell.run(*words).stdout


@pytest.mark.parametrize("server_url, token, words", [
    ("http://127.0.0.1:1", "inlm_x", "No answer from http://127.0.0.1:1"),
    (None, "inlm_x", "management token"),
])
def test_a_server_that_is_down_or_a_wrong_token_is_said_in_one_line(shell, server_url, token, words):
    environment = {"INLET_TOKEN": token} | ({"INLET_SERVER": server_url} if server_url else {})
    assert words in one_line(shell.run("status", **environment))


def test_after_SIGTERM_under_load_every_acknowledged_event_is_there_and_the_exit_code_is_0(folder):
    server = Server(folder)
    server.init()
    server.start()
    api = server.api()
    webhook = api.new_webhook("drain")
    token = api.new_token("app", "drain", webhook)["secret"]
    acknowledged, broken = [], []
    under_way = threading.Event()

    def send(number):
        connection = Connection(server.ingest_port)
        headers = {"Authorization": f"Bearer {token}"}
        try:
            for turn in range(10_000):
                answer = connection.request("POST", f"/in/{webhook}", b"%d %d" % (number, turn), headers)
                if answer.status == 202:
                    acknowledged.append(answer.json()["id"])
                    if len(acknowledged) > 200:
                        under_way.set()
                elif answer.status != 503:
                    broken.append(answer.status)
                if answer.header("Connection") == "close":
                    return
        except OSError:
            pass  # a new connection that is refused, or one that was idle when the server closed it
        finally:
            connection.close()

    try:
        senders = [threading.Thread(target=send, args=(number,)) for number in range(8)]
        for sender in senders:
            sender.start()
        assert under_way.wait(SECONDS)
        assert server.stop() == 0
        for sender in senders:
            sender.join(SECONDS)
        server.start()
        kept = {event["id"] for event in server.api().all_events(webhook, limit=500)}
        assert not broken
        assert set(acknowledged) <= kept
        assert server.stop() == 0
    finally:
        server.kill()
