"""A backup made while calls come in becomes a server again, with everything that was acknowledged before it."""

import json
import shutil
import stat
import threading

import pytest

from inlet_server import Connection, Server, call_once, own_server, sha256
from session_server import embedded_only
from test_commands import Shell, one_line

pytestmark = embedded_only

CALLERS = 6
EVENTS_MIN = 300


class Load:
    """Callers that go on until they are stopped: which events were acknowledged, and with which bytes."""

    def __init__(self, server, webhook, token):
        self.port, self.path, self.bearer = server.ingest_port, f"/in/{webhook}", {"Authorization": f"Bearer {token}"}
        self.acknowledged = {}
        self.wrong = []
        self.enough = threading.Event()
        self.over = threading.Event()
        self.callers = [threading.Thread(target=self.call, args=(number,)) for number in range(CALLERS)]

    def call(self, number):
        connection = Connection(self.port)
        for turn in range(1_000_000):
            if self.over.is_set():
                break
            body = b"%d %d \x00\xff" % (number, turn) * (1 + turn % 50)
            answer = connection.request("POST", self.path, body, {**self.bearer, "Idempotency-Key": f"{number}-{turn}"})
            if answer.status != 202:
                self.wrong.append(answer)
                break
            self.acknowledged[answer.json()["id"]] = body
            if len(self.acknowledged) >= EVENTS_MIN:
                self.enough.set()
        connection.close()

    def __enter__(self):
        for caller in self.callers:
            caller.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for caller in self.callers:
            caller.join(30)


class Saved:
    """A backup of a server, its key kept apart, and what was acknowledged before it was asked for."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "backup.inlet"
        self.key = folder / "apart" / "master.key"
        with own_server() as server:
            server.start()
            api = server.api()
            self.info = server.info
            self.webhook = api.new_webhook("saved")
            self.token = api.new_token("app", "saved", self.webhook)["secret"]
            stopped = api.new_token("app", "switched off", self.webhook)
            api.deactivate(stopped["id"])
            self.stopped = stopped["secret"]
            with Load(server, self.webhook, self.token) as load:
                assert load.enough.wait(60)
                self.before = dict(load.acknowledged)
                self.written = Shell(folder, server, api.token).json("backup", str(self.file))
            assert not load.wrong, load.wrong
            self.sent = load.acknowledged
            self.key.parent.mkdir()
            shutil.copy(server.data / "master.key", self.key)
            self.master_key_text = self.key.read_text()
            assert server.stop() == 0

    def restore(self, data, file=None, key=None):
        return Shell(self.folder).run(
            "restore", str(file or self.file), "--data", str(data), "--master-key-file", str(key or self.key))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return Saved(tmp_path_factory.mktemp("restore"))


def test_the_backup_is_one_checked_file_that_nobody_else_may_read(saved):
    content = saved.file.read_bytes()
    assert content.startswith(b"SQLite format 3\x00")
    assert saved.written["sha256"] == sha256(content) and saved.written["bytes"] == len(content)
    assert stat.S_IMODE(saved.file.stat().st_mode) == 0o600
    for line in saved.master_key_text.splitlines():
        if not line.startswith("#"):
            key = line.split()[1]
            assert key.encode() not in content and bytes.fromhex(key) not in content


def test_a_restored_server_has_every_event_from_before_the_backup_and_the_same_tokens(saved, tmp_path):
    data = tmp_path / "restored"
    done = saved.restore(data)
    assert done.returncode == 0, done.stderr.decode()

    server = Server(tmp_path, data=data, environment={"INLET_MASTER_KEY_FILE": str(saved.key)})
    server.info = saved.info
    try:
        server.start()
        api = server.api()
        assert api.expect([200], "GET", "/api/v1/me").json()["organization"]["id"] == saved.info["organization"]

        kept = {event["id"]: event for event in api.all_events(saved.webhook, limit=500)}
        assert len(saved.before) >= EVENTS_MIN
        assert set(saved.before) <= set(kept), "acknowledged before the backup and not in it"
        assert set(kept) <= set(saved.sent), "in the backup and never sent"
        for event, detail in kept.items():
            assert detail["body_sha256"] == sha256(saved.sent[event])
        for event in list(kept)[::25]:
            assert api.body(event).body == saved.sent[event]

        def call(secret, key):
            headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": key}
            return call_once(server.ingest_port, "POST", f"/in/{saved.webhook}", b"again", headers)

        # Dedupe keys came along: who sends again because of the outage makes no second event.
        again = call(saved.token, "0-0")
        assert again.status == 200 and saved.sent[again.json()["id"]] == b"0 0 \x00\xff"
        fresh = call(saved.token, "fresh")
        assert fresh.status == 202 and fresh.json()["id"] > max(kept)
        assert call(saved.stopped, "off").status == 401

        shell = Shell(tmp_path, server, api.token)
        verdict = shell.json("audit", "verify")
        assert verdict["is_intact"] and verdict["entries"] > 5
        assert server.stop() == 0
    finally:
        server.kill()


def test_a_restore_says_what_it_made_as_JSON(saved, tmp_path):
    done = Shell(tmp_path).run(
        "restore", str(saved.file), "--data", str(tmp_path / "new"), "--master-key-file", str(saved.key), "--json")
    assert done.returncode == 0, done.stderr.decode()
    assert isinstance(json.loads(done.stdout), dict)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_folder_that_has_a_database_is_refused_and_left_as_it_is(saved, tmp_path):
    data = tmp_path / "restored"
    assert saved.restore(data).returncode == 0
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    assert one_line(saved.restore(data))
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before


def test_a_folder_in_which_a_server_runs_is_refused(saved, server):
    assert one_line(saved.restore(server.data))


@pytest.mark.parametrize("damage", [
    lambda content: content[:len(content) // 2],
    lambda content: content[:-1],
    lambda content: content[:100],
    lambda content: b"",
    lambda content: bytes(len(content)),
    lambda content: content[:16] + bytes(84) + content[100:],
], ids=["half", "all but a byte", "the head", "empty", "zeros", "no head"])
def test_a_damaged_file_is_refused_and_leaves_no_database(saved, tmp_path, damage):
    file = tmp_path / "damaged"
    file.write_bytes(damage(saved.file.read_bytes()))
    data = tmp_path / "restored"
    assert one_line(saved.restore(data, file))
    assert not (data / "inlet.db").exists()
    assert saved.restore(data).returncode == 0, "the folder can't be used after a refusal"


@pytest.mark.parametrize("text", ["1 " + "ab" * 32 + "\n", "1 nonsense\n", ""], ids=["another", "unreadable", "empty"])
def test_a_wrong_key_is_refused_and_leaves_no_database(saved, tmp_path, text):
    key = tmp_path / "wrong.key"
    key.write_text(text)
    key.chmod(0o600)
    data = tmp_path / "restored"
    assert one_line(saved.restore(data, key=key))
    assert not (data / "inlet.db").exists()
    assert one_line(saved.restore(data, key=tmp_path / "none.key"))
    assert saved.restore(data).returncode == 0, "the folder can't be used after a refusal"


def test_a_backup_is_never_written_over_a_file(saved, server, api, tmp_path):
    file = tmp_path / "there"
    file.write_bytes(b"precious")
    assert "exists already" in one_line(Shell(tmp_path, server, api.token).run("backup", str(file)))
    assert file.read_bytes() == b"precious"
