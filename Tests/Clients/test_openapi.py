"""docs/openapi.yaml: valid, served, kept to by the server, and good enough to make a client of."""

import datetime
import importlib
import json
import re
import subprocess
import sys
import zlib

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import strategies
from openapi_spec_validator import validate
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from inlet_server import LOOPBACK, REPOSITORY, call_once, own_server, until
from test_secrets import time_code

DOCUMENT = REPOSITORY / "docs" / "openapi.yaml"
BASE = "/api/v1"
SEED = 20_261_121
EXAMPLES_MAX = 20

# --- what schemathesis is told ---

# The document's formats. Neither a pattern nor a length says what they are, so their values are made here.
LETTERS = strategies.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs", "Cn", "Zs", "Zl", "Zp"])
FORMATS = {
    "name": strategies.text(LETTERS, min_size=1, max_size=100),
    "text": strategies.text(LETTERS | strategies.sampled_from(" \n\t"), max_size=500),
    "cidr": strategies.builds(
        lambda address, cut: f"{address}/{address.max_prefixlen - cut}", strategies.ip_addresses(), strategies.integers(0, 32)),
    # One that nobody would try first.
    "password": strategies.integers(0, 10**9).map(lambda number: f"vexing {number} plumage"),
    # With an offset that some place has; RFC 3339 allows more than Inlet reads.
    "date-time": strategies.datetimes(
        timezones=strategies.integers(-14, 14).map(lambda hours: datetime.timezone(datetime.timedelta(hours=hours))),
    ).map(datetime.datetime.isoformat),
    # Only the server makes one; see `Fitting`.
    "cursor": strategies.just(""),
    "step": strategies.builds("{}{}".format, strategies.integers(1, 31), strategies.sampled_from("mhd")) | strategies.just("60"),
    # Nothing listens there, and no secret variable stands in it.
    "notification-url": strategies.integers(0, 10**9).map(lambda number: f"http://{LOOPBACK}:9/{number}"),
    "header-value": strategies.from_regex("[!-z]{1,100}", fullmatch=True),
    "header-field": strategies.from_regex("[A-Za-z-]{1,20}(: [!-z]{1,20})?", fullmatch=True),
    "json-path": strategies.from_regex(r"\$(\.[a-z]{1,5}|\[[0-9]\]|\['[a-z ]{1,5}'\]){0,5}", fullmatch=True),
    "json-value": strategies.sampled_from(["1", "1e2", '"nl"', "nl", "true", "null", '"']),
    "search-text": strategies.text(LETTERS, min_size=1, max_size=50),
    "flow-filter": strategies.sampled_from(['{"path":"$.a","exists":true}', '{"not":{"header":"X-A","contains":"b"}}']),
    "variable-value": strategies.text(LETTERS, min_size=1, max_size=500),
    "schedule": strategies.lists(
        strategies.builds("{}{}".format, strategies.integers(0, 7), strategies.sampled_from(["", "s", "m", "h", "d"])), min_size=1, max_size=20,
    ).map(",".join),
    "order-key": strategies.from_regex(r"[A-Za-z-]{1,20}|\$\.[a-z]{1,5}", fullmatch=True),
    "filter-text": strategies.just('{"any": [{"header": "X-A", "exists": true}, {"path": "$.a", "at_least": 1e2}]}'),
    "template-text": strategies.just('{"order": "{{event.body.a[0]}}", "of": "{{event.id}}", "amount": 1e2}'),
}
for name, values in FORMATS.items():
    schemathesis.openapi.format(name, values)

# What goes with each kind of destination. Nothing listens there, and Inlet may not connect to it either.
ELSEWHERE = {"url": f"http://{LOOPBACK}:9/"}
SETTINGS = {"log": {"file": "sent.jsonl"}, "listen": {}, "http": ELSEWHERE, "standard-webhooks": ELSEWHERE}

FILTER_BYTES_MAX = 16_384
FILTER_CONDITIONS_MAX = 50

# What `since` does not go with.
SEARCHED = ["token", "from", "to", "header", "path", "text", "filter"]

CONFIG = SchemathesisConfig.from_dict({
    "seed": SEED,
    "generation": {
        "max-examples": EXAMPLES_MAX, "deterministic": True, "database": "none",
        # A management token is presented with every request; made-up sessions beside it would say nothing.
        "with-security-parameters": False,
    },
    "phases": {"stateful": {"enabled": False}},
})
schema = schemathesis.openapi.from_path(DOCUMENT, config=CONFIG)


def checks_left_out(case):
    """The checks that can't judge a request."""
    if case.operation.path == "/invitations/accept":
        # Whoever can make an organization is a member of it, so there is no invitation that this test's own account could
        # accept. In test_secrets.py one is accepted.
        return [positive_data_acceptance]
    if case.operation.path == "/set-up":
        # A server is set up once, and this one is. In test_commands.py one is.
        return [positive_data_acceptance]
    mutations = getattr(case.meta.phase.data, "mutations", ())
    if mutations and all(mutation.keywords == ("format",) for mutation in mutations):
        # Schemathesis takes any text for one that misses a format of our own.
        return [negative_data_rejection]
    return []


def conditions(wanted):
    """How many conditions a filter has, those of all its groups together."""
    match wanted:
        case {"all": parts} | {"any": parts}:
            return sum(map(conditions, parts))
        case {"not": part}:
            return conditions(part)
    return 1


def hours_ago(count):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=count)).isoformat()


class Fitting:
    """Turns what was generated into what can succeed, where no schema can say what that is. All exclusions, and why:

    - ids: a made-up one is never that of a thing that exists. Every other request gets a real one, new for each operation.
    - accounts and destinations in a field or query, passwords, codes of links and of the app: what is not real is 400, so all are real.
    - `confirm_name`, `credential` of an application: what is not real is 400, so these are real.
    - `after`: only the server makes a cursor, so none is sent.
    - `from` and `to` of an availability: most are too far apart.
    - `cause`: accepted calls have none, so `outcome` is left out beside it.
    - `value`: goes with a `path`, and `since` with no other search, so they are left out beside the rest.
    - `expires_at`: must lie ahead, for a management token at most a year.
    - `wait_seconds`: goes with `since` alone and is 0, so that nothing waits; the same for claims.
    - `notification_headers`: go with an address, so there are none beside a `notification_url` that is left out.
    - `settings`: a kind of destination has settings of its own, and the schema names none.
    - `from` and `to` of a replay: most would begin after their end.
    - a `filter` in a body: a schema bounds each group, but not all together, so one with too many conditions is another.
    - names of flows and destinations: nothing else may have them, so each is new.
    - passwords in refused requests, too: wrong ones would be slowed down, and then nothing else is tested.
    - names and ids where events go in refused requests, too: they would be refused for these alone.
    - a `filter` in a query that is too long: of one-byte letters, for in an address of more than 80 KiB the HTTP parser reads nothing.
    - `force` at `/keys/{number}/retire`: it would end the token that the test itself presents.
    """

    def __init__(self, server):
        self.api = server.api()
        self.database = server.database
        self.ingest_port = server.ingest_port
        self.url = f"http://{LOOPBACK}:{server.admin_port}{BASE}"
        # It may reveal secrets.
        self.headers = {"Authorization": f"Bearer {server.info['management_token']}"}
        self.password = server.owner_password()
        self.things = {}
        # How many names were made up.
        self.names = 0
        # What each operation was answered.
        self.statuses = {}

    def fit(self, case):
        things = self.existing(case.operation.label)
        if self.is_good(case, ParameterLocation.PATH) and self.is_chosen(case.path_parameters):
            thing = things.get(case.operation.path.split("/")[1])
            real = {"id": thing, "name": thing, "activation": things.get("activations"), "number": things.get("attempts")}
            case.path_parameters = {name: real.get(name) or value for name, value in case.path_parameters.items()}
        if self.is_good(case, ParameterLocation.QUERY):
            left_out = {"after", "outcome"} if case.query.get("cause") else {"after"}
            if not case.query.get("path"):
                left_out.add("value")
            if any(case.query.get(name) for name in SEARCHED):
                left_out.add("since")
            if "since" in left_out or not case.query.get("since"):
                left_out.add("wait_seconds")
            query = {name: value for name, value in case.query.items() if name not in left_out}
            real = dict.fromkeys(["owner", "actor"], things["accounts"]) | {"wait_seconds": "0"}
            if case.operation.path == "/deliveries":
                real |= {"destination": things["destinations"]} | ({"flow": things["flows"]} if self.is_chosen(query) else {})
            if case.operation.path.endswith("/availability"):
                real |= {"from": hours_ago(3), "to": hours_ago(1)}
            case.query = query | {name: value for name, value in real.items() if query.get(name)}
        elif len(str(case.query.get("filter", ""))) > FILTER_BYTES_MAX:
            case.query = case.query | {"filter": "x" * (FILTER_BYTES_MAX + 1)}
        if self.is_good(case, ParameterLocation.BODY) and isinstance(case.body, dict):
            case.body = case.body | {
                name: value for name, value in self.better(case, things).items() if case.body.get(name) is not None}
        elif isinstance(case.body, dict):
            case.body = case.body | self.right(case, things)

    def better(self, case, things):
        """What the fields of a body have to be instead, if they are there."""
        ahead = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)
        values = {
            "expires_at": ahead.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "force": False,
            "owner": things["accounts"], "to": things["other account"], "tokens": [],
            **{name: things[name] for name in ["confirm_name", "credential"] if name in things},
        }
        if self.is_chosen(case.body):
            values["webhook"] = things["webhooks"]
        if conditions(case.body.get("filter")) > FILTER_CONDITIONS_MAX:
            values["filter"] = {"path": "$", "exists": True}
        if self.is_sending(case.operation.path):
            values["name"] = self.unused(case.body.get("name"))
        match case.operation.path:
            case "/organization" if not case.body.get("notification_url"):
                values["notification_headers"] = {}
            case "/sessions":
                values |= {"login": "owner", "password": self.password} if self.is_chosen(case.body) else {}
            case "/invitations":
                values |= {"login": "guest@example.com"} if self.is_chosen(case.body) else {}
            case "/passwords":
                values["code"] = self.post(f"/accounts/{things['accounts']}/password-reset")["code"]
            case "/me/password" | "/me/second-factor" | "/me/second-factor/remove":
                values |= {"password": self.password, "new_password": self.password}
            case "/flows" | "/flows/{id}":
                values["destinations"] = [things["destinations"]]
            case "/flows/{id}/dry-run" if self.is_chosen(case.body):
                values["event"] = things["events"]
            case "/destinations":
                kind = case.body.get("kind") if case.body.get("settings") is not None else "log"
                values |= {"kind": kind, "settings": SETTINGS.get(kind)}
            case "/destinations/{id}":
                values["settings"] = SETTINGS["log"]
            case "/destinations/{id}/claims":
                values["wait_seconds"] = 0
            case "/replays":
                values |= {"from": hours_ago(3), "to": hours_ago(-1), "destination": things["destinations"]}
                if self.is_chosen(case.body):
                    values["flow"] = things["flows"]
            case "/me/second-factor/confirm":
                values["code"] = time_code(self.post("/me/second-factor", {"password": self.password})["secret"])
        return values

    def right(self, case, things):
        """What stays right in a body that is wrong, lest it be refused for that alone."""
        path, body = case.operation.path, case.body
        texts = {name for name, value in body.items() if isinstance(value, str) and re.fullmatch("[^\0]+", value)}
        if path.startswith("/me/"):
            return dict.fromkeys(texts & {"password", "new_password"}, self.password)
        if not self.is_sending(path):
            return {}
        values = {"webhook": things["webhooks"], "flow": things.get("flows"), "destination": things.get("destinations")}
        if re.fullmatch("evt_[0-7][0-9a-hjkmnp-tv-z]{12}", str(body.get("event"))):
            values["event"] = things["events"]
        values = {name: value for name, value in values.items() if name in texts} | {"name": self.unused(body.get("name"))}
        match body.get("destinations"):
            case [str(reference)] if reference and "\0" not in reference:
                values["destinations"] = [things.get("destinations")]
        return {name: value for name, value in values.items() if body.get(name) is not None}

    @staticmethod
    def is_sending(path):
        """Whether an operation is about where events go."""
        return path.split("/")[1] in ("flows", "destinations", "deliveries", "replays") or path.endswith("/replay")

    def unused(self, name):
        """A name that nothing has yet, as good or bad as that one."""
        if not isinstance(name, str) or not 0 < len(name.strip()) <= 90:
            return name
        self.names += 1
        return f"{name} {self.names}"

    def post(self, path, body=None):
        return self.api.expect([201], "POST", BASE + path, body).json()

    @staticmethod
    def is_good(case, location):
        """Whether that part of the request is as the document wants it."""
        component = case.meta.components.get(location)
        return component is not None and component.mode.is_positive

    @staticmethod
    def is_chosen(value):
        """Half of all values; always the same ones."""
        return zlib.crc32(repr(value).encode()) % 2 == 0

    def existing(self, label):
        """Things of one operation's own, for others may delete theirs."""
        if label not in self.things:
            # What was changed at random must not keep these from being made.
            usual = {"daily_quota": None, "inactivity_days": None, "rename_regenerates": False, "notification_url": None}
            self.api.expect([200], "PATCH", f"{BASE}/organization", usual)
            webhook = self.api.new_webhook(f"of {label}")
            account = self.person(f"ann{len(self.things)}@example.com")
            token = self.api.new_token("app", "a token", webhook)
            flow = self.flow(label, webhook)
            bearer = {"Authorization": f"Bearer {token['secret']}", "Inlet-Context": '{"a":[1,null]}'}
            event = call_once(self.ingest_port, "POST", f"/in/{webhook}", b"{}", bearer).json()["id"]
            self.things[label] = {
                "webhooks": webhook, "accounts": account, "tokens": token["id"], "events": event,
                "other account": self.post("/accounts", {"kind": "service", "name": "Bot"})["id"],
                **self.more(label, token["id"]), **self.reported(label), **flow, **self.sent(label, event, webhook, flow),
            }
        return self.things[label]

    def more(self, label, token):
        """What single operations need in particular."""
        match label:
            case "DELETE /tokens/{id}":
                self.api.deactivate(token)
            case "DELETE /sessions/{id}":
                return {"sessions": self.post("/sessions", {"login": "owner", "password": self.password})["id"]}
            case "POST /invitations":
                elsewhere = self.post("/organizations", {"name": "Elsewhere"})["management_token"]
                self.person("guest@example.com", elsewhere)
        return {}

    def reported(self, label):
        """What the operations need that are about reports."""
        name = f"of {label}"
        match label.split("/")[1]:
            case "credentials":
                made = self.post("/credentials", {"type": "hits_failure", "name": name})
                self.report("/activations", made["secret"])
                [activation] = self.api.expect([200], "GET", f"{BASE}/credentials/{made['id']}/activations").json()["items"]
                return {"credentials": made["id"], "activations": activation["id"], "confirm_name": name}
            case "applications":
                credential = self.post("/credentials", {"type": "deploy", "name": name})["id"]
                made = self.post("/applications", {"name": name, "credential": credential})
                self.report("/deploys", made["secret"], {"version": "1", "environment": "production", "status": "succeeded"})
                return {"applications": made["id"], "credential": credential, "confirm_name": name}
            case "resources":
                made = self.post("/credentials", {"type": "hits_failure", "name": name})
                secret = self.report("/activations", made["secret"])["activation_token"]
                # The name of one thing must do as its reference in a path.
                resource = f"resource {len(self.things)}"
                self.report("/hits", secret, {"resource": resource, "hits": 10, "failures": 1})
                return {"resources": resource}
            case "secret-variables":
                variable = f"V{len(self.things)}"
                self.api.expect([201], "PUT", f"{BASE}/secret-variables/{variable}", {"value": "x"})
                return {"secret-variables": variable}
        return {}

    def flow(self, label, webhook):
        """A destination and a flow to it, for the operations that are about where events go."""
        if not self.is_sending(label):
            return {}
        match label:
            case "POST /destinations/{id}/rotate" | "POST /destinations/{id}/reveal":
                kind = "standard-webhooks"
            case "POST /destinations/{id}/claims" | "POST /deliveries/{id}/cancel" | "POST /deliveries/{id}/attempts/{number}":
                kind = "listen"
            case _:
                kind = "log"
        # The names of a flow and a destination must do as their references in a path.
        name = f"of {len(self.things)}"
        destination = self.post("/destinations", {"name": name, "kind": kind, "settings": SETTINGS[kind]})["id"]
        if label == "DELETE /destinations/{id}":
            return {"destinations": destination}
        flow = self.post("/flows", {"name": name, "webhook": webhook, "destinations": [destination]})["id"]
        return {"destinations": destination, "flows": flow}

    def sent(self, label, event, webhook, flow):
        """What the operations need that are about deliveries and replays."""
        match label.split("/")[1]:
            case "deliveries":
                things = {}
                if label == "POST /deliveries/{id}/attempts/{number}":
                    path = f"{BASE}/destinations/{flow['destinations']}/claims"
                    [claim] = self.api.expect([200], "POST", path, {"lease_seconds": 300}).json()["items"]
                    things["attempts"] = claim["attempt"]
                # Only one that is settled can be sent again.
                query = f"event={event}" + ("&state=delivered" if label.endswith("/retry") else "")
                [delivery] = until(lambda: self.api.expect([200], "GET", f"{BASE}/deliveries?{query}").json()["items"])
                return things | {"deliveries": delivery["id"]}
            case "replays":
                return {"replays": self.post("/replays", {"webhook": webhook, "rate_per_second": 1})["id"]}
        return {}

    def report(self, path, secret, body=None):
        answer = call_once(
            self.ingest_port, "POST", path, None if body is None else json.dumps(body), {"Authorization": f"Bearer {secret}"})
        assert answer.status in (201, 202), answer
        return answer.json()

    def person(self, login, token=None):
        answer = self.api.request("POST", f"{BASE}/accounts", {"kind": "person", "name": "Ann", "login": login}, token)
        assert answer.status == 201, answer
        return answer.json()["id"]


@pytest.fixture(scope="module")
def fitting():
    # Not the server of the other tests: quotas, days of inactivity and keys are changed at random here.
    with own_server() as server:
        server.start()
        yield Fitting(server)
        assert server.stop() == 0


# --- the document ---


def test_the_document_is_valid_OpenAPI():
    validate(yaml.safe_load(DOCUMENT.read_text()))


def test_every_operation_has_a_name_a_noun_a_right_and_its_errors():
    names = []
    for path, item in yaml.safe_load(DOCUMENT.read_text())["paths"].items():
        for operation in (operation for method, operation in item.items() if method != "parameters"):
            names.append(operation["operationId"])
            assert len(operation["tags"]) == 1, path
            assert {"400", "503"} <= set(operation["responses"]) or path == "/openapi.yaml", path
            assert operation.get("security") == [] or {"x-permission"} <= set(operation) and "401" in operation["responses"], path
            assert "{" not in path or "404" in operation["responses"], path
            assert "requestBody" not in operation or "413" in operation["responses"], path
    assert len(names) == len(set(names))


def operations():
    """Method, path and right of every operation in the document."""
    for path, item in yaml.safe_load(DOCUMENT.read_text())["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                rights = operation.get("x-permission", [])
                yield method.upper(), path, frozenset([rights] if isinstance(rights, str) else rights)


def operations_of_the_tables():
    """The same from the tables of rest-api.md; its dash is everybody's right to one's own account."""
    for line in (REPOSITORY / "docs" / "rest-api.md").read_text().splitlines():
        if not (row := re.match(r"\| (GET|POST|PUT|PATCH|DELETE) (`/[^|]*) \| ([^|]*) \|", line)):
            continue
        method, paths, rights = row.groups()
        named = frozenset(re.findall(r"[a-z]+\.[a-z_]+", rights.replace("–", "account.use_own")))
        first, *others = re.findall(r"`([^`]+)`", paths)
        for path in [first, *(other.replace("…", first.rpartition("/")[0]) for other in others)]:
            yield method, path, named


def test_the_document_and_the_tables_of_rest_api_md_name_the_same_operations_and_rights():
    assert set(operations()) == {*operations_of_the_tables(), ("GET", "/openapi.yaml", frozenset())}


def test_the_server_serves_the_document_to_everybody_byte_for_byte(server):
    answer = call_once(server.admin_port, "GET", f"{BASE}/openapi.yaml")
    assert answer.status == 200
    assert answer.header("Content-Type").split(";")[0] == "application/yaml"
    assert answer.body == DOCUMENT.read_bytes()


# --- the server keeps to it ---


@schema.parametrize()
def test_the_server_keeps_to_the_document(case, fitting):
    fitting.fit(case)
    answer = case.call_and_validate(
        base_url=fitting.url, headers=fitting.headers, timeout=30, excluded_checks=checks_left_out(case))
    fitting.statuses.setdefault(case.operation.label, set()).add(answer.status_code)


def test_every_operation_was_also_done_and_not_only_refused(fitting):
    if len(fitting.statuses) < len(list(operations())):
        pytest.skip("only some operations were tested")
    refused = {label for label, statuses in fitting.statuses.items() if min(statuses) >= 300}
    # These need a session or an invitation, or a server that is new; test_secrets.py and test_commands.py do them.
    elsewhere = {"DELETE /sessions/current", "POST /sessions/current/organization", "POST /invitations/accept", "POST /set-up"}
    # PostgreSQL is backed up by its own tools.
    assert refused == elsewhere | ({"POST /backup"} if fitting.database.kind == "postgres" else set())


def test_after_all_that_the_token_still_works_and_the_server_is_well(fitting):
    me = fitting.api.expect([200], "GET", f"{BASE}/me").json()
    assert me["account"]["role"] == "owner", "what was tested was tested without its rights"
    assert fitting.api.expect([200], "GET", f"{BASE}/audit/verify").json()["is_intact"]


# --- a client made of it works ---


@pytest.fixture(scope="module")
def client(server, tmp_path_factory):
    """The package that openapi-python-client makes of the document, and a client of it."""
    folder = tmp_path_factory.mktemp("client")
    settings = folder / "settings.yaml"
    settings.write_text(yaml.safe_dump({
        "post_hooks": [],
        # It knows JSON and text alone.
        "content_type_overrides": {
            "application/jsonl": "application/octet-stream", "text/csv": "application/octet-stream", "application/vnd.sqlite3": "application/octet-stream",
            "application/yaml": "application/json", "*/*": "application/octet-stream",
        },
    }))
    done = subprocess.run(
        [
            sys.executable, "-m", "openapi_python_client", "generate", "--path", str(DOCUMENT), "--config", str(settings),
            "--output-path", str(folder / "inlet_client"), "--meta", "none", "--fail-on-warning",
        ],
        capture_output=True, timeout=100,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    sys.path.insert(0, str(folder))
    try:
        package = importlib.import_module("inlet_client")
        with package.AuthenticatedClient(
            base_url=f"http://{LOOPBACK}:{server.admin_port}{BASE}", token=server.info["management_token"],
            timeout=httpx.Timeout(30), raise_on_unexpected_status=True, httpx_args={"trust_env": False},
        ) as made:
            yield made
    finally:
        sys.path.remove(str(folder))


def ask(client, tag, operation, *words, status, **named):
    """Calls one operation of the generated client, and returns what it parsed."""
    module = importlib.import_module(f"inlet_client.api.{tag}.{operation}")
    answer = module.sync_detailed(*words, client=client, **named)
    assert answer.status_code == status, answer
    return answer.parsed


def test_a_generated_client_takes_a_token_through_its_life(server, client):
    models = importlib.import_module("inlet_client.models")

    def call(secret):
        headers = {"Authorization": f"Bearer {secret}"}
        return call_once(server.ingest_port, "POST", f"/in/{webhook.id}", b"\x00by a generated client\xff", headers)

    webhook = ask(client, "webhooks", "create_webhook", status=201, body=models.NewWebhook(name="generated"))
    new = models.NewToken(kind=models.TokenKind.APP, name="generated", webhook=webhook.id)
    token = ask(client, "tokens", "create_token", status=201, body=new)
    answer = call(token.secret)
    assert answer.status == 202
    event = ask(client, "events", "get_event", answer.json()["id"], status=200)
    assert (event.webhook, event.token, event.body_bytes) == (webhook.id, token.id, 23)
    body = ask(client, "events", "get_event_body", event.id, status=200)
    assert body.payload.read() == b"\x00by a generated client\xff"

    rotated = ask(client, "tokens", "rotate_token", token.id, status=201, body=models.RotateToken(overlap_seconds=600))
    assert rotated.id == token.id and rotated.secret != token.secret
    assert [call(token.secret).status, call(rotated.secret).status] == [202, 202]
    assert [secret.state.value for secret in rotated.secrets] == ["current", "ending"]
    ended = ask(client, "tokens", "end_overlap", token.id, status=200)
    assert [call(token.secret).status, call(rotated.secret).status] == [401, 202]
    assert [secret.state.value for secret in ended.secrets if secret.state.value != "ended"] == ["current"]

    service = models.NewAccount(kind=models.AccountKind.SERVICE, name="the next owner")
    account = ask(client, "accounts", "create_account", status=201, body=service)
    moved = ask(client, "tokens", "transfer_token", token.id, status=200, body=models.TransferToken(to=account.id))
    assert moved.owner == account.id
    assert call(rotated.secret).status == 202
    # Uses are written down within a second or so.
    impact = until(lambda: [used.token for used in ask(client, "accounts", "account_impact", account.id, status=200).tokens])
    assert impact == [token.id]

    refused = ask(client, "tokens", "delete_token", token.id, status=409)
    assert refused.code.value == "token_active"
    assert ask(client, "tokens", "deactivate_token", token.id, status=200).state.value == "inactive"
    assert call(rotated.secret).status == 401
    assert ask(client, "tokens", "delete_token", token.id, status=204) is None
    assert ask(client, "tokens", "get_token", token.id, status=404).code.value == "not_found"
    ask(client, "accounts", "delete_account", account.id, status=204)
