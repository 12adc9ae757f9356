"""The program as a person uses it: commands, files, exit codes, and what SIGTERM leaves behind."""

import base64
import hashlib
import hmac
import json
import os
import pty
import re
import select
import shutil
import stat
import subprocess
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from databases import database_for
from inlet_server import HANG_SECONDS, Connection, Server, binary_path, call_once, new_folder, own_server, sha256, until
from session_server import embedded_only

SECONDS = HANG_SECONDS
PROGRAM = str(Path(binary_path()).resolve())


class Shell:
    """Runs the program with a home folder of its own and nothing of ours in the environment."""

    def __init__(self, folder, server=None, token=None):
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("INLET_", "XDG_"))}
        self.environment["HOME"] = str(folder)
        if server:
            self.environment |= {"INLET_SERVER": f"http://127.0.0.1:{server.admin_port}", "INLET_TOKEN": token}

    def run(self, *words, lines=(), **environment):
        """Runs a command without a terminal; what it asks for are the lines of standard input."""
        return subprocess.run(
            [PROGRAM, *words], env=self.environment | environment, cwd=self.folder,
            input="".join(line + "\n" for line in lines).encode(), capture_output=True, timeout=SECONDS,
        )

    def json(self, *words, lines=()):
        done = self.run(*words, "--json", lines=lines)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    def at_terminal(self, *words, answers):
        """Runs a command at a terminal and types each answer when its prompt shows: (exit code, what the screen showed)."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [PROGRAM, *words], env=self.environment, cwd=self.folder, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        screen, seen, answers = b"", 0, list(answers)
        try:
            while select.select([ours], [], [], SECONDS)[0]:
                try:
                    screen += os.read(ours, 65_536)
                except OSError:  # that is how a terminal without programs reads
                    break
                if answers and answers[0][0].encode() in screen[seen:]:
                    seen = len(screen)
                    os.write(ours, answers.pop(0)[1].encode() + b"\n")
            assert not answers, f"never asked: {answers}\n{screen.decode()}"
            return process.wait(SECONDS), screen.decode()
        finally:
            process.kill()
            process.wait()
            os.close(ours)


@pytest.fixture
def folder():
    path = new_folder("commands")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def shell(folder, server, api):
    return Shell(folder, server, api.token)


@pytest.fixture
def alone(folder):
    """A shell on a machine without a server, whose database is empty."""
    shell = Shell(folder)
    shell.environment |= database_for(folder / "data", is_durable=True).environment
    return shell


def one_line(done):
    """A refusal is one line on standard error, and nothing on standard output."""
    assert done.returncode != 0
    assert done.stdout == b""
    lines = done.stderr.decode().strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("inlet: "), lines
    return lines[0]


def eventually(look):
    """What `look` returns as soon as it is true: what the hot path gathers on the side is written once a second."""
    found = until(look)
    assert found, "it did not come"
    return found


def in_days(count):
    return (datetime.now(timezone.utc) + timedelta(days=count)).strftime("%Y-%m-%dT%H:%M:%SZ")


def totp(secret):
    """The code that an authenticator app shows now, RFC 6238 with its usual numbers."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.digest(key, (int(time.time()) // 30).to_bytes(8, "big"), "sha1")
    start = mac[-1] & 15
    number = int.from_bytes(mac[start:start + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def test_init_says_everything_once_and_refuses_a_folder_that_has_an_installation(alone, folder):
    made = alone.json("init", "--data", "data")
    assert set(made) == {
        "organization", "owner", "set_up_code", "set_up_url", "set_up_expires_at", "webhook", "ingest_url", "api_token", "management_token", "curl"}
    assert made["ingest_url"].endswith("/in/" + made["webhook"])
    assert made["api_token"] in made["curl"] and made["ingest_url"] in made["curl"]
    assert "There is an installation already" in one_line(alone.run("init", "--data", "data"))

    assert made["set_up_url"] == "http://127.0.0.1:8081/set-up#" + made["set_up_code"]
    assert "password" not in json.dumps(made)

    key = folder / "data" / "master.key"
    profile = folder / ".config" / "inlet" / "profile.json"
    for path in [key, profile]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(profile.read_text())["token"] == made["management_token"]


def test_the_owner_of_a_new_installation_gets_a_password_by_its_set_up_link(folder, own):
    server = own
    shell = Shell(folder, server, "")
    code = server.info["set_up_code"]
    login = ["sign-in", "--server", f"http://127.0.0.1:{server.admin_port}", "--login"]
    one_line(shell.run(*login, "owner", lines=["four quiet green boats"]))
    one_line(shell.run("set-up", "--code", code[:-1] + "x", lines=["four quiet green boats"]))
    one_line(shell.run("set-up", "--code", code, lines=["short"]))
    names = ["--name", "Ada", "--login", "Ada@example.com", "--organization-name", "Bakery", "--language", "nl"]
    done = shell.run("set-up", "--code", code, *names, lines=["four quiet green boats"])
    assert done.returncode == 0 and b"--login Ada@example.com" in done.stdout
    one_line(shell.run("set-up", "--code", code, lines=["three loud red boats"]))
    one_line(shell.run(*login, "owner", lines=["four quiet green boats"]))
    assert shell.run(*login, "ada@example.com", lines=["four quiet green boats"]).returncode == 0
    me = Shell(folder, server, server.info["management_token"]).json("me")
    assert (me["account"]["name"], me["organization"]["name"], me["language"]) == ("Ada", "Bakery", "nl")


def test_a_quickstart_shows_a_new_set_up_link_until_the_owner_has_a_password(own):
    server = own
    codes = [server.info["set_up_code"]]
    for _ in range(2):
        assert server.stop() == 0
        server.start(flags=["--quickstart"])
        codes.append(until(lambda: re.findall(r"/set-up#(inll_\w+)", server.log_tail())[len(codes) - 1:])[0])
    assert len(set(codes)) == 3
    for code in codes[:2]:
        asked = json.dumps({"code": code, "password": "four quiet green boats"})
        assert call_once(server.admin_port, "POST", "/api/v1/set-up", asked).status == 400
    server.info["set_up_code"] = codes[2]
    server.owner_password()
    assert server.stop() == 0
    before = server.log_tail().count("/set-up#")
    server.start(flags=["--quickstart"])
    assert until(lambda: server.log_tail().count("Inlet is ready.") == 3)
    assert server.log_tail().count("/set-up#") == before


def test_a_wrong_missing_or_open_master_key_refuses_to_start(alone, folder):
    alone.json("init", "--data", "data")
    key = folder / "data" / "master.key"
    serve = ["serve", "--data", "data", "--ingest", "127.0.0.1:0", "--admin", "127.0.0.1:0"]

    key.chmod(0o644)
    assert "chmod 600" in one_line(alone.run(*serve))
    key.chmod(0o600)
    good = key.read_text()
    key.write_text("1 " + "ab" * 32 + "\n")
    assert "not the one this database was made with" in one_line(alone.run(*serve))
    key.write_text("1 nonsense\n")
    assert "line 1" in one_line(alone.run(*serve))
    key.unlink()
    assert "cannot be read" in one_line(alone.run(*serve))
    key.write_text(good)


def test_a_setting_that_is_wrong_or_unknown_refuses_to_start_and_is_named(alone, folder):
    assert "INLET_BODY_BYTE_MAX" in one_line(alone.run("serve", INLET_BODY_BYTE_MAX="1"))
    assert "--body-bytes-max" in one_line(alone.run("serve", "--body-bytes-max", "many"))
    (folder / "settings.json").write_text('{"colour": "red"}')
    assert "colour" in one_line(alone.run("serve", "--config", "settings.json"))
    assert "nothing is installed" in one_line(alone.run("serve", "--data", "empty")).lower()


@embedded_only
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

    assert shell.json("token", "deactivate", token["id"], "--yes")["state"] == "inactive"
    assert b'"code":"unauthorized"' in subprocess.run(line, shell=True, capture_output=True, timeout=SECONDS).stdout
    assert shell.json("token", "activate", token["id"])["state"] == "active"
    assert "Deactivate it first" in one_line(shell.run("token", "delete", token["id"], "--yes"))
    shell.json("token", "deactivate", token["id"], "-y")
    assert shell.run("token", "delete", token["id"], "--yes").returncode == 0
    assert shell.json("status")["database"] == server.database.kind


def test_N5_what_would_stop_callers_is_not_done_without_a_terminal_unless_yes_is_passed(shell, api, target):
    token = target.token["id"]
    service = shell.json("account", "create", "--kind", "service", "--name", "asked first")["id"]
    person = shell.json("account", "create", "--kind", "person", "--name", "asked first", "--login", "asked.first")["id"]
    deeds = [
        ["token", "deactivate", token], ["token", "delete", token], ["token", "rotate", token],
        ["token", "transfer", token, "--to", service], ["account", "deactivate", service], ["account", "delete", service],
        ["account", "block-sign-in", person], ["account", "transfer-tokens", person, "--to", service],
    ]
    before = len(shell.json("audit", "list")["items"])
    for words in deeds:
        for json_too in [[], ["--json"]]:
            line = one_line(shell.run(*words, *json_too))
            assert line.startswith("inlet: This would ")
            assert line.endswith("; pass --yes to do it without being asked.")
    assert len(shell.json("audit", "list")["items"]) == before
    assert shell.json("token", "show", token)["state"] == "active"
    assert len(shell.json("token", "show", token)["secrets"]) == 1
    assert shell.json("account", "show", person)["sign_in"] == "allowed"


def test_N5_at_a_terminal_the_impact_is_shown_and_only_yes_goes_on(shell, target):
    token = target.token["id"]
    target.assert_good_call_works()
    eventually(lambda: shell.json("token", "impact", token)["count"])
    for answer in ["n", "", "yep"]:
        code, screen = shell.at_terminal("token", "deactivate", token, answers=[("Go on? [y/N]", answer)])
        assert code == 1 and "Nothing was changed." in screen
        for word in [target.webhook, "127.0.0.1", "one call in the last 30 days"]:
            assert word in screen
    target.assert_good_call_works()
    code, screen = shell.at_terminal("token", "deactivate", token, answers=[("Go on? [y/N]", "y")])
    assert code == 0 and "inactive" in screen
    assert target.post(b"", target.bearer).status == 401


def test_N5_the_impact_of_a_token_and_of_its_owner_say_which_webhook_was_called_and_from_where(shell, target):
    owner = shell.json("account", "create", "--kind", "service", "--name", "impact")["id"]
    shell.json("token", "transfer", target.token["id"], "--to", owner, "--yes")
    target.assert_good_call_works()
    impact = eventually(lambda: (it := shell.json("token", "impact", target.token["id"]))["count"] and it)
    assert (impact["subject"], impact["days"], impact["count"]) == (target.token["id"], 30, 1)
    [webhook] = impact["webhooks"]
    assert (webhook["webhook"], webhook["count"], webhook["addresses"]) == (target.webhook, 1, ["127.0.0.1"])
    whole = shell.json("account", "impact", owner)
    assert [it["token"] for it in whole["tokens"]] == [target.token["id"]]
    assert "127.0.0.1" in shell.run("account", "impact", owner).stdout.decode()


def test_N6_a_rotated_token_takes_both_secrets_until_the_overlap_ends(shell, target):
    token = target.token["id"]
    rotated = shell.json("token", "rotate", token, "--overlap", "90m", "--yes")
    new = {"Authorization": f"Bearer {rotated['secret']}"}
    assert rotated["secret"] != target.secret
    assert [it["state"] for it in rotated["secrets"]] == ["current", "ending"]
    assert [target.post(b"", it).status for it in [target.bearer, new]] == [202, 202]
    assert b"ending" in shell.run("token", "show", token).stdout
    shell.json("token", "end-overlap", token)
    assert [target.post(b"", it).status for it in [target.bearer, new]] == [401, 202]
    newest = shell.json("token", "rotate", token, "--overlap", "0", "--yes")["secret"]
    assert target.post(b"", new).status == 401
    assert target.post(b"", {"Authorization": f"Bearer {newest}"}).status == 202
    for wrong in ["soon", "-1h", "1w", "99999999999999999999d"]:
        assert shell.run("token", "rotate", token, f"--overlap={wrong}", "--yes").returncode == 64


def test_N7_limits_of_a_token_are_set_and_lifted(shell, target):
    token = shell.json(
        "token", "create", "--kind", "app", "--webhook", target.webhook, "--name", "limits", "--network", "10.0.0.0/8",
        "--network", "192.0.2.0/24", "--rate-limit", "5", "--expires-at", in_days(10))
    assert token["networks"] == ["10.0.0.0/8", "192.0.2.0/24"] and token["rate_limit_per_minute"] == 5
    bearer = {"Authorization": f"Bearer {token['secret']}"}
    assert target.post(b"", bearer).status == 401
    assert shell.json("token", "edit", token["id"], "--name", "renamed")["networks"] == token["networks"]
    lifted = shell.json("token", "edit", token["id"], "--no-networks", "--no-rate-limit", "--no-expiry")
    assert lifted["networks"] == [] and lifted["name"] == "renamed"
    assert lifted.get("rate_limit_per_minute") is None and lifted.get("expires_at") is None
    assert target.post(b"", bearer).status == 202
    assert shell.json("token", "edit", token["id"], "--network", "127.0.0.0/8")["networks"] == ["127.0.0.0/8"]
    assert target.post(b"", bearer).status == 202
    assert shell.run("token", "edit", token["id"], "--no-expiry", "--expires-at", in_days(1)).returncode == 64


def test_N4_the_outlook_lists_a_token_that_will_expire_and_the_warnings_can_be_read(shell, target):
    token = shell.json(
        "token", "create", "--kind", "app", "--webhook", target.webhook, "--name", "ends", "--expires-at", in_days(10))
    soon = {it["subject"]: it for it in shell.json("outlook", "--days", "11")["items"]}
    assert soon[token["id"]]["kind"] == "token_expires" and soon[token["id"]]["days_left"] == 10
    assert token["id"] not in {it["subject"] for it in shell.json("outlook", "--days", "5")["items"]}
    assert b"token_expires" in shell.run("outlook").stdout
    assert "items" in shell.json("outlook", "warnings")


def test_N3_a_call_with_a_lapsed_token_is_held_and_released_once_that_is_put_right(shell, target):
    token = target.token["id"]
    shell.json("token", "deactivate", token, "--yes")
    bodies = [b"first", b"second"]
    for body in bodies:
        assert target.post(body, target.bearer).status == 401
    held = eventually(lambda: len(it := shell.json("held", "list", "--token-id", token)["items"]) == 2 and it)
    assert {(it["webhook"], it["cause"], it["can_release"]) for it in held} == {(target.webhook, "token_inactive", False)}
    # The ledger is written four times a second.
    refused = eventually(lambda: len(
        it := shell.json("call", "list", "--token-id", token, "--cause", "token_inactive")["items"]) == 2 and it)
    assert {it["held"] for it in refused} == {it["id"] for it in held}
    one_line(shell.run("held", "release", held[0]["id"]))
    shell.json("token", "activate", token)
    one = shell.json("held", "release", held[0]["id"])
    rest = shell.json("held", "release", "--all", "--webhook", target.webhook)
    assert (one["released"], rest["released"]) == (1, 1)
    released = {target.api.body(it).body for it in one["events"] + rest["events"]}
    assert released == set(bodies)
    assert shell.json("event", "show", one["events"][0])["released_at"]
    assert shell.json("held", "list", "--token-id", token)["items"] == []
    for wrong in [[], [held[0]["id"], "--all"], [held[0]["id"], "--webhook", target.webhook]]:
        assert shell.run("held", "release", *wrong).returncode == 64


def test_the_ledger_is_narrowed_and_counted(shell, target):
    accepted = target.assert_good_call_works()
    elsewhere = target.api.new_token("app", "elsewhere", target.api.new_webhook("elsewhere"))["secret"]
    assert target.post(b"", {"Authorization": f"Bearer {elsewhere}"}).status == 403
    calls = eventually(lambda: len(it := shell.json("call", "list", "--webhook", target.webhook)["items"]) == 2 and it)
    assert {it["outcome"] for it in calls} == {"accepted", "refused"}
    narrow = ["--webhook", target.webhook, "--outcome", "accepted", "--from", in_days(-1), "--to", in_days(1)]
    assert [it["id"] for it in shell.json("call", "list", *narrow)["items"]] == [accepted]
    assert shell.json("call", "list", "--webhook", target.webhook, "--to", in_days(-1))["items"] == []
    counts = eventually(
        lambda: (it := {it["key"]: it for it in shell.json("call", "counts", "--by", "webhook")["items"]}.get(target.webhook))
        and it["accepted"] and it)
    assert counts["accepted"] == 1 and counts["name"]
    assert b"ACCEPTED" in shell.run("call", "counts", "--by", "cause", "--days", "1").stdout
    rate = shell.json("call", "rate", "--minutes", "30")["items"]
    assert len(rate) == 30 and sum(it["accepted"] for it in rate) >= 1 and sum(it["refused"] for it in rate) >= 1
    assert shell.run("call", "rate").stdout.startswith(b"MINUTE")
    assert "minutes" in one_line(shell.run("call", "rate", "--minutes", "181"))
    [caller] = shell.json("webhook", "callers", target.webhook)["items"]
    assert (caller["token"], caller["name"]) == (target.token["id"], target.token["name"]) and caller["count"] >= 1
    assert shell.run("webhook", "callers", target.webhook).stdout.startswith(b"TOKEN")


def test_N9_an_account_by_the_command_line(shell):
    made = shell.json("account", "create", "--kind", "service", "--name", "robot", "--role", "viewer", "--with-token")
    other = shell.json("account", "create", "--kind", "service", "--name", "successor")
    assert made["token"]["secret"].startswith("inl") and made["sign_in"] == "never" and "invitation" not in made
    assert shell.json("account", "edit", made["id"], "--name", "Robot", "--role", "member")["role"] == "member"
    assert made["id"] in {it["id"] for it in shell.json("account", "list", "--limit", "500")["items"]}
    assert shell.json("account", "deactivate", made["id"], "--yes")["state"] == "inactive"
    assert shell.json("account", "activate", made["id"])["state"] == "active"

    assert [it["id"] for it in shell.json("token", "list", "--owner", made["id"])["items"]] == [made["token"]["id"]]
    assert made["token"]["id"] in one_line(shell.run("account", "delete", made["id"], "--yes"))
    moved = shell.json("account", "transfer-tokens", made["id"], "--to", other["id"], "--yes")
    assert moved == {"moved": [made["token"]["id"]], "left": []}
    assert shell.run("account", "delete", made["id"], "--yes").returncode == 0
    one_line(shell.run("account", "show", made["id"]))


def test_a_person_joins_signs_in_and_adds_a_second_factor_by_the_command_line(shell, server, folder):
    made = shell.json("account", "create", "--kind", "person", "--name", "Ada", "--login", "ada")
    renewed = shell.json("account", "invite", "ada")
    first, second, third = "green kettle on the roof", "seven quiet harbours", "no lamp without a moth"
    one_line(shell.run("password", "set", "--code", made["invitation"]["code"] + "x", lines=[first]))
    assert shell.run("password", "set", "--code", renewed["code"], lines=[first]).returncode == 0
    one_line(shell.run("password", "set", "--code", renewed["code"], lines=[second]))

    # From here on as a person at a computer of their own, without a token.
    (folder / "ada").mkdir()
    ada = Shell(folder / "ada")
    address = f"http://127.0.0.1:{server.admin_port}"
    sign_in = ["sign-in", "--server", address, "--login", "ada"]
    one_line(ada.run(*sign_in, lines=["wrong"]))
    signed_in = ada.json(*sign_in, lines=[first])
    profile = folder / "ada" / ".config" / "inlet" / "profile.json"
    assert signed_in["profile"] == str(profile) and stat.S_IMODE(profile.stat().st_mode) == 0o600
    assert json.loads(profile.read_text())["token"].startswith("inlm_")
    me = ada.json("me")
    assert me["account"]["login"] == "ada" and "webhooks.change" in me["permissions"]
    assert (me["language"], me["account"].get("language")) == ("en", None)
    changed = ada.json("me", "edit", "--name", "Ada L", "--language", "pt-BR")
    assert (changed["account"]["name"], changed["language"], changed["account"]["language"]) == ("Ada L", "pt-BR", "pt-BR")
    assert b"en, as the organization" in ada.run("me", "edit", "--language", "none").stdout
    assert "language" in one_line(ada.run("me", "edit", "--language", "de"))
    assert ada.json("session", "list")["items"] == []
    names = [it["name"] for it in ada.json("token", "list", "--owner", "ada")["items"]]
    assert len(names) == 1 and names[0].startswith("Command line of ")
    one_line(ada.run("token", "create", "--kind", "api", "--name", "not mine to make"))

    assert ada.run("password", "change", lines=[first, second]).returncode == 0
    one_line(ada.run("password", "change", lines=[first, third]))
    factor = ada.json("second-factor", "enable", lines=[second])
    assert factor["uri"].startswith("otpauth://totp/") and factor["secret"] in factor["uri"]
    recovery = ada.json("second-factor", "confirm", totp(factor["secret"]))["recovery_codes"]
    one_line(ada.run(*sign_in, lines=[second]))
    code, screen = ada.at_terminal(
        *sign_in, answers=[("Password of ada: ", second), ("Code of the authenticator app: ", recovery[0])])
    assert code == 0 and second not in screen
    assert profile.with_suffix(".json.previous").exists()
    assert ada.run("second-factor", "remove", lines=[second]).returncode == 0
    assert ada.json(*sign_in, lines=[second])["role"] == "member"

    assert shell.json("account", "block-sign-in", "ada", "--yes")["sign_in"] == "blocked"
    one_line(ada.run("me"))
    assert shell.json("account", "allow-sign-in", "ada")["sign_in"] == "allowed"
    reset = shell.json("account", "password-reset", "ada")
    code, screen = ada.at_terminal(
        "password", "set", "--server", address, "--code", reset["code"],
        answers=[("New password: ", third), ("Again: ", third)])
    assert code == 0 and third not in screen
    assert ada.json(*sign_in, lines=[third])["account"] == made["id"]
    assert shell.run("account", "end-sessions", "ada").returncode == 0
    assert shell.run("account", "remove-second-factor", "ada").returncode == 0


def test_two_passwords_that_differ_are_not_sent(shell):
    code, screen = shell.at_terminal(
        "password", "set", "--code", "x", answers=[("New password: ", "one"), ("Again: ", "another")])
    assert code == 1 and "two different passwords" in screen and "another" not in screen


def test_the_organization_is_shown_and_changed(shell):
    before = shell.json("org", "show")
    try:
        changed = shell.json(
            "org", "edit", "--name", "Renamed", "--inactivity-days", "never", "--daily-quota", "1000000", "--hold-calls", "off",
            "--language", "nl")
        assert changed["language"] == "nl"
        assert (changed["name"], changed["daily_quota"], changed["hold_calls"]) == ("Renamed", 1_000_000, False)
        assert changed.get("inactivity_days") is None
        assert b"never" in shell.run("org", "show").stdout
    finally:
        after = shell.json(
            "org", "edit", "--name", before["name"], "--inactivity-days", str(before["inactivity_days"]), "--daily-quota",
            "none", "--hold-calls", "on", "--language", before["language"])
    assert after == before
    assert shell.run("org", "edit", "--daily-quota", "many").returncode == 64


def test_another_organization_is_made_and_a_person_joins_it(shell, server, folder):
    login, password = "both.houses", "eleven slow trains"
    person = shell.json("account", "create", "--kind", "person", "--name", "Bo", "--login", login)
    shell.run("password", "set", "--code", person["invitation"]["code"], lines=[password])
    made = shell.json("org", "create", "Second house")
    assert made["id"] in {it["id"] for it in shell.json("org", "list")["items"]}
    second = Shell(folder, server, made["management_token"])
    assert second.json("org", "show")["id"] == made["id"]
    assert second.json("token", "list")["items"] != shell.json("token", "list")["items"]
    one_line(second.run("keys", "status"))

    invitation = second.json("invitation", "create", login, "--role", "viewer")
    (folder / "bo").mkdir()
    bo = Shell(folder / "bo")
    address = f"http://127.0.0.1:{server.admin_port}"
    bo.json("sign-in", "--server", address, "--login", login, lines=[password])
    assert bo.json("invitation", "accept", invitation["code"]) == {"organization": made["id"], "role": "viewer"}
    assert made["id"] in {it["id"] for it in bo.json("org", "list")["items"]}


def test_N8_the_audit_log_is_exported_and_checked_without_the_server(shell, folder, target):
    shell.json("token", "deactivate", target.token["id"], "--yes")
    [entry] = shell.json("audit", "list", "--subject", target.token["id"], "--action", "token.deactivate")["items"]
    assert entry["subject"] == target.token["id"]
    assert shell.json("audit", "verify")["is_intact"]

    assert shell.run("audit", "export", "log.jsonl").returncode == 0
    log = folder / "log.jsonl"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600 and not list(folder.glob("*.partial"))
    assert "exists already" in one_line(shell.run("audit", "export", "log.jsonl"))
    lines = log.read_bytes().splitlines(keepends=True)
    assert shell.run("audit", "export").stdout.splitlines()[:len(lines) - 1] == [it.rstrip() for it in lines[:-1]]

    key = shell.json("audit", "key")["key"]
    elsewhere = Shell(folder)
    verdict = elsewhere.json("audit", "verify", "log.jsonl", "--key", key)
    assert verdict["is_intact"] and verdict["entries"] == len(lines) - 1
    assert elsewhere.json("audit", "verify", "log.jsonl")["is_intact"]
    assert elsewhere.run("audit", "verify", "log.jsonl", "--key", "00" * 32).returncode == 1
    one_line(elsewhere.run("audit", "verify", "log.jsonl", "--key", "short"))
    changed = [lines[0].replace(b'"action":"', b'"action":"x')] + lines[1:]
    for altered in [lines[:-2] + lines[-1:], lines[1:], lines[:-1], changed]:
        log.write_bytes(b"".join(altered))
        done = elsewhere.run("audit", "verify", "log.jsonl")
        assert done.returncode == 1 and b"NOT INTACT" in done.stdout


@pytest.fixture
def own():
    """A server of one test's own, for what concerns the whole installation."""
    with own_server() as server:
        server.start()
        yield server


def test_master_keys_are_rotated_and_retired(own, folder):
    shell = Shell(folder, own, own.info["management_token"])
    [first] = shell.json("keys", "status")["items"]
    assert first["state"] == "current" and first["secrets"] > 0
    second = shell.json("keys", "rotate")["number"]
    assert [it["state"] for it in shell.json("keys", "status")["items"] if it["number"] == second] == ["current"]
    key_file = own.data / "master.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    one_line(shell.run("keys", "retire", str(second)))
    one_line(shell.run("keys", "retire", str(first["number"])))
    assert shell.run("keys", "retire", str(first["number"]), "--force").returncode == 0
    assert [it["number"] for it in shell.json("keys", "status")["items"]] == [second]
    # The secret in use has moved to the new key; the one that nobody used has ended with the old key.
    assert shell.json("status")["database"] == own.database.kind
    path = "/in/" + own.info["webhook"]
    bearer = {"Authorization": f"Bearer {own.info['api_token']}"}
    assert Connection(own.ingest_port).request("POST", path, b"", bearer).status == 401


@embedded_only
def test_a_backup_is_written_whole_and_becomes_a_server_again(own, folder):
    shell = Shell(folder, own, own.info["management_token"])
    path = "/in/" + own.info["webhook"]
    bearer = {"Authorization": f"Bearer {own.info['api_token']}"}
    event = Connection(own.ingest_port).request("POST", path, b"kept", bearer).json()["id"]
    written = shell.json("backup", "backup.db")
    backup = folder / "backup.db"
    assert written["sha256"] == sha256(backup.read_bytes()) and written["bytes"] == backup.stat().st_size
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600 and not list(folder.glob("*.partial"))
    assert "exists already" in one_line(shell.run("backup", "backup.db"))
    later = Connection(own.ingest_port).request("POST", path, b"too late", bearer).json()["id"]
    assert own.stop() == 0

    key = str(own.data / "master.key")
    alone = Shell(folder)
    assert alone.run("restore", "backup.db", "--data", "restored", "--master-key-file", key).returncode == 0
    one_line(alone.run("restore", "backup.db", "--data", "restored", "--master-key-file", key))
    (folder / "again").mkdir()
    server = Server(folder / "again", data=folder / "restored", environment={"INLET_MASTER_KEY_FILE": key}, is_durable=False)
    server.info = own.info
    try:
        server.start()
        assert server.api().body(event).body == b"kept"
        assert later not in {it["id"] for it in server.api().all_events(own.info["webhook"])}
        assert server.stop() == 0
    finally:
        server.kill()


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


def test_after_SIGTERM_under_load_every_acknowledged_event_is_there_and_the_exit_code_is_0():
    with own_server(is_durable=True) as server:
        stop_under_load(server)


def stop_under_load(server):
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
