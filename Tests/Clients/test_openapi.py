"""docs/openapi.yaml: valid, served, kept to by the server, and good enough to make a client of."""

import datetime
import http.cookiejar
import importlib
import ipaddress
import itertools
import json
import random
import re
import string
import subprocess
import sys
import unicodedata
import zlib

import httpx
import pytest
import requests
import schemathesis
import yaml
from hypothesis import strategies
from openapi_spec_validator import validate
from schemathesis.config import SchemathesisConfig
from schemathesis.checks import load_all_checks
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from inlet_server import HANG_SECONDS, LOOPBACK, REPOSITORY, call_once, own_server, until
from test_secrets import time_code

DOCUMENT = REPOSITORY / "docs" / "openapi.yaml"
# The loader that libyaml makes quick, where there is one.
READ = yaml.load(DOCUMENT.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
BASE = "/api/v1"
SEED = 20_261_121
EXAMPLES_MAX = 20

# --- what schemathesis is told ---

RNG = random.Random(SEED)
# How many values of a format there are to choose from.
VALUES = 60
PRINTABLE = "".join(map(chr, range(ord("!"), ord("z") + 1)))
FIELD_LETTERS = string.ascii_letters + "-"


def letters(count):
    """Letters, digits and signs of all scripts; none that joins the one before, for a schema counts those and Inlet does not."""
    left_out = {"Cc", "Cf", "Cs", "Cn", "Co", "Mc", "Me", "Mn", "Zs", "Zl", "Zp"}
    codes = (RNG.choice([RNG.randrange(0x250), RNG.randrange(0x3000), RNG.randrange(0x110000)]) for _ in itertools.count())
    return "".join(itertools.islice((chr(code) for code in codes if unicodedata.category(chr(code)) not in left_out), count))


LETTERS = letters(500)


def word(alphabet, longest, shortest=1):
    """Of every length up to the longest, short ones as often as long ones; and of the shortest and the longest."""
    length = RNG.choice([shortest, longest - 1, longest, RNG.randint(shortest, min(20, longest)), RNG.randint(shortest, longest)])
    return "".join(RNG.choices(alphabet, k=length))


def network():
    address = RNG.choice([ipaddress.IPv4Address(RNG.getrandbits(32)), ipaddress.IPv6Address(RNG.getrandbits(128))])
    return f"{address}/{address.max_prefixlen - RNG.randint(0, 32)}"


def moment():
    # With an offset that some place has; RFC 3339 allows more than Inlet reads.
    zone = datetime.timezone(datetime.timedelta(hours=RNG.randint(-14, 14)))
    return datetime.datetime.fromtimestamp(RNG.uniform(0, 250_000_000_000), zone).isoformat()


def json_path():
    steps = [f".{word(string.ascii_lowercase, 5)}", f"[{RNG.randrange(10)}]", f"['{word(string.ascii_lowercase + ' ', 5)}']"]
    return "$" + "".join(RNG.choices(steps, k=RNG.randint(0, 5)))


# The document's formats. Neither a pattern nor a length says what they are, so their values are made here. They are drawn from a list:
# where a schema wants a length that no value has, that is seen at once.
FORMATS = {
    "name": lambda: word(LETTERS, 100),
    "text": lambda: word(LETTERS + " \n\t" * 20, 500, 0),
    "cidr": network,
    # One that nobody would try first.
    "password": lambda: f"vexing {RNG.randrange(10**9)} plumage",
    "date-time": moment,
    # Only the server makes one; see `Fitting`.
    "cursor": lambda: "",
    "step": lambda: RNG.choice(["60", f"{RNG.randint(1, 31)}{RNG.choice('mhd')}"]),
    # Nothing listens there, and no secret variable stands in it.
    "notification-url": lambda: f"http://{LOOPBACK}:9/{RNG.randrange(10**9)}",
    "header-value": lambda: word(PRINTABLE, 100),
    "header-field": lambda: word(FIELD_LETTERS, 20) + RNG.choice(["", f": {word(PRINTABLE, 20)}"]),
    "json-path": json_path,
    "json-value": lambda: RNG.choice(["1", "1e2", '"nl"', "nl", "true", "null", '"']),
    "search-text": lambda: word(LETTERS, 50),
    "flow-filter": lambda: RNG.choice(['{"path":"$.a","exists":true}', '{"not":{"header":"X-A","contains":"b"}}']),
    "variable-value": lambda: word(LETTERS, 500),
    "schedule": lambda: ",".join(f"{RNG.randint(0, 7)}{RNG.choice(['', 's', 'm', 'h', 'd'])}" for _ in range(RNG.randint(1, 20))),
    "order-key": lambda: RNG.choice([word(FIELD_LETTERS, 20), f"$.{word(string.ascii_lowercase, 5)}"]),
    "filter-text": lambda: '{"any": [{"header": "X-A", "exists": true}, {"path": "$.a", "at_least": 1e2}]}',
    "template-text": lambda: '{"order": "{{event.body.a[0]}}", "of": "{{event.id}}", "amount": 1e2}',
}
# Of the lengths at which a schema draws its line, for those are asked for: what may be so long is also tried with one less and one more.
# A length that no value has would be searched for in vain, and long.
LINES = {
    "name": (100, lambda length: "".join(RNG.choices(LETTERS, k=length))),
    "text": (500, lambda length: "".join(RNG.choices(LETTERS, k=length))),
    # Counted in bytes, which a schema cannot say.
    "search-text": (200, lambda length: "".join(RNG.choices(PRINTABLE, k=length))),
    "password": (128, lambda length: "".join(RNG.choices(PRINTABLE, k=length))),
    "notification-url": (2000, lambda length: f"http://{LOOPBACK}:9/".ljust(length, "1")),
    "header-value": (2000, lambda length: "".join(RNG.choices(PRINTABLE, k=length))),
    "header-field": (500, lambda length: "X-A: ".ljust(length, "b")),
    "json-path": (500, lambda length: "$.".ljust(length, "a")),
    "order-key": (500, lambda length: "$.".ljust(length, "a")),
    "variable-value": (8192, lambda length: "".join(RNG.choices(PRINTABLE, k=length))),
}
SHORT = {"password": ["".join(RNG.choices(PRINTABLE, k=length)) for length in (7, 8, 9)], "order-key": ["A", "A-"]}


def values(name, made):
    longest, of_length = LINES.get(name, (0, None))
    lines = {of_length(length) for length in range(longest - 1, longest + 2)} if longest else set()
    # Shortest first, for that is what a failure is reduced to.
    return sorted({made() for _ in range(VALUES)} | lines | set(SHORT.get(name, [])), key=lambda value: (len(value), value))


for name, made in FORMATS.items():
    schemathesis.openapi.format(name, strategies.sampled_from(values(name, made)))

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
load_all_checks()
schema = schemathesis.openapi.from_dict(READ, config=CONFIG)


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
        # One connection for all, and no cookie on it: a session would say who asks.
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))

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


# These need a session or an invitation, or a server that is new; test_secrets.py and test_commands.py do them.
ONLY_REFUSED = {"DELETE /sessions/current", "POST /sessions/current/organization", "POST /invitations/accept", "POST /set-up"}


@pytest.fixture(scope="module")
def fitting():
    # Not the server of the other tests: quotas, days of inactivity and keys are changed at random here.
    with own_server() as server:
        server.start()
        fitting = Fitting(server)
        yield fitting
        # After all that the token still works and the server is well.
        me = fitting.api.expect([200], "GET", f"{BASE}/me").json()
        assert me["account"]["role"] == "owner", "what was tested was tested without its rights"
        assert fitting.api.expect([200], "GET", f"{BASE}/audit/verify").json()["is_intact"]
        assert server.stop() == 0


# --- the document ---


def test_the_document_is_valid_OpenAPI():
    validate(READ)


def test_every_operation_has_a_name_a_noun_a_right_and_its_errors():
    names = []
    for path, item in READ["paths"].items():
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
    for path, item in READ["paths"].items():
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


# Parts that workers can share.
PARTS = 4
PARAMETERS = [
    pytest.param(f"{method} {path}", marks=pytest.mark.xdist_group(f"openapi {number % PARTS}"))
    for number, (method, path, _) in enumerate(operations())]


@pytest.mark.parametrize("label", PARAMETERS)
def test_the_server_keeps_to_the_document_and_does_what_it_is_asked(fitting, label):
    statuses = set()

    def keeps_to_it(case):
        fitting.fit(case)
        answer = case.call_and_validate(
            base_url=fitting.url, headers=fitting.headers, session=fitting.session, timeout=HANG_SECONDS,
            excluded_checks=checks_left_out(case))
        statuses.add(answer.status_code)

    [found] = schema.include(name=label).get_all_operations()
    # As `schema.parametrize` does it, but not before it is its turn: to make what is asked takes longer than to ask it.
    build_operation_test(
        config=schema.config, operation=found.ok(), test_func=keeps_to_it, given_kwargs={}, feedback=FeedbackSources())()
    # PostgreSQL is backed up by its own tools.
    refused = ONLY_REFUSED | ({"POST /backup"} if fitting.database.kind == "postgres" else set())
    assert (min(statuses) >= 300) == (label in refused), statuses


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
        capture_output=True, timeout=HANG_SECONDS,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    sys.path.insert(0, str(folder))
    try:
        package = importlib.import_module("inlet_client")
        with package.AuthenticatedClient(
            base_url=f"http://{LOOPBACK}:{server.admin_port}{BASE}", token=server.info["management_token"],
            timeout=httpx.Timeout(HANG_SECONDS), raise_on_unexpected_status=True, httpx_args={"trust_env": False},
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
