"""The audit log: whoever alters, removes, moves or forges an entry is found out, also without Inlet. Row N8."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from inlet_server import own_server
from test_commands import SECONDS, Shell

SCRIPT = Path(__file__).with_name("verify_audit.py")
SCRIPT_LINES_MAX = 40
START = "0" * 64


def canonical(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


class Log:
    """An export of a real server, and what the two checkers say of an altered copy."""

    def __init__(self, server, folder):
        self.server = server
        self.folder = folder
        self.api = server.api()
        self.shell = Shell(folder, server, self.api.token)
        act_for_a_while(self.api)
        self.key = self.api.expect([200], "GET", "/api/v1/audit/key").json()["key"]
        answer = self.api.expect([200], "GET", "/api/v1/audit/export")
        assert answer.header("Content-Type").split(";")[0] == "application/jsonl"
        assert answer.body.endswith(b"\n")
        self.lines = answer.body[:-1].split(b"\n")
        self.count = len(self.lines) - 1

    def by_script(self, lines, *words):
        """What verify_audit.py says: (exit code, line)."""
        done = subprocess.run(
            [sys.executable, str(SCRIPT), str(self.write(lines)), *words], capture_output=True, timeout=SECONDS)
        assert not done.stderr, done.stderr.decode()
        return done.returncode, done.stdout.decode().strip()

    def by_inlet(self, lines, *words):
        """What `inlet audit verify FILE` says: (exit code, verdict). It asks no server."""
        shell = Shell(self.folder)
        done = shell.run("audit", "verify", str(self.write(lines)), "--json", *words)
        return done.returncode, json.loads(done.stdout)

    def write(self, lines):
        path = self.folder / "export.jsonl"
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return path

    def assert_good(self, lines, *words):
        assert self.by_script(lines, *words) == (0, f"ok, {self.count} entries")
        code, verdict = self.by_inlet(lines, *words)
        assert code == 0 and verdict["is_intact"] and verdict["entries"] == self.count and "fault" not in verdict

    def assert_bad(self, lines, place, *words):
        """Both name that entry as the first that is wrong."""
        code, line = self.by_script(lines, *words)
        assert code == 1 and line.startswith(f"entry {place}: "), line
        code, verdict = self.by_inlet(lines, *words)
        assert code == 1 and not verdict["is_intact"]
        assert verdict["fault"]["sequence"] == place, verdict
        assert verdict["entries"] == place - 1


def act_for_a_while(api):
    """Acts of several kinds, with names that are hard to write in JSON."""
    webhook = api.new_webhook('quote " backslash \\ slash / é ☃ 😀 \u2028')
    for kind, name in [("app", "for one"), ("api", "für alle"), ("app", "\u00e9 and e\u0301")]:
        token = api.new_token(kind, name, webhook if kind == "app" else None)["id"]
        api.expect([200], "PATCH", f"/api/v1/tokens/{token}", {"name": name + " <&>", "description": "tab\tand\nbreak"})
        api.deactivate(token)
        api.activate(token)
    api.expect([201], "POST", "/api/v1/accounts", {"kind": "service", "name": "Bot", "with_token": True})
    api.expect([201], "POST", "/api/v1/accounts", {"kind": "person", "name": "Ann", "login": "ann@example.com"})
    api.expect([200], "PATCH", "/api/v1/organization", {"inactivity_days": 90})
    api.expect([200], "POST", f"/api/v1/webhooks/{webhook}/pause")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    with own_server() as server:
        server.start()
        yield Log(server, tmp_path_factory.mktemp("audit"))
        assert server.stop() == 0


# --- what Inlet writes ---


def test_the_script_is_short_enough_to_be_read():
    assert len(SCRIPT.read_text().splitlines()) <= SCRIPT_LINES_MAX


def test_N8_an_export_is_good_with_and_without_the_key(log):
    assert log.count > 15
    log.assert_good(log.lines, "--key", log.key)
    log.assert_good(log.lines)


def test_N8_every_line_has_the_documented_form(log):
    fields = {
        "action", "actor", "actor_token", "at", "details", "hash", "id", "mac", "organization", "previous", "sequence",
        "subject",
    }
    last = START
    for place, line in enumerate(log.lines[:-1], 1):
        entry = json.loads(line)
        assert canonical(entry) == line
        assert set(entry) == fields and entry["sequence"] == place and entry["previous"] == last
        assert all(isinstance(value, str) for value in entry["details"].values())
        last = entry["hash"]
    end = json.loads(log.lines[-1])
    assert set(end) == {"entries", "hash", "mac", "organization"}
    assert (end["entries"], end["hash"]) == (log.count, last)


def test_N8_the_export_and_the_listing_tell_the_same(log):
    page = log.api.expect([200], "GET", "/api/v1/audit?limit=500").json()
    listed = {entry["sequence"]: entry for entry in page["items"]}
    for line in log.lines[:-1]:
        entry = json.loads(line)
        present = {name: value for name, value in entry.items() if value is not None}
        assert listed[entry["sequence"]] == present


def test_N8_the_command_exports_the_same_and_the_server_says_it_is_intact(log, tmp_path):
    file = tmp_path / "export.jsonl"
    assert log.shell.run("audit", "export", str(file)).returncode == 0
    assert file.read_bytes().split(b"\n")[:log.count] == log.lines[:-1]
    done = log.shell.run("audit", "verify", str(file), "--key", log.key)
    assert done.returncode == 0 and b"intact" in done.stdout and b"NOT INTACT" not in done.stdout
    verdict = log.shell.json("audit", "verify")
    assert verdict["is_intact"] and verdict["entries"] >= log.count
    assert log.shell.run("audit", "key").stdout.decode().strip() == log.key


# --- what somebody does to a copy of it ---


def altered(line, old, new):
    assert line.count(old) >= 1 and len(old) == len(new)
    return line.replace(old, new, 1)


def other_digit(line, name):
    """The line with the first hexadecimal digit of that field changed."""
    at = line.index(f'"{name}":"'.encode()) + len(name) + 4
    return line[:at] + (b"1" if line[at:at + 1] != b"1" else b"2") + line[at + 1:]


@pytest.mark.parametrize("place", [1, 7, -1], ids=["first", "middle", "last"])
@pytest.mark.parametrize("change", [
    lambda line: altered(line, b'"at":"20', b'"at":"19'),
    lambda line: altered(line, b'"action":"', b'"Action":"'),
    lambda line: altered(line, b'"subject":"', b'"subject" "'),
    lambda line: line.replace(b'"sequence":', b'"sequence": ', 1),
    lambda line: line.replace(b'{"action":', b'{"action":"token.create","action":', 1),
    lambda line: line.replace(b'"sequence":', b'"sequence":1', 1),
    lambda line: other_digit(line, "hash"),
    lambda line: other_digit(line, "previous"),
    lambda line: b"",
    lambda line: b"[]",
    lambda line: b"\xff" + line,
], ids=["a moment", "a name", "no JSON", "a blank", "a field twice", "the number", "the hash", "the one before", "empty", "a list",
        "no UTF-8"])
def test_N8_an_altered_entry_is_named(log, place, change):
    place = place if place > 0 else log.count
    lines = [*log.lines]
    lines[place - 1] = change(lines[place - 1])
    log.assert_bad(lines, place)
    log.assert_bad(lines, place, "--key", log.key)


@pytest.mark.parametrize("place", [1, 7, -1], ids=["first", "middle", "last"])
def test_N8_a_missing_entry_is_named(log, place):
    place = place if place > 0 else log.count
    lines = [line for number, line in enumerate(log.lines, 1) if number != place]
    log.assert_bad(lines, place)
    log.assert_bad(lines, place, "--key", log.key)


@pytest.mark.parametrize("place", [1, 7, -2], ids=["first", "middle", "last"])
def test_N8_two_swapped_entries_are_named(log, place):
    place = place if place > 0 else log.count - 1
    lines = [*log.lines]
    lines[place - 1:place + 1] = reversed(lines[place - 1:place + 1])
    log.assert_bad(lines, place)


def test_N8_an_end_cut_off_is_noticed(log):
    log.assert_bad(log.lines[:-1], log.count + 1)
    log.assert_bad(log.lines[:5], 6)
    log.assert_bad([], 1)
    # Half of the last line is written, as by a disk that was full.
    log.assert_bad([*log.lines[:-1], log.lines[-1][:40]], log.count + 1)


def test_N8_something_behind_the_end_is_noticed(log):
    log.assert_bad([*log.lines, log.lines[0]], log.count + 1)
    log.assert_bad([*log.lines, log.lines[-1]], log.count + 1)


def forged(lines, place):
    """A log with one entry changed and all hashes made anew, as one can who has the file and not the key."""
    entries = [json.loads(line) for line in lines]
    entries[place - 1]["subject"] = "acc_" + "0" * 20
    last = START
    for entry in entries[:-1]:
        entry["previous"] = last
        content = {name: value for name, value in entry.items() if name not in ("hash", "mac")}
        entry["hash"] = last = hashlib.sha256(canonical(content)).hexdigest()
    entries[-1]["hash"] = last
    return [canonical(entry) for entry in entries]


@pytest.mark.parametrize("place", [1, 7, -1], ids=["first", "middle", "last"])
def test_N8_a_forged_entry_is_named_by_who_has_the_key(log, place):
    place = place if place > 0 else log.count
    lines = forged(log.lines, place)
    log.assert_bad(lines, place, "--key", log.key)
    # Without the key one sees an unbroken chain, and no more.
    log.assert_good(lines)


def test_N8_a_log_closed_by_somebody_else_is_noticed_by_who_has_the_key(log):
    last = json.loads(log.lines[4])
    end = {**json.loads(log.lines[-1]), "entries": 5, "hash": last["hash"]}
    log.assert_bad([*log.lines[:5], canonical(end)], 6, "--key", log.key)


def test_N8_another_key_fits_nothing(log):
    log.assert_bad(log.lines, 1, "--key", "ab" * 32)


# --- what somebody does to the database ---


def test_N8_after_the_database_was_edited_the_server_names_the_entry(tmp_path):
    with own_server() as server:
        server.start()
        api = server.api()
        act_for_a_while(api)
        shell = Shell(tmp_path, server, api.token)
        count = shell.json("audit", "verify")["entries"]
        edits = [
            (4, f"UPDATE audit_entries SET subject = 'tok_{'0' * 20}' WHERE sequence = 4"),
            (5, "UPDATE audit_entries SET details = '{}' WHERE sequence = 5"),
            (6, "DELETE FROM audit_entries WHERE sequence = 6"),
            (count, f"DELETE FROM audit_entries WHERE sequence = {count}"),
            (1, "DELETE FROM audit_entries"),
        ]
        assert server.stop() == 0
        server.database.keep()
        for place, edit in edits:
            assert server.database.execute(edit) > 0
            server.start()
            done = shell.run("audit", "verify", "--json")
            verdict = json.loads(done.stdout)
            assert done.returncode == 1 and not verdict["is_intact"], edit
            assert verdict["fault"]["sequence"] == place, (edit, verdict)
            assert f"entry {place}:".encode() in shell.run("audit", "verify").stdout
            assert server.stop() == 0
            server.database.put_back()
        server.start()
        assert shell.json("audit", "verify")["is_intact"]
        assert server.stop() == 0


# --- who may ---


def test_N8_only_who_may_reads_the_log_and_only_an_owner_its_key(log):
    def as_role(role):
        account = log.api.expect([201], "POST", "/api/v1/accounts", {"kind": "service", "name": role, "role": role}).json()["id"]
        body = {"kind": "management", "name": role, "owner": account}
        return log.api.expect([201], "POST", "/api/v1/tokens", body).json()["secret"]

    statuses = {
        role: [log.api.request("GET", f"/api/v1/audit{path}", token=secret).status for path in ["", "/export", "/verify", "/key"]]
        for role in ["admin", "member", "viewer"] for secret in [as_role(role)]
    }
    assert statuses == {"admin": [200, 200, 200, 403], "member": [403] * 4, "viewer": [403] * 4}
