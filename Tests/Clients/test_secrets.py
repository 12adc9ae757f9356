"""After a day of all that can be done, no secret stands in any file but the one that is there for it."""

import base64
import hashlib
import hmac
import json
import re
import struct
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from inlet_server import LOOPBACK, basic, call_once, made_up_secret, own_server, until

STEP_SECONDS = 30
JSON = {"Content-Type": "application/json"}


def time_code(secret, steps_ahead=0):
    """The code of an authenticator app (RFC 6238)."""
    step = int(time.time()) // STEP_SECONDS + steps_ahead
    digest = hmac.new(base64.b32decode(secret), struct.pack(">q", step), "sha1").digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFF_FFFF) % 1_000_000:06}"


class Browser:
    """Keeps cookies as a browser does, and sends the header against forgery."""

    def __init__(self, port):
        self.port = port
        self.cookies = {}
        self.csrf = None

    def request(self, method, path, body=None):
        headers = {**JSON, "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if self.csrf and method != "GET":
            headers["Inlet-CSRF"] = self.csrf
        answer = call_once(self.port, method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                cookie, _, content = value.partition(";")[0].partition("=")
                self.cookies[cookie] = content
        return answer

    def expect(self, status, method, path, body=None):
        answer = self.request(method, path, body)
        assert answer.status == status, f"{method} {path}: {answer}"
        return answer.json() if answer.body else None


class Receiver:
    """Takes warnings as another server would: refuses the first and accepts the others. Remembers what came."""

    def __init__(self):
        self.received = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler):
                handler.rfile.read(int(handler.headers["Content-Length"]))
                self.received.append((handler.path, dict(handler.headers)))
                handler.send_response(500 if len(self.received) == 1 else 204)
                handler.end_headers()

            def log_message(handler, *_):
                pass

        self.server = HTTPServer((LOOPBACK, 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://{LOOPBACK}:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Day:
    """Does everything once, and remembers what was secret in it: each as the forms in which it could have been left behind."""

    def __init__(self, server):
        self.server = server
        self.api = server.api()
        self.needles = {}
        self.event_body = b"this is no secret: " + made_up_secret("z").encode()

    def secret(self, name, text):
        """Takes note of a secret of one of the forms `inl?_…`, and of its random part alone."""
        assert re.fullmatch(r"inl[a-z]_[0-9A-Za-z]{38}", text), name
        self.needles[name] = [re.escape(text.encode()), re.escape(text[5:37].encode())]
        return text

    def text(self, name, text):
        """Takes note of a password or another text that is long enough to stand nowhere by chance."""
        assert len(text) >= 8, name
        self.needles[name] = [re.escape(text.encode())]
        return text

    def digits(self, name, code):
        """Takes note of six digits; between other digits and letters they stand by chance."""
        self.needles[name] = [rb"(?<![0-9A-Za-z])" + code.encode() + rb"(?![0-9A-Za-z])"]
        return code

    def post(self, path, body=None, status=201, token=None):
        answer = self.api.request("POST", f"/api/v1{path}", body, token)
        assert answer.status == status, f"POST {path}: {answer}"
        return answer.json() if answer.body else None

    def call(self, authorization, body=b"", status=202, path=None):
        answer = call_once(
            self.server.ingest_port, "POST", path or f"/in/{self.webhook}", body, {"Authorization": authorization})
        assert answer.status == status, answer
        return answer

    def __call__(self):
        info = self.server.info
        for name in ["api_token", "management_token"]:
            self.secret(f"{name} of init", info[name])
        self.secret("code of the set-up link", info["set_up_code"])
        self.text("password of the owner", self.server.owner_password())
        self.tokens()
        self.refused_calls()
        self.held_calls()
        self.people()
        self.integrations()
        self.variables()
        self.keys()
        self.looks()
        self.warnings()
        self.backup()

    def tokens(self):
        self.webhook = self.api.new_webhook("the day")
        self.made = {}
        for kind in ["app", "api", "management"]:
            token = self.api.new_token(kind, f"the {kind} token", self.webhook if kind == "app" else None)
            self.made[kind] = token["id"], self.secret(f"{kind} token", token["secret"])
            if "basic" in token:
                self.text(f"{kind} token as Basic", token["basic"])
        self.post("/accounts", {"kind": "service", "name": "Bot", "with_token": True})
        for kind, (token, old) in self.made.items():
            new = self.secret(f"{kind} token, rotated", self.post(f"/tokens/{token}/rotate", {"overlap_seconds": 600})["secret"])
            for secret in [old, new] if kind != "management" else []:
                self.call(f"Bearer {secret}", self.event_body)
                self.call(basic("someone", secret), b"by Basic")
                self.call(basic(secret, ""), b"by Basic, as the user")
            if kind == "management":
                for secret in [old, new]:
                    assert self.api.request("GET", "/api/v1/me", token=secret).status == 200
            self.made[kind] = token, new
        self.post(f"/tokens/{self.made['api'][0]}/end-overlap", status=200)

    def refused_calls(self):
        _, app = self.made["app"]
        unknown = self.secret("a token that was made up", made_up_secret("a"))
        for authorization in [f"Bearer {unknown}", basic("someone", unknown), f"Digest {app}", f"Basic {app}", f"Bearer {app}x"]:
            self.call(authorization, status=401)
        self.call(f"Bearer {self.made['management'][1]}", status=401)
        self.call(f"Bearer {app}", status=400, path=f"/in/{self.webhook}?token={app}")
        other = self.api.new_webhook("another")
        self.call(f"Bearer {app}", status=403, path=f"/in/{other}")
        assert self.api.request("GET", f"/api/v1/webhooks?token={self.api.token}").status == 400
        assert self.api.request("GET", f"/api/v1/webhooks/{self.api.token}").status == 404
        assert self.api.request("GET", "/api/v1/me", token=app).status == 401
        assert self.api.request("POST", "/api/v1/tokens", {"kind": app, "name": app, "secret": app}).status == 400

    def held_calls(self):
        token, app = self.made["app"]
        self.api.deactivate(token)
        self.call(f"Bearer {app}", b"held, by Bearer", status=401)
        self.call(basic("someone", app), b"held, by Basic", status=401)
        assert until(lambda: len(self.api.expect([200], "GET", "/api/v1/held").json()["items"]) == 2)
        self.api.activate(token)
        assert self.post("/held/release", {"all": True}, status=200)["released"] == 2
        self.api.deactivate(token)
        self.call(f"Bearer {app}", b"held, and left so", status=401)

    def people(self):
        port = self.server.admin_port
        first = self.text("Ann's first password", "Ann-1-" + made_up_secret("z")[5:20])
        second = self.text("Ann's second password", "Ann-2-" + made_up_secret("z")[5:20])
        third = self.text("Ann's third password", "Ann-3-" + made_up_secret("z")[5:20])
        wrong = self.text("a wrong password", "Ann-0-" + made_up_secret("z")[5:20])
        ann = self.post("/accounts", {"kind": "person", "name": "Ann", "login": "ann@example.com", "role": "admin"})
        self.secret("an invitation", ann["invitation"]["code"])
        link = self.post(f"/accounts/{ann['id']}/invite")
        self.secret("a second invitation", link["code"])
        self.post("/passwords", {"code": link["code"], "password": first}, status=204)

        browser = self.sign_in("first", {"login": "ann@example.com", "password": first})
        Browser(port).expect(401, "POST", "/sessions", {"login": "ann@example.com", "password": wrong})
        # It happens: the password stands where the login should.
        Browser(port).expect(401, "POST", "/sessions", {"login": first, "password": "ann@example.com"})
        browser.expect(204, "POST", "/me/password", {"password": first, "new_password": second})

        factor = browser.expect(201, "POST", "/me/second-factor", {"password": second})
        self.text("a TOTP secret", factor["secret"])
        self.needles["a TOTP secret as bytes"] = [re.escape(base64.b32decode(factor["secret"]))]
        code = self.digits("the confirming code", time_code(factor["secret"]))
        recovery = browser.expect(201, "POST", "/me/second-factor/confirm", {"code": code})["recovery_codes"]
        for number, one in enumerate(recovery):
            self.needles[f"recovery code {number}"] = [
                re.escape(form.encode()) for plain in [one, one.replace("-", "")] for form in [plain, plain.upper()]]
        Browser(port).expect(401, "POST", "/sessions", {"login": "ann@example.com", "password": second})
        self.sign_in("by recovery code", {"login": "ann@example.com", "password": second, "code": recovery[0]})
        code = self.digits("a code of the app", time_code(factor["secret"], 1))
        self.sign_in("by app", {"login": "ann@example.com", "password": second, "code": code})

        link = self.post(f"/accounts/{ann['id']}/password-reset")
        self.secret("a reset", link["code"])
        self.post("/passwords", {"code": link["code"], "password": third}, status=204)
        again = {"login": "ann@example.com", "password": third, "code": recovery[1]}
        browser = self.sign_in("after the reset", again)
        mine = browser.expect(201, "POST", "/tokens", {"kind": "management", "name": "Ann's"})
        self.secret("a token made in a session", mine["secret"])

        other = self.post("/organizations", {"name": "The other one"})
        elsewhere = self.secret("the token of another organization", other["management_token"])
        link = self.post("/invitations", {"login": "ann@example.com"}, token=elsewhere)
        self.secret("an invitation elsewhere", link["code"])
        browser.expect(200, "POST", "/invitations/accept", {"code": link["code"]})
        browser.csrf = browser.expect(201, "POST", "/sessions/current/organization", {"organization": other["id"]})["csrf_token"]
        self.note_cookies("in the other organization", browser)
        browser.expect(204, "DELETE", "/sessions/current")
        # A link that nobody used, and a session that is still open.
        bob = self.post("/accounts", {"kind": "person", "name": "Bob", "login": "bob@example.com"})
        self.secret("an open invitation", bob["invitation"]["code"])
        self.sign_in("left open", {**again, "code": recovery[2]})

    def sign_in(self, name, body):
        browser = Browser(self.server.admin_port)
        browser.csrf = browser.expect(201, "POST", "/sessions", body)["csrf_token"]
        self.note_cookies(name, browser)
        browser.expect(200, "GET", "/me")
        return browser

    def note_cookies(self, name, browser):
        assert "__Host-inlet_session" in browser.cookies
        for cookie, value in browser.cookies.items():
            self.text(f"{cookie}, {name}", value)
        self.text(f"csrf_token, {name}", browser.csrf)

    def report(self, path, secret, body=None, status=202):
        body = None if body is None else json.dumps(body)
        answer = call_once(self.server.ingest_port, "POST", path, body, {"Authorization": f"Bearer {secret}"})
        assert answer.status == status, f"POST {path}: {answer}"
        return answer.json()

    def exchange(self, name, secret):
        return self.secret(name, self.report("/activations", secret, status=201)["activation_token"])

    def integrations(self):
        made = self.post("/credentials", {"type": "hits_failure", "name": "hits"})
        self.credential, first = made["id"], self.secret("an integration token", made["secret"])
        activation = self.exchange("an activation token", first)
        hits = {"resource": "checkout", "hits": 5, "failures": 1}
        deploy = {"version": "1", "environment": "production", "status": "succeeded"}
        self.report("/hits", activation, hits)
        self.call(basic("someone", activation), json.dumps(hits).encode(), path="/hits")
        for path, secret in [("/hits", first), ("/deploys", activation), ("/activations", activation)]:
            self.report(path, secret, hits, status=401)
        for secret in [first, activation]:
            self.call(f"Bearer {secret}", status=401)
            self.call(f"Bearer {secret}x", status=401, path="/hits")
            self.call(f"Bearer {secret}", status=400, path=f"/hits?token={secret}")
            assert self.api.request("GET", "/api/v1/me", token=secret).status == 401
            assert self.api.request("GET", f"/api/v1/credentials/{secret}").status == 404
        # It happens: secrets stand where something else should.
        self.report("/hits", activation, [hits, hits | {"resource": activation, "hits": -1}], status=400)
        self.report("/hits", activation, {first: activation}, status=400)
        for kind in ["h", "v", "d"]:
            unknown = self.secret(f"a report's token that was made up, {kind}", made_up_secret(kind))
            self.report("/hits", unknown, hits, status=401)
        second = self.post(f"/credentials/{self.credential}/regenerate")["secret"]
        self.secret("an integration token, made anew", second)
        self.report("/hits", activation, hits, status=401)
        self.report("/activations", first, status=401)
        self.exchange("an activation token that is left open", second)
        self.exchange("another one", second)
        [one, *_] = self.api.expect([200], "GET", f"/api/v1/credentials/{self.credential}/activations").json()["items"]
        self.api.expect([204], "DELETE", f"/api/v1/credentials/{self.credential}/activations/{one['id']}")
        third = self.api.expect(
            [200], "PATCH", f"/api/v1/credentials/{self.credential}", {"name": "hits, renamed", "regenerate": True}).json()
        self.newest = self.secret("an integration token, made anew with a new name", third["secret"])

        waiting = self.post("/applications", {"name": "waiting"})
        assert "secret" not in waiting
        self.post("/credentials", {"type": "deploy", "name": "deploys"})
        made = self.post("/applications", {"name": "checkout"})
        self.application, first = made["id"], self.secret("a deploy token", made["secret"])
        self.report("/deploys", first, deploy)
        self.report("/deploys", first, {first: first}, status=400)
        second = self.post(f"/applications/{self.application}/token/regenerate")["secret"]
        self.deploys = self.secret("a deploy token, made anew", second)
        self.report("/deploys", first, deploy, status=401)
        self.report("/deploys", self.deploys, deploy, status=200)

    def looks(self):
        """Looks at secrets, after master keys were changed: with the scope, without it, and in a session."""
        browser = self.sign_in("the owner", {"login": "owner", "password": self.server.owner_password()})
        proof = {"password": self.server.owner_password()}
        asked = {"kind": "management", "name": "reveals", "scopes": ["reveal"]}
        revealing = self.secret("a token that may reveal", browser.expect(201, "POST", "/tokens", asked | proof)["secret"])
        wrong = self.text("a wrong password for a look", "look-0-" + made_up_secret("z")[5:20])
        for path, secret in [
            (f"/credentials/{self.credential}/reveal", self.newest),
            (f"/applications/{self.application}/token/reveal", self.deploys),
        ]:
            assert self.post(path, {}, 200, revealing)["secret"] == secret
            assert browser.expect(200, "POST", path, proof)["secret"] == secret
            browser.expect(400, "POST", path, {"password": wrong})
            self.post(path, {}, 403, self.made["management"][1])
        waiting = self.post("/applications/waiting/token/reveal", {}, 200, revealing)["secret"]
        self.secret("a deploy token that nobody was shown when it was made", waiting)

    def variables(self):
        self.values = {}
        for name in ["IN_URL", "IN_HEADER", "UNUSED", "DELETED"]:
            path = f"/api/v1/secret-variables/{name}"
            for turn, status in [("first", 201), ("second", 200)]:
                self.values[name] = self.text(f"{turn} value of {name}", made_up_secret("z"))
                self.api.expect([status], "PUT", path, {"value": self.values[name]})
        self.api.expect([204], "DELETE", "/api/v1/secret-variables/DELETED")
        misplaced = self.text("a value where the name should stand", made_up_secret("z"))
        self.api.expect([400], "PUT", f"/api/v1/secret-variables/{misplaced}", {"value": misplaced, "name": misplaced})

    def warnings(self):
        """Has a warning posted to addresses with secret variables in them: where nobody listens, and where it is refused once."""
        soon = (datetime.now(timezone.utc) + timedelta(hours=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
        ends = self.post("/tokens", {"kind": "api", "name": "ends soon", "expires_at": soon})
        self.secret("a token that ends soon", ends["secret"])
        receiver = Receiver()
        try:
            self.notify(f"http://{LOOPBACK}:9")
            self.restart()
            assert until(lambda: self.api.expect([200], "GET", "/api/v1/warnings").json()["items"])
            # What is undelivered is posted when the server starts.
            self.restart()
            self.notify(receiver.url)
            for count in [1, 2]:
                self.restart()
                assert until(lambda: len(receiver.received) >= count), "no warning was posted"  # noqa: B023, asked at once
            assert until(lambda: "delivered_at" in self.api.expect([200], "GET", "/api/v1/warnings").json()["items"][0])
        finally:
            receiver.close()
        for path, headers in receiver.received:
            assert path == f"/hooks/{self.values['IN_URL']}?key={self.values['IN_URL']}"
            assert headers["Authorization"] == f"Bearer {self.values['IN_HEADER']}"

    def notify(self, address):
        self.api.expect([200], "PATCH", "/api/v1/organization", {
            "notification_url": address + "/hooks/{{IN_URL}}?key={{IN_URL}}",
            "notification_headers": {"Authorization": "Bearer {{IN_HEADER}}"},
        })

    def restart(self):
        assert self.server.stop() == 0
        self.server.start()

    def keys(self):
        self.note_master_keys()
        self.post("/keys/rotate")
        self.note_master_keys()
        key = self.api.expect([200], "GET", "/api/v1/audit/key").json()["key"]
        self.needles["the audit key"] = [key.encode(), re.escape(bytes.fromhex(key))]

    def note_master_keys(self):
        found = re.findall(r"^(\d+) ([0-9a-f]{64})$", (self.server.data / "master.key").read_text(), re.MULTILINE)
        assert found
        for number, key in found:
            self.needles[f"master key {number}"] = [key.encode(), re.escape(bytes.fromhex(key))]

    def backup(self):
        if self.server.database.kind == "postgres":
            return  # it is backed up by its own tools
        answer = self.api.request("POST", "/api/v1/backup")
        assert answer.status == 200 and answer.header("Inlet-Backup-Sha256") == hashlib.sha256(answer.body).hexdigest()
        (self.server.data / "backup").write_bytes(answer.body)

    def files(self):
        kept = [path for path in self.server.data.rglob("*") if path.is_file() and path.name != "master.key"]
        return {*kept, *self.server.database.files(), self.server.log}

    def found(self):
        """Which secrets stand in which files."""
        contents = {path.name: path.read_bytes() for path in self.files()}
        return [
            (secret, name)
            for secret, forms in self.needles.items()
            for name, content in contents.items() if any(re.search(form, content) for form in forms)
        ]


@pytest.fixture(scope="module")
def day():
    # The most that can be logged.
    with own_server({"INLET_LOG_LEVEL": "trace", "INLET_EGRESS_ALLOW": f"{LOOPBACK}/32"}) as server:
        server.start()
        done = Day(server)
        done()
        yield done


def test_no_secret_stands_in_any_file_while_the_server_runs_or_after_it_stopped(day):
    tables = {path.name for path in day.server.database.files()}
    copies = {"backup"} & {path.name for path in day.files()}
    assert len(tables) > 1, "the database or the log of its changes is missing"
    assert len(day.needles) > 80
    # What is no secret is looked for in the same way, to show that the search finds what is there.
    known = "the body of an event"
    day.needles[known] = [re.escape(day.event_body)]
    running = day.found()
    assert day.server.stop() == 0
    stopped = day.found()
    del day.needles[known]

    for found in [running, stopped]:
        where = {name for secret, name in found if secret == known}
        assert where & tables and copies <= where
    assert [(secret, name) for secret, name in running + stopped if secret != known] == []


def test_the_master_keys_stand_in_their_file_which_nobody_else_may_read(day):
    file = day.server.data / "master.key"
    contents = file.read_bytes()
    assert all(re.search(day.needles[f"master key {number}"][0], contents) for number in [1, 2])
    assert file.stat().st_mode & 0o777 == 0o600
    assert day.server.data.stat().st_mode & 0o077 == 0
