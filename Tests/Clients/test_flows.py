"""Where events go: what receivers get of them, well-behaved ones and others, as those who set up flows see it."""

import base64
import contextlib
import itertools
import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from urllib.parse import quote, urlencode

import pytest
import standardwebhooks
import svix.webhooks

import hostile_receiver as ways
from hostile_receiver import Receiver, self_signed
from inlet_server import HANG_SECONDS, LOOPBACK, REPOSITORY, call_once, own_server, until
from test_commands import PROGRAM, SECONDS, Shell, folder  # noqa: F401, folder is a fixture

EGRESS = ["--egress-allow", "127.0.0.0/8,::1/128"]
ANSWER_BYTES_MAX = 16_384
DOCUMENT = (REPOSITORY / "docs" / "flows.md").read_text()
SETTLED = {"delivered", "dead", "filtered", "cancelled"}
# What belongs to the connection, not to the message.
OF_THE_CONNECTION = {"host", "content-length", "connection", "accept", "user-agent", "transfer-encoding"}

# --- who sends, who receives, and who looks ---


class Source:
    """A webhook, with a token that opens it."""

    def __init__(self, house, name):
        self.house = house
        self.id = house.api.new_webhook(name)
        self.bearer = {"Authorization": f"Bearer {house.api.new_token('app', name, self.id)['secret']}"}

    def post(self, body=b"", **headers):
        """Posts an event and returns its id. Underscores in names of header fields stand for hyphens."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = call_once(self.house.server.ingest_port, "POST", f"/in/{self.id}", body, self.bearer | headers)
        assert answer.status == 202, answer
        return answer.json()["id"]

    def post_json(self, value, **headers):
        return self.post(json.dumps(value).encode(), Content_Type="application/json", **headers)


class House:
    """A server, with what it takes to set up flows and to follow deliveries."""

    def __init__(self, server):
        self.server = server
        self.api = server.api()

    def make(self, path, body=None):
        return self.api.expect([201], "POST", f"/api/v1{path}", body).json()

    def do(self, path, body=None):
        return self.api.expect([200], "POST", f"/api/v1{path}", body).json()

    def look(self, path, **query):
        return self.api.expect([200], "GET", f"/api/v1{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")).json()

    def change(self, path, body):
        return self.api.expect([200], "PATCH", f"/api/v1{path}", body).json()

    def refused(self, status, code, method, path, body=None):
        answer = self.api.expect([status], method, f"/api/v1{path}", body).json()
        assert answer["code"] == code, answer
        return answer

    def source(self, name):
        return Source(self, name)

    def destination(self, name, kind="http", schedule="0", settings=None, **more):
        """A destination; what stands in `more` is a setting of its own, or a field of the destination if it is known as one."""
        fields = {key: more.pop(key) for key in ["concurrency", "rate_per_second", "ordered_by"] if key in more}
        settings = (settings or {}) | {key: str(value) for key, value in more.items()}
        return self.make("/destinations", {"name": name, "kind": kind, "schedule": schedule, "settings": settings, **fields})

    def flow(self, source, *destinations, name=None, **more):
        ids = [destination["id"] for destination in destinations]
        return self.make("/flows", {"name": name or f"of {ids}"[:100], "webhook": source.id, "destinations": ids, **more})

    def deliveries(self, **query):
        """Oldest first."""
        return list(reversed(self.look("/deliveries", limit=500, **query)["items"]))

    def delivery(self, delivery):
        return self.look(f"/deliveries/{delivery['id']}")

    def settled(self, count=1, **query):
        """The deliveries, with their attempts, once there are so many and all are at their end."""

        def ask():
            found = self.deliveries(**query)
            return found if len(found) >= count and all(one["state"] in SETTLED for one in found) else None

        found = until(ask)
        assert found, f"not settled: {self.deliveries(**query)}"
        assert len(found) == count, found
        return [self.delivery(one) for one in found]

    def settled_one(self, **query):
        [delivery] = self.settled(1, **query)
        return delivery

    def in_state(self, state, count=1, **query):
        """The deliveries that stand there, once there are just so many."""

        def ask():
            found = self.deliveries(state=state, **query)
            return found if len(found) == count else None

        found = until(ask)
        assert found, f"not {count} {state}: {self.deliveries(**query)}"
        return found


class BlackHole:
    """A port that takes every connection and never says anything. It costs no thread a connection."""

    def __init__(self):
        self.listener = socket.create_server((LOOPBACK, 0), backlog=1024)
        self.url = f"http://{LOOPBACK}:{self.listener.getsockname()[1]}/"
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        # A listener that is only closed would take one more.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self.connections.append(self.listener.accept()[0])


@pytest.fixture(scope="module")
def house(request, receiver):
    with own_server() as server:
        server.start(flags=EGRESS)
        try:
            yield House(server)
            # Whoever hangs lets go, so that the server need not wait for an answer.
            receiver.close()
            assert server.stop() == 0
        finally:
            if request.session.testsfailed:
                print(f"\n--- stderr of the server of flows ---\n{server.log_tail()}\n---", file=sys.__stderr__)


@pytest.fixture(scope="module")
def receiver():
    with Receiver() as receiver:
        yield receiver


NUMBERS = itertools.count(1)


@pytest.fixture
def name(request):
    """A name that only one test has."""
    return f"{next(NUMBERS)} {request.node.originalname}"[:90]


@pytest.fixture
def path(name):
    """A path at the receiver that only one test has."""
    return f"/{name.split()[0]}"


@pytest.fixture
def source(house, name):
    return house.source(name)


@pytest.fixture
def simple(house, source, receiver, name, path):
    """The usual thing: a flow of all events to the receiver, tried once."""
    destination = house.destination(name, url=receiver.url(path), timeout_seconds=60)
    house.flow(source, destination, name=name)
    return destination


def came(receiver, path, count=1):
    """What came there, once it is so many."""
    until(lambda: len(receiver.requests(path)) >= count)
    found = receiver.requests(path)
    assert len(found) == count, found
    return found


def came_one(receiver, path):
    [request] = came(receiver, path)
    return request


def moment(text):
    return datetime.fromisoformat(text).timestamp()


# --- what a destination gets ---

BODIES = [b"", bytes(range(256)), b'{ "order" : 1e0,\r\n"a":1,"a":2 }\n', b"\x00" * 3_000_000]


@pytest.mark.parametrize("body", BODIES, ids=["empty", "all bytes", "odd JSON", "3 MB"])
def test_P8_an_event_arrives_byte_for_byte_with_its_content_type(house, source, simple, receiver, path, body):
    event = source.post(body, Content_Type='application/x-odd; charset="x"')
    request = came_one(receiver, path)
    assert (request.method, request.target) == ("POST", path)
    assert len(request.body) == len(body) and request.body == body
    assert request.header("Content-Type") == 'application/x-odd; charset="x"'
    assert request.event == event


def test_an_event_without_a_content_type_arrives_without_one(house, source, simple, receiver, path):
    source.post(b"plain")
    assert came_one(receiver, path).header("Content-Type") is None


def test_each_message_says_which_event_attempt_and_webhook_it_is_of_and_carries_the_context(
    house, source, simple, receiver, path
):
    before = int(time.time())
    event = source.post_json({"a": 1}, Inlet_Context='{"shop":"nl"}')
    request = came_one(receiver, path)
    assert request.header("webhook-id") == request.header("Inlet-Event") == event
    assert before <= int(request.header("webhook-timestamp")) <= time.time()
    assert request.header("Inlet-Attempt") == "1"
    assert request.header("Inlet-Webhook") == source.id
    assert json.loads(request.header("Inlet-Context")) == {"shop": "nl"}
    assert request.header("Inlet-Replay") is None
    assert request.header("User-Agent").startswith("Inlet")


def test_nothing_of_what_the_caller_proved_itself_with_leaves_and_no_other_field_of_the_call(
    house, source, simple, receiver, path
):
    source.post(b"x", Cookie="session=of-the-caller", Proxy_Authorization="Basic b2Y6Y2FsbGVy", X_Own="of-the-caller")
    request = came_one(receiver, path)
    for field in ["Authorization", "Proxy-Authorization", "Cookie", "X-Own"]:
        assert request.values(field) == []
    assert "of-the-caller" not in repr(request.fields) and source.bearer["Authorization"] not in repr(request.fields)


def test_method_and_headers_are_those_of_the_destination(house, source, receiver, name, path):
    destination = house.destination(name, url=receiver.url(path), method="PUT", headers="X-Team: orders\nX-Also:  a b ")
    house.flow(source, destination)
    source.post(b"x")
    request = came_one(receiver, path)
    assert (request.method, request.header("X-Team"), request.header("X-Also")) == ("PUT", "orders", "a b")


@pytest.mark.parametrize("line", ["Host: a", "Content-Length: 1", "inlet-event: x", "webhook-id: x", "A B: x", "X: \x01", "X"])
def test_header_lines_that_are_none_or_belong_to_the_message_are_refused(house, receiver, name, line):
    settings = {"url": receiver.url(), "headers": line}
    problem = house.refused(
        400, "invalid", "POST", "/destinations", {"name": name, "kind": "http", "settings": settings})
    assert problem["field"] == "settings.headers"


def test_secret_variables_are_filled_in_when_it_is_sent_and_stand_nowhere_else(house, source, receiver, name, path):
    house.api.expect([201], "PUT", "/api/v1/secret-variables/SHOP_KEY", {"value": "first-of-the-values"})
    receiver.on(path, ways.echo)
    destination = house.destination(
        name, url=receiver.url(path) + "?key={{SHOP_KEY}}", headers="X-Key: Bearer {{SHOP_KEY}}")
    house.flow(source, destination, template={"key": "{{SHOP_KEY}}"})
    event = source.post_json({})
    request = came_one(receiver, path)
    assert request.target == f"{path}?key=first-of-the-values"
    assert request.header("X-Key") == "Bearer first-of-the-values"
    assert json.loads(request.body) == {"key": "first-of-the-values"}
    delivery = house.settled_one(event=event)
    assert "X-Key" in delivery["attempt_list"][0]["answer"], "what the receiver sent back was not recorded"
    assert "first-of-the-values" not in json.dumps(delivery)
    assert "first-of-the-values" not in json.dumps(house.look(f"/destinations/{destination['id']}"))

    house.api.expect([200], "PUT", "/api/v1/secret-variables/SHOP_KEY", {"value": "second-of-the-values"})
    source.post_json({})
    assert came(receiver, path, 2)[1].header("X-Key") == "Bearer second-of-the-values"
    problem = house.refused(409, "variable_in_use", "DELETE", "/secret-variables/SHOP_KEY")
    assert problem["uses"]


def test_a_secret_is_taken_out_of_an_answer_that_is_no_text_too(house, source, receiver, name, path):
    house.api.expect([201, 200], "PUT", "/api/v1/secret-variables/BINARY_KEY", {"value": "value-among-bytes"})
    receiver.on(path, ways.echo_bytes)
    house.flow(source, house.destination(name, url=receiver.url(path), headers="X-Key: {{BINARY_KEY}}"))
    [attempt] = house.settled_one(event=source.post(b"x"))["attempt_list"]
    assert came_one(receiver, path).header("X-Key") == "value-among-bytes"
    kept = attempt.get("answer", "").encode() + base64.b64decode(attempt.get("answer_base64", ""))
    assert kept and b"value-among-bytes" not in kept


# --- signatures ---


def signed(house, source, receiver, name, path, **settings):
    destination = house.destination(name, "standard-webhooks", url=receiver.url(path), **settings)
    house.flow(source, destination, name=name)
    return destination


@pytest.mark.parametrize("library", [standardwebhooks.Webhook, svix.webhooks.Webhook], ids=["standardwebhooks", "svix"])
def test_a_shared_secret_signs_so_that_the_usual_libraries_take_it(house, source, receiver, name, path, library):
    destination = signed(house, source, receiver, name, path)
    assert destination["secret"].startswith("whsec_") and destination["signing_secrets"] == 1
    source.post_json({"text": "grüß", "n": 1.0})
    request = came_one(receiver, path)
    library(destination["secret"]).verify(request.body, request.headers())
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        library(destination["secret"]).verify(request.body + b" ", request.headers())
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        library("whsec_" + base64.b64encode(b"another secret of the kind").decode()).verify(request.body, request.headers())
    assert "secret" not in house.look(f"/destinations/{destination['id']}")
    assert house.do(f"/destinations/{destination['id']}/reveal", {})["secret"] == destination["secret"]


def test_each_attempt_is_signed_anew(house, source, receiver, name, path):
    receiver.on(path, ways.fail_first(1))
    destination = house.destination(name, "standard-webhooks", "0,2s", url=receiver.url(path))
    house.flow(source, destination)
    source.post_json({"a": 1})
    first, second = came(receiver, path, 2)
    assert first.header("webhook-id") == second.header("webhook-id")
    assert int(first.header("webhook-timestamp")) < int(second.header("webhook-timestamp"))
    standardwebhooks.Webhook(destination["secret"]).verify(second.body, second.headers())


def test_while_a_secret_is_rotated_both_sign_and_without_an_overlap_only_the_new_one(house, source, receiver, name, path):
    old = signed(house, source, receiver, name, path)
    new = house.make(f"/destinations/{old['id']}/rotate", {"overlap_seconds": 600})
    assert new["secret"] != old["secret"] and new["signing_secrets"] == 2
    source.post_json({})
    request = came_one(receiver, path)
    for secret in [old["secret"], new["secret"]]:
        standardwebhooks.Webhook(secret).verify(request.body, request.headers())

    newest = house.make(f"/destinations/{old['id']}/rotate", {"overlap_seconds": 0})
    source.post_json({})
    request = came(receiver, path, 2)[1]
    standardwebhooks.Webhook(newest["secret"]).verify(request.body, request.headers())
    for secret in [old["secret"], new["secret"]]:
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(secret).verify(request.body, request.headers())


def is_signed_by(public_key, request, folder):
    """Whether openssl finds a signature by that key among those of the request."""
    head, encoded = public_key[:5], public_key[5:]
    assert head == "whpk_"
    # The head of an Ed25519 key in DER (RFC 8410, section 4), and then its 32 bytes.
    (folder / "key.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + base64.b64decode(encoded))
    message = f"{request.header('webhook-id')}.{request.header('webhook-timestamp')}.".encode() + request.body
    (folder / "message").write_bytes(message)
    for version, _, signature in (word.partition(",") for word in request.header("webhook-signature").split()):
        assert version == "v1a"
        (folder / "signature").write_bytes(base64.b64decode(signature))
        done = subprocess.run(
            [
                "openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", folder / "key.der", "-rawin",
                "-in", folder / "message", "-sigfile", folder / "signature",
            ],
            capture_output=True, timeout=SECONDS,
        )
        if done.returncode == 0:
            return True
    return False


def test_a_key_pair_signs_so_that_everybody_with_the_public_key_can_check(house, source, receiver, name, path, folder):  # noqa: F811
    old = signed(house, source, receiver, name, path, signature="v1a")
    assert old["secret"].startswith("whsk_")
    assert house.look(f"/destinations/{old['id']}")["public_key"] == old["public_key"]
    new = house.make(f"/destinations/{old['id']}/rotate", {"overlap_seconds": 600})
    assert new["public_key"] != old["public_key"]
    source.post_json({"a": 1})
    request = came_one(receiver, path)
    assert is_signed_by(old["public_key"], request, folder) and is_signed_by(new["public_key"], request, folder)
    request.body += b" "
    assert not is_signed_by(new["public_key"], request, folder)


def test_a_destination_that_signs_nothing_has_no_secret(house, source, simple, receiver, path):
    source.post(b"x")
    assert came_one(receiver, path).values("webhook-signature") == []
    house.refused(409, "no_secret", "POST", f"/destinations/{simple['id']}/rotate")
    house.refused(409, "no_secret", "POST", f"/destinations/{simple['id']}/reveal", {})


# --- filter and template ---


def documented(heading):
    """The JSON under a heading of docs/flows.md: the first indented block or the first one between fences."""
    lines = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0].splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip().startswith("{"))
    block = itertools.takewhile(lambda line: line.strip() and not line.startswith("```"), lines[start:])
    return json.loads("\n".join(block))


ORDER = {"order": {"id": 7, "total": 100.0, "lines": [{"sku": "a"}]}}
FILTERED = [
    ("all of it", ORDER, {"X_Shop": "nl"}, True),
    ("another header", ORDER, {"X_Shop": "be"}, False),
    ("too little, another product", {"order": {"total": 99.999, "lines": [{"sku": "c"}]}}, {"X_Shop": "nl"}, False),
    ("too little, one of the products", {"order": {"total": 99.999, "lines": [{"sku": "b"}]}}, {"X_Shop": "nl"}, True),
    ("what must not be there", ORDER | {"test": None}, {"X_Shop": "nl"}, False),
]


@pytest.mark.parametrize("body, headers, passes", [row[1:] for row in FILTERED], ids=[row[0] for row in FILTERED])
def test_P8_the_filter_of_the_documentation_decides_what_is_sent(
    house, source, receiver, name, path, body, headers, passes
):
    destination = house.destination(name, url=receiver.url(path))
    house.flow(source, destination, filter=documented("Filter"))
    delivery = house.settled_one(event=source.post_json(body, **headers))
    assert delivery["state"] == ("delivered" if passes else "filtered")
    assert len(delivery["attempt_list"]) == len(receiver.requests(path)) == int(passes)


def test_P8_a_template_makes_the_body_out_of_the_event(house, source, receiver, name, path):
    template = {
        "id": "{{event.body.order.id}}", "lines": "{{ event.body.order.lines }}", "none": "{{event.body.nothing}}",
        "text": "order {{event.body.order.id}} of {{event.headers.x-shop}}: {{event.body.quote}}", "as is": [1, "{", "}}"],
        "context": "{{event.context}}", "event": "{{event.id}}", "webhook": "{{event.webhook}}", "type": "{{event.content_type}}",
    }
    house.flow(source, house.destination(name, url=receiver.url(path)), template=template)
    event = source.post_json(ORDER | {"quote": 'a "b" \\ {{event.id}}'}, X_Shop="nl", Inlet_Context="tag")
    request = came_one(receiver, path)
    assert request.header("Content-Type") == "application/json"
    assert json.loads(request.body) == {
        "id": 7, "lines": [{"sku": "a"}], "none": None, "text": 'order 7 of nl: a "b" \\ {{event.id}}', "as is": [1, "{", "}}"],
        "context": "tag", "event": event, "webhook": source.id, "type": "application/json",
    }


@pytest.mark.parametrize("written", [lambda template: template, json.dumps], ids=["as JSON", "as a text"])
def test_names_in_a_template_are_those_that_the_receiver_wants(house, source, receiver, name, path, written):
    template = {"Größe in cm": "{{event.body.order.id}}", "名": {"n" * 300: "x"}}
    house.flow(source, house.destination(name, url=receiver.url(path)), template=written(template))
    source.post_json(ORDER)
    assert json.loads(came_one(receiver, path).body) == {"Größe in cm": 7, "名": {"n" * 300: "x"}}


@pytest.mark.parametrize("field, value, place", [
    ("filter", {"all": [{"header": "X-A", "equals": 1}, {"path": "$..a", "exists": True}]}, "all[1].path"),
    ("filter", {"header": "X-A"}, ""), ("filter", [], ""), ("template", {"a": {"b": "{{nothing}}"}}, "a.b"),
])
def test_a_filter_or_template_that_is_none_is_refused_and_the_place_is_named(house, source, simple, name, field, value, place):
    body = {"name": f"{name}, refused", "webhook": source.id, "destinations": [simple["id"]], field: value}
    problem = house.refused(400, "invalid", "POST", "/flows", body)
    assert problem["field"].startswith(field) and place in problem["field"] + problem["detail"]
    for word in ["Error", "Fault", "Domain", "("]:
        assert word not in problem["detail"], "that is for who wrote the server, not for who wrote the flow"


def test_a_dry_run_shows_what_is_then_sent(house, source, receiver, name, path):
    destination = house.destination(name, "standard-webhooks", url=receiver.url(path) + "?a=1", headers="X-Team: orders")
    flow = house.flow(source, destination, template={"order": "{{event.body.order.id}}"})
    house.do(f"/flows/{flow['id']}/pause")
    event = source.post_json(ORDER, Inlet_Context="tag")
    run = house.do(f"/flows/{flow['id']}/dry-run", {"event": event})
    [message] = run["messages"]
    assert run["is_let_through"] and message["destination"] == destination["id"] and "fault" not in message
    assert receiver.requests(path) == [], "a dry run sent something"

    house.do(f"/flows/{flow['id']}/resume")
    request = came_one(receiver, path)
    assert (message["method"], message["url"]) == (request.method, receiver.url(path) + "?a=1")
    assert message["body"].encode() == request.body

    def compared(fields):
        # The moment is another, and the signature is made with a secret for the occasion.
        left_out = OF_THE_CONNECTION | {"webhook-timestamp", "webhook-signature"}
        return sorted((name.lower(), value) for name, value in fields if name.lower() not in left_out)

    assert compared(message["headers"]) == compared(request.fields)
    assert {"webhook-timestamp", "webhook-signature"} <= {name.lower() for name, _ in message["headers"]}
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(destination["secret"]).verify(message["body"], dict(message["headers"]))


def test_a_dry_run_tries_another_filter_and_template_and_shows_bytes_and_no_secret(house, source, simple, receiver, name, path):
    house.api.expect([201, 200], "PUT", "/api/v1/secret-variables/DRY_KEY", {"value": "value-of-a-dry-run"})
    house.change(f"/destinations/{simple['id']}", {"settings": {"url": receiver.url(path), "headers": "X-Key: {{DRY_KEY}}"}})
    event = source.post(b"\xff\x00", X_Shop="nl")
    came_one(receiver, path)
    run = house.do(f"/flows/{name.replace(' ', '%20')}/dry-run", {"event": event})
    assert base64.b64decode(run["messages"][0]["body_base64"]) == b"\xff\x00"
    assert ["X-Key", "{{DRY_KEY}}"] in run["messages"][0]["headers"]
    refused = house.do(f"/flows/{name.replace(' ', '%20')}/dry-run", {"event": event, "filter": {"header": "X-Shop", "equals": "be"}})
    assert not refused["is_let_through"] and "X-Shop" in refused["why"] and refused["messages"] == []
    other = house.do(f"/flows/{name.replace(' ', '%20')}/dry-run", {"event": event, "template": {"key": "{{DRY_KEY}}", "n": 1}})
    assert json.loads(other["messages"][0]["body"]) == {"key": "{{DRY_KEY}}", "n": 1}
    assert "value-of-a-dry-run" not in json.dumps([run, refused, other])


# --- receivers that misbehave ---

# What the one attempt comes to within a second.
HOSTILE = {
    "hangs": (ways.hang, "dead", "timed_out"),
    "resets the connection": (ways.reset, "dead", "connection_failed"),
    "closes without an answer": (ways.close, "dead", "connection_failed"),
    "sends a byte a second": (ways.drip, "dead", "timed_out"),
    "sends no HTTP": (ways.garbage, "dead", "connection_failed"),
    "sends header fields without end": (ways.endless_header, "dead", "connection_failed"),
    "answers 404": (ways.answer(404, b"no such thing"), "dead", "refused"),
    "answers 304": (ways.answer(304), "dead", "refused"),
    # The status decides; the rest of an answer is only kept for people to read.
    "sends a byte of the body a second": (ways.drip_body, "delivered", "delivered"),
    "breaks off in the body": (ways.short_body, "delivered", "delivered"),
    "sends a body without end": (ways.endless_body, "delivered", "delivered"),
    "sends interim answers first": (ways.interim, "delivered", "delivered"),
}


@pytest.mark.parametrize("way, state, outcome", HOSTILE.values(), ids=HOSTILE)
def test_a_receiver_that_misbehaves_costs_one_attempt_and_that_is_recorded(
    house, source, receiver, name, path, way, state, outcome
):
    receiver.on(path, way)
    house.flow(source, house.destination(name, url=receiver.url(path), timeout_seconds=1))
    delivery = house.settled_one(event=source.post(b"x"))
    [attempt] = delivery["attempt_list"]
    assert (delivery["state"], attempt["outcome"]) == (state, outcome), attempt
    assert delivery.get("reason") == ("attempts_used_up" if state == "dead" else None)
    assert ("status" in attempt) == (outcome in ("delivered", "refused"))
    assert ("error" in attempt) == (outcome not in ("delivered", "refused"))
    assert len(attempt.get("answer", "").encode()) <= ANSWER_BYTES_MAX
    # Well below the ten seconds or so that other limits would take.
    assert attempt["milliseconds"] < 8_000
    assert len(receiver.requests(path)) == 1, "one attempt was sent twice"


@pytest.mark.parametrize("content, field", [
    (b"a\x00b\r\n\x1b[31m", "answer"), (b"\xff\xfe\x00\x80", "answer_base64"), (b"x" * 100_000, "answer"),
], ids=["NUL and control characters", "no UTF-8", "100 kB"])
def test_an_answer_is_recorded_as_it_came_up_to_16_KiB(house, source, simple, receiver, path, content, field):
    receiver.on(path, ways.answer(200, content))
    [attempt] = house.settled_one(event=source.post(b"x"))["attempt_list"]
    assert attempt["status"] == 200
    kept = attempt[field].encode() if field == "answer" else base64.b64decode(attempt[field])
    assert kept == content[:ANSWER_BYTES_MAX]


def test_a_certificate_that_nobody_vouches_for_gets_nothing(house, source, name, folder):  # noqa: F811
    with Receiver(self_signed(folder)) as secure:
        house.flow(source, house.destination(name, url=secure.url("/"), timeout_seconds=60))
        [attempt] = house.settled_one(event=source.post(b"confidential"))["attempt_list"]
        assert attempt["outcome"] == "tls_failed" and attempt["error"]
        assert secure.connections > 0 and secure.requests() == []


def test_a_port_without_TLS_behind_https_gets_nothing(house, source, receiver, name, path):
    house.flow(source, house.destination(name, url=receiver.url(path).replace("http:", "https:"), timeout_seconds=1))
    [attempt] = house.settled_one(event=source.post(b"confidential"))["attempt_list"]
    # Whether it closes, or waits for the rest of what it takes for a request, is up to the receiver.
    assert attempt["outcome"] in ("tls_failed", "connection_failed", "timed_out")
    assert receiver.requests(path) == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(house, source, simple, receiver, path, status):
    with Receiver() as inner:
        receiver.on(path, ways.answer(status, b"", ("Location", inner.url("/secret"))))
        [attempt] = house.settled_one(event=source.post(b"x"))["attempt_list"]
        assert (attempt["outcome"], attempt["status"]) == ("refused", status)
        assert inner.connections == 0


def test_a_delivery_whose_attempts_are_used_up_is_dead_and_can_be_sent_again(house, source, receiver, name, path):
    receiver.on(path, ways.answer(500, b"not today"))
    destination = house.destination(name, "http", "0,1s,1s", url=receiver.url(path))
    house.flow(source, destination)
    event = source.post_json({"a": 1})
    delivery = house.settled_one(event=event)
    assert (delivery["state"], delivery["reason"], delivery["attempts"]) == ("dead", "attempts_used_up", 3)
    assert [request.attempt for request in receiver.requests(path)] == [1, 2, 3]
    assert [attempt["number"] for attempt in delivery["attempt_list"]] == [1, 2, 3]
    for attempt in delivery["attempt_list"]:
        assert (attempt["outcome"], attempt["status"], attempt["answer"]) == ("refused", 500, "not today")
    starts = [moment(attempt["started_at"]) for attempt in delivery["attempt_list"]]
    # A second, less the fifth by which it may be drawn.
    assert all(later - sooner >= 0.8 for sooner, later in zip(starts, starts[1:]))
    assert house.look(f"/destinations/{destination['id']}")["failing_since"]

    receiver.on(path, ways.answer(204))
    again = house.make(f"/deliveries/{delivery['id']}/retry")
    assert again["is_replay"] and again["id"] != delivery["id"]
    assert until(lambda: house.delivery(again)["state"] == "delivered")
    request = receiver.requests(path)[-1]
    assert (request.event, request.attempt, request.header("Inlet-Replay")) == (event, 1, "true")
    assert house.delivery(delivery)["state"] == "dead", "what was stays as it was"
    assert "failing_since" not in house.look(f"/destinations/{destination['id']}")


def test_Retry_After_in_seconds_is_waited_for(house, source, receiver, name, path):
    receiver.on(path, ways.retry_after(2))
    house.flow(source, house.destination(name, "http", "0,0,0", url=receiver.url(path)))
    delivery = house.settled_one(event=source.post(b"x"))
    first, second = delivery["attempt_list"]
    assert (first["status"], second["status"]) == (429, 204)
    assert moment(second["started_at"]) - moment(first["finished_at"]) >= 2


def test_Retry_After_as_a_date_is_waited_for(house, source, receiver, name, path):
    receiver.on(path, ways.retry_after_date(3))
    house.flow(source, house.destination(name, "http", "0,0,0", url=receiver.url(path)))
    delivery = house.settled_one(event=source.post(b"x"))
    first, second = delivery["attempt_list"]
    assert (first["status"], second["status"]) == (503, 204)
    assert moment(second["started_at"]) >= receiver.asked_for


@pytest.mark.parametrize("value", ["soon", "-1", "1e1", "", "Mon, 01 Jan 1990 00:00:00 GMT"])
def test_a_Retry_After_that_is_none_or_past_delays_nothing(house, source, receiver, name, path, value):
    receiver.on(path, ways.retry_after(value))
    house.flow(source, house.destination(name, "http", "0,0", url=receiver.url(path)))
    delivery = house.settled_one(event=source.post(b"x"))
    assert delivery["attempts"] == 2


def test_410_disables_the_destination_and_a_warning_says_so(house, source, receiver, name, path):
    receiver.on(path, ways.answer(410))
    destination = house.destination(name, "http", "0,1s,1s", url=receiver.url(path))
    house.flow(source, destination)
    gone = house.settled_one(event=source.post(b"1"))
    assert (gone["state"], gone["reason"], gone["attempts"]) == ("dead", "gone", 1)
    shown = house.look(f"/destinations/{destination['id']}")
    assert (shown["state"], shown["disabled_reason"]) == ("disabled", "gone") and shown["disabled_since"]

    def warning():
        warnings = house.look("/warnings")["items"]
        return next((one for one in warnings if one["subject"] == destination["id"]), None)

    found = until(warning)
    assert found and (found["kind"], found["name"]) == ("destination_disabled", name)

    later = source.post(b"2")
    house.in_state("waiting", event=later)
    receiver.on(path, ways.answer(204))
    assert house.do(f"/destinations/{destination['id']}/enable")["state"] == "active"
    assert house.settled_one(event=later)["state"] == "delivered"
    assert [request.body for request in receiver.requests(path)] == [b"1", b"2"]


# --- egress ---

NOT_PUBLIC = [
    "http://127.0.0.1:@PORT@/", "http://localhost:@PORT@/", "http://LocalHost.:@PORT@/", "http://[::1]:@PORT@/",
    "http://[::ffff:127.0.0.1]:@PORT@/", "http://[::ffff:7f00:1]:@PORT@/", "http://2130706433:@PORT@/",
    "http://0x7f000001:@PORT@/", "http://017700000001:@PORT@/", "http://0177.0.0.1:@PORT@/", "http://127.1:@PORT@/",
    "http://0x7f.1:@PORT@/", "http://0:@PORT@/", "http://0.0.0.0:@PORT@/", "http://[::]:@PORT@/", "http://127.255.255.254:@PORT@/",
    "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/latest/meta-data/", "http://10.0.0.1/", "http://100.64.0.1/",
]


def test_P8_without_permission_nothing_that_is_not_public_is_connected_to_however_it_is_written(name):
    with own_server() as server, Receiver(everywhere=True) as receiver:
        server.start()
        house = House(server)
        source = house.source(name)
        urls = [url.replace("@PORT@", str(receiver.port)) for url in NOT_PUBLIC]
        destinations = [house.destination(url, url=url, timeout_seconds=60) for url in urls]
        for start in range(0, len(destinations), 10):
            house.flow(source, *destinations[start:start + 10])
        event = source.post(b"x")
        outcomes = {
            house.look(f"/destinations/{one['destination']}")["name"]: [attempt["outcome"] for attempt in one["attempt_list"]]
            for one in house.settled(len(urls), event=event)
        }
        assert outcomes == {url: ["egress_refused"] for url in urls}
        assert receiver.connections == 0
        assert server.stop() == 0


def test_a_permission_for_one_network_is_none_for_another(house, source, name):
    house.flow(source, house.destination(name, url="http://169.254.169.254/latest/meta-data/", timeout_seconds=60))
    [attempt] = house.settled_one(event=source.post(b"x"))["attempt_list"]
    assert attempt["outcome"] == "egress_refused" and "169.254.169.254" in attempt["error"]


@pytest.mark.parametrize("url", [
    "ftp://example.com/", "http:///x", "http://user:pass@example.com/", "http://example.com/#a", "http://exa mple.com/",
    "http://example.com\\@127.0.0.1/", "http://example.com:0/", "http://{{KEY}}/", "//example.com/", "http://example.com:99999/",
])
def test_an_address_that_is_none_is_refused_when_it_is_written(house, name, url):
    problem = house.refused(400, "invalid", "POST", "/destinations", {"name": name, "kind": "http", "settings": {"url": url}})
    assert problem["field"] == "settings.url"


# --- pauses ---


def test_P8_while_a_flow_is_paused_its_events_wait_and_none_is_lost(house, source, simple, receiver, name, path):
    flow = f"/flows/{house.look('/flows', webhook=source.id)['items'][0]['id']}"
    house.flow(source, house.destination(f"{name}, other", url=receiver.url(f"{path}/other")))
    assert house.do(f"{flow}/pause")["state"] == "paused"
    events = [source.post(b"%d" % number) for number in range(3)]
    # The other flow sent them, so this one would have.
    came(receiver, f"{path}/other", 3)
    house.in_state("waiting", 3, destination=simple["id"])
    assert house.look(f"/destinations/{simple['id']}")["waiting"] == 3
    assert receiver.requests(path) == []
    assert house.do(f"{flow}/resume")["state"] == "active"
    house.settled(3, destination=simple["id"])
    assert sorted(request.event for request in receiver.requests(path)) == sorted(events)


def test_P8_while_a_destination_is_disabled_its_deliveries_wait_and_none_is_lost(house, source, simple, receiver, name, path):
    house.flow(source, house.destination(f"{name}, other", url=receiver.url(f"{path}/other")))
    shown = house.do(f"/destinations/{simple['id']}/disable")
    assert (shown["state"], shown["disabled_reason"]) == ("disabled", "by_hand")
    events = [source.post(b"%d" % number) for number in range(3)]
    came(receiver, f"{path}/other", 3)
    house.in_state("waiting", 3, destination=simple["id"])
    assert receiver.requests(path) == []
    house.do(f"/destinations/{simple['id']}/enable")
    house.settled(3, destination=simple["id"])
    assert sorted(request.event for request in receiver.requests(path)) == sorted(events)


def test_what_waits_survives_a_stop_of_the_server(name):
    with own_server() as server, Receiver() as receiver:
        server.start(flags=EGRESS)
        house = House(server)
        source = house.source(name)
        destination = house.destination(name, url=receiver.url("/"))
        flow = house.flow(source, destination)
        house.do(f"/flows/{flow['id']}/pause")
        events = [source.post(b"%d" % number) for number in range(3)]
        assert server.stop() == 0
        server.start(flags=EGRESS)
        assert len(house.deliveries(state="waiting")) == 3 and receiver.requests() == []
        house.do(f"/flows/{flow['id']}/resume")
        house.settled(3)
        assert sorted(request.event for request in receiver.requests()) == sorted(events)
        assert server.stop() == 0


def test_an_archived_flow_takes_no_more_events_and_what_waited_is_cancelled(house, source, simple, receiver, name, path):
    flow = f"/flows/{house.look('/flows', webhook=source.id)['items'][0]['id']}"
    house.do(f"{flow}/pause")
    waiting = source.post(b"1")
    house.in_state("waiting", event=waiting)
    assert house.do(f"{flow}/archive")["state"] == "archived"
    delivery = house.settled_one(event=waiting)
    assert (delivery["state"], delivery["reason"]) == ("cancelled", "flow_archived")
    house.refused(409, "flow_archived", "POST", f"{flow}/resume")
    house.refused(409, "flow_archived", "PATCH", flow, {"name": "another"})
    after = source.post(b"2")
    # Made after the archived one stopped taking; once this has arrived, the other would have.
    house.flow(source, house.destination(f"{name}, other", url=receiver.url(f"{path}/other")))
    source.post(b"3")
    came(receiver, f"{path}/other")
    assert house.deliveries(event=after) == [] and receiver.requests(path) == []


def test_a_delivery_that_waits_can_be_cancelled_and_one_at_its_end_cannot(house, source, simple):
    house.do(f"/destinations/{simple['id']}/disable")
    [waiting] = house.in_state("waiting", event=source.post(b"x"))
    house.refused(409, "not_settled", "POST", f"/deliveries/{waiting['id']}/retry")
    cancelled = house.do(f"/deliveries/{waiting['id']}/cancel")
    assert (cancelled["state"], cancelled["reason"]) == ("cancelled", "by_hand")
    house.refused(409, "not_open", "POST", f"/deliveries/{waiting['id']}/cancel")


def test_a_destination_in_use_is_not_deleted_and_one_out_of_use_is(house, source, simple, receiver, name, path):
    event = source.post(b"x")
    delivery = house.settled_one(event=event)
    problem = house.refused(409, "destination_in_use", "DELETE", f"/destinations/{simple['id']}")
    assert name in problem["detail"]
    house.do(f"/flows/{delivery['flow']}/archive")
    house.api.expect([204], "DELETE", f"/api/v1/destinations/{simple['id']}")
    assert house.delivery(delivery)["state"] == "delivered", "the history is gone"
    house.refused(404, "not_found", "GET", f"/destinations/{simple['id']}")


# --- order, and who delays whom ---


@pytest.mark.parametrize("ordered_by", ["X-Key", "$.key"])
def test_P8_deliveries_of_one_key_keep_their_order_while_one_fails_and_other_keys_go_on(
    house, source, receiver, name, path, ordered_by
):
    receiver.on(path, lambda *them: ways.answer(500 if json.loads(them[2].body)["n"] == 1 and them[2].attempt < 3 else 204)(*them))
    destination = house.destination(name, "http", "0,1s,1s", url=receiver.url(path), ordered_by=ordered_by, concurrency=8)
    house.flow(source, destination)
    for number, key in enumerate(["a", "b", "a", "a", "b", "a"], start=1):
        source.post_json({"key": key, "n": number}, X_Key=key)
    deliveries = house.settled(6, destination=destination["id"])
    assert [one["state"] for one in deliveries] == ["delivered"] * 6
    assert [one["order_key"] for one in deliveries] == ["a", "b", "a", "a", "b", "a"]
    order = [(body["key"], body["n"], request.attempt) for request in receiver.requests(path) for body in [json.loads(request.body)]]
    assert [step for step in order if step[0] == "a"] == [("a", 1, 1), ("a", 1, 2), ("a", 1, 3), ("a", 3, 1), ("a", 4, 1), ("a", 6, 1)]
    assert [step for step in order if step[0] == "b"] == [("b", 2, 1), ("b", 5, 1)]
    assert order.index(("b", 5, 1)) < order.index(("a", 1, 3)), "another key was made to wait"


def test_P8_a_destination_that_hangs_delays_no_other_one(house, source, simple, receiver, name, path):
    receiver.on(f"{path}/hangs", ways.hang)
    stuck = house.destination(f"{name}, stuck", url=receiver.url(f"{path}/hangs"), timeout_seconds=60, concurrency=1)
    house.flow(source, stuck)
    count = 30
    events = [source.post(b"%d" % number) for number in range(count)]
    delivered = house.settled(count, destination=simple["id"])
    assert {one["state"] for one in delivered} == {"delivered"}
    assert sorted(request.event for request in receiver.requests(path)) == sorted(events)
    # All that while the other one has not finished its first.
    [running] = house.in_state("running", destination=stuck["id"])
    [attempt] = house.delivery(running)["attempt_list"]
    assert attempt["outcome"] == "running"
    assert len(house.deliveries(destination=stuck["id"], state="due")) == count - 1
    assert len(receiver.requests(f"{path}/hangs")) == 1


def test_P8_attempts_that_hang_take_no_connection_of_another_destination_at_the_same_host(
    house, source, receiver, name, path
):
    receiver.on(f"{path}/hangs", ways.hang)
    most = 64
    stuck = house.destination(f"{name}, stuck", url=receiver.url(f"{path}/hangs"), timeout_seconds=60, concurrency=most)
    house.flow(source, stuck)
    for number in range(most + 5):
        source.post(b"%d" % number)
    came(receiver, f"{path}/hangs", most)
    house.flow(source, house.destination(name, url=receiver.url(path), timeout_seconds=60), name=name)
    assert house.settled_one(event=source.post(b"x"), destination=name)["state"] == "delivered"
    assert len(receiver.requests(f"{path}/hangs")) == most


def test_P8_however_many_destinations_hang_another_one_gets_its_event(name):
    # A server of its own, for it has all hands full for a while.
    with own_server() as server, contextlib.ExitStack() as stack, Receiver() as healthy:
        server.start(flags=EGRESS)
        house = House(server)
        source = house.source(name)
        holes = [stack.enter_context(BlackHole()) for _ in range(10)]
        stuck = [house.destination(hole.url, url=hole.url, timeout_seconds=60, concurrency=64) for hole in holes]
        house.flow(source, *stuck)
        for number in range(64):
            source.post(b"%d" % number)
        # As many attempts as the server begins at once; whether it leaves a place is what is asked.
        until(lambda: sum(len(hole.connections) for hole in holes) >= 500, 5)
        other = house.source(f"{name}, other")
        house.flow(other, house.destination(name, url=healthy.url(), timeout_seconds=60), name=name)
        assert house.settled_one(event=other.post(b"x"))["state"] == "delivered"
        # Otherwise the stop would wait for them.
        stack.close()
        assert server.stop() == 0


def test_no_more_attempts_run_at_once_than_the_destination_takes(house, source, receiver, name, path):
    counts, now, enough = [], [], threading.Event()

    def count(receiver, wire, request):
        now.append(1)
        counts.append(len(now))
        enough.wait(HANG_SECONDS)
        now.pop()
        ways.answer(204)(receiver, wire, request)

    receiver.on(path, count)
    destination = house.destination(name, url=receiver.url(path), concurrency=3)
    house.flow(source, destination)
    for number in range(12):
        source.post(b"%d" % number)
    assert until(lambda: len(now) == 3)
    # What comes later has its turn and is sent elsewhere, so a fourth one had its chance.
    other = house.source(f"{name}, other")
    house.flow(other, house.destination(f"{name}, other", url=receiver.url(f"{path}/other")))
    assert house.settled_one(event=other.post(b"x"))["state"] == "delivered"
    enough.set()
    house.settled(12, destination=destination["id"])
    assert max(counts) == 3


def test_P8_one_at_a_time_is_as_fast_as_the_receiver_though_nothing_else_happens(house, source, receiver, name, path):
    destination = house.destination(name, url=receiver.url(path), concurrency=1)
    flow = house.flow(source, destination)
    house.do(f"/flows/{flow['id']}/pause")
    events = [source.post(b"%d" % number) for number in range(40)]
    house.do(f"/flows/{flow['id']}/resume")
    house.settled(len(events), destination=destination["id"])
    requests = receiver.requests(path)
    assert [request.event for request in requests] == events
    # The receiver answers at once. Whoever looked only once a second for the next one would let a second pass before each.
    gaps = sorted(later.at - sooner.at for sooner, later in zip(requests, requests[1:]))
    assert gaps[len(gaps) // 2] < 0.9


def test_one_event_has_one_delivery_for_each_flow_and_destination(house, source, receiver, name, path):
    one, two = (house.destination(f"{name} {number}", url=receiver.url(f"{path}/{number}")) for number in (1, 2))
    first, second = house.flow(source, one, two), house.flow(source, one, name=f"{name}, second")
    found = house.settled(3, event=source.post(b"x"))
    assert {(each["flow"], each["destination"]) for each in found} == {
        (first["id"], one["id"]), (first["id"], two["id"]), (second["id"], one["id"])}
    came(receiver, f"{path}/1", 2)
    came(receiver, f"{path}/2", 1)


# --- what is recorded ---


def test_deliveries_are_listed_and_each_attempt_is_recorded(house, source, receiver, name, path):
    receiver.on(path, ways.fail_first(1, 503))
    destination = house.destination(name, "http", "0,1s", url=receiver.url(path))
    flow = house.flow(source, destination)
    events = [source.post(b"1"), source.post(b"2")]
    house.settled(2, flow=flow["id"])
    listed = house.look("/deliveries", destination=name)["items"]
    assert [one["event"] for one in listed] == list(reversed(events)), "newest first"
    assert house.look("/deliveries", flow=flow["name"], state="delivered", event=events[0])["items"] == [listed[1]]
    assert house.look("/deliveries", flow=flow["id"], state="dead") == {"items": [], "next": None}
    page = house.look("/deliveries", flow=flow["id"], limit=1)
    assert page["items"] == [listed[0]]
    assert house.look("/deliveries", flow=flow["id"], limit=1, after=page["next"])["items"] == [listed[1]]

    delivery = house.delivery(listed[0])
    assert {key: delivery[key] for key in listed[0]} == listed[0]
    assert (delivery["webhook"], delivery["flow"], delivery["destination"]) == (source.id, flow["id"], destination["id"])
    assert (delivery["state"], delivery["attempts"], delivery["is_replay"]) == ("delivered", 2, False)
    first, second = delivery["attempt_list"]
    assert [(one["number"], one["outcome"], one["status"]) for one in (first, second)] == [(1, "refused", 503), (2, "delivered", 204)]
    for attempt in (first, second):
        assert attempt["milliseconds"] >= 0 and "error" not in attempt
        assert delivery["created_at"] <= attempt["started_at"] <= attempt["finished_at"] <= delivery["settled_at"]


# --- sending again ---


def test_N10_one_event_is_sent_again_by_the_flows_there_are_now(house, source, simple, receiver, path):
    event = source.post(bytes(range(256)), Content_Type="image/x-odd")
    first = came_one(receiver, path)
    [made] = house.make(f"/events/{event}/replay")["items"]
    assert made["is_replay"] and (made["event"], made["destination"]) == (event, simple["id"])
    second = came(receiver, path, 2)[1]
    assert second.header("Inlet-Replay") == "true"
    assert (second.body, second.event, second.header("Content-Type")) == (first.body, first.event, first.header("Content-Type"))
    assert second.header("webhook-id") == first.header("webhook-id"), "a receiver could not tell that it is the same event"


def test_N10_where_no_flow_takes_an_event_it_is_not_sent_again(house, source):
    event = source.post(b"x")
    house.refused(409, "no_flow", "POST", f"/events/{event}/replay")
    house.refused(409, "no_flow", "POST", "/replays", {"webhook": source.id})


def test_N10_a_selection_is_counted_and_then_sent_again_oldest_first(house, source, receiver, name, path):
    receiver.on(path, lambda *them: ways.answer(500 if int(them[2].body) % 3 == 0 else 204)(*them))
    destination = house.destination(name, url=receiver.url(path), concurrency=1)
    house.flow(source, destination)
    events = [source.post(b"%d" % number, X_Half="late" if number > 5 else "early") for number in range(1, 11)]
    house.settled(10, destination=destination["id"])
    receiver.on(path, ways.answer(204))

    def counted(**selection):
        return house.do("/replays", {"webhook": source.id, "dry_run": True} | selection)

    assert counted() == {"events": 10, "is_complete": True}
    assert counted(state="dead") == {"events": 3, "is_complete": True}
    assert counted(state="dead", destination=name, filter={"header": "X-Half", "equals": "late"})["events"] == 2
    assert counted(to=house.api.event(events[4])["received_at"])["events"] == 4
    assert len(receiver.requests(path)) == 10, "counting sent something"

    replay = house.make("/replays", {"webhook": source.id, "state": "dead", "destination": destination["id"]})
    assert replay["selection"]["state"] == "dead"
    assert until(lambda: house.look(f"/replays/{replay['id']}")["state"] == "done")
    replay = house.look(f"/replays/{replay['id']}")
    assert (replay["events_sent"], replay["events_looked_at"]) == (3, replay["events_total"]) and replay["ended_at"]
    assert house.look("/replays")["items"][0] == replay
    again = came(receiver, path, 13)[10:]
    assert [request.event for request in again] == [events[2], events[5], events[8]]
    assert {request.header("Inlet-Replay") for request in again} == {"true"}
    made = [one for one in house.settled(13, destination=destination["id"]) if one.get("replay") == replay["id"]]
    assert {one["state"] for one in made} == {"delivered"} and len(made) == 3


def test_N10_a_replay_that_is_cancelled_sends_no_more(house, source, simple, receiver, path):
    for number in range(20):
        source.post(b"%d" % number)
    house.settled(20, destination=simple["id"])
    replay = house.make("/replays", {"webhook": source.id, "rate_per_second": 1})
    assert until(lambda: house.look(f"/replays/{replay['id']}")["events_sent"] > 0)
    cancelled = house.do(f"/replays/{replay['id']}/cancel")
    assert cancelled["state"] == "cancelled" and cancelled["ended_at"]
    assert house.do(f"/replays/{replay['id']}/cancel")["state"] == "cancelled", "safe to repeat"
    # Another one goes through from beginning to end; meanwhile the first would have gone on.
    second = house.make("/replays", {"webhook": source.id, "rate_per_second": 1000})
    assert until(lambda: house.look(f"/replays/{second['id']}")["state"] == "done")
    assert house.look(f"/replays/{replay['id']}")["events_sent"] == cancelled["events_sent"] < 20
    made = house.settled(40 + cancelled["events_sent"], destination=simple["id"])
    assert sum(one.get("replay") == replay["id"] for one in made) == cancelled["events_sent"]


# --- logs ---


def test_a_log_writes_a_line_for_each_event(house, source, name):
    house.flow(source, house.destination(name, "log", file="orders.jsonl"))
    events = [source.post_json({"a": "line\nbreak"}, Inlet_Context="tag"), source.post(b"\xff\x00")]
    house.settled(2, destination=name)
    [file] = house.server.data.rglob("orders.jsonl")
    assert file.stat().st_mode & 0o077 == 0, "others can read it"
    lines = {line["event"]: line for line in map(json.loads, file.read_text().splitlines())}
    assert set(lines) == set(events)
    first, second = (lines[event] for event in events)
    assert (json.loads(first["body"]), first["context"], first["webhook"]) == ({"a": "line\nbreak"}, "tag", source.id)
    assert base64.b64decode(second["body_base64"]) == b"\xff\x00"


@pytest.mark.parametrize("file", ["../up.jsonl", "a/b", "/etc/passwd", ".hidden", "", "a b", "x" * 101])
def test_the_file_of_a_log_is_a_plain_name(house, name, file):
    problem = house.refused(400, "invalid", "POST", "/destinations", {"name": name, "kind": "log", "settings": {"file": file}})
    assert problem["field"] == "settings.file"


# --- who comes for deliveries ---


@pytest.fixture
def pulled(house, source, name):
    destination = house.destination(name, "listen", "0,0,0")
    house.flow(source, destination)
    return f"/destinations/{destination['id']}/claims", destination


def test_a_program_comes_for_its_deliveries_and_says_what_became_of_them(house, source, pulled):
    claims, destination = pulled
    assert house.do(claims, {})["items"] == []
    event = source.post(b"\xff\x00", Content_Type="image/x-odd", Inlet_Context="tag")
    [claim] = house.do(claims, {"wait_seconds": 10})["items"]
    assert (claim["event"], claim["attempt"], claim["webhook"]) == (event, 1, source.id)
    assert base64.b64decode(claim["body_base64"]) == b"\xff\x00"
    fields = {name.lower(): value for name, value in claim["headers"]}
    assert (fields["webhook-id"], fields["content-type"], fields["inlet-context"]) == (event, "image/x-odd", "tag")
    assert moment(claim["lease_until"]) > time.time() + 30
    assert house.do(claims, {})["items"] == [], "the same delivery was handed out twice"

    # Refused there, so it is due again; then lost on the way; then taken.
    settle = f"/deliveries/{claim['delivery']}/attempts"
    assert house.do(f"{settle}/1", {"status": 503, "answer": "busy", "milliseconds": 7})["state"] == "due"
    house.refused(409, "claim_over", "POST", f"{settle}/1", {"status": 200})
    assert [one["attempt"] for one in house.do(claims, {"wait_seconds": 10})["items"]] == [2]
    house.do(f"{settle}/2", {"error": "nobody there"})
    assert [one["attempt"] for one in house.do(claims, {"wait_seconds": 10})["items"]] == [3]
    assert house.do(f"{settle}/3", {"status": 204})["state"] == "delivered"
    first, second, third = house.delivery({"id": claim["delivery"]})["attempt_list"]
    assert (first["outcome"], first["status"], first["answer"], first["milliseconds"]) == ("refused", 503, "busy", 7)
    assert (second["outcome"], second["error"]) == ("connection_failed", "nobody there")
    assert (third["outcome"], third["status"]) == ("delivered", 204)


def test_a_claim_that_nobody_settles_is_handed_out_again_after_its_lease(house, source, pulled):
    claims, destination = pulled
    source.post(b"x")
    [lost] = house.do(claims, {"wait_seconds": 10, "lease_seconds": 5})["items"]
    [again] = house.do(claims, {"wait_seconds": 20})["items"]
    assert (again["delivery"], again["attempt"]) == (lost["delivery"], 2)
    house.refused(409, "claim_over", "POST", f"/deliveries/{lost['delivery']}/attempts/1", {"status": 200})
    assert house.do(f"/deliveries/{lost['delivery']}/attempts/2", {"status": 200})["state"] == "delivered"
    assert [one["outcome"] for one in house.delivery({"id": lost["delivery"]})["attempt_list"]] == ["interrupted", "delivered"]


def test_a_destination_that_is_sent_to_hands_nothing_out(house, simple):
    house.refused(409, "not_pulled", "POST", f"/destinations/{simple['id']}/claims", {})


def test_who_follows_the_events_of_a_webhook_gets_the_next_one_as_soon_as_it_is_there(house, source):
    first = source.post(b"1")
    assert house.look("/events", webhook=source.id, since=first)["items"] == []
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(house.look, "/events", webhook=source.id, since=first, wait_seconds=25)
        second = source.post(b"2")
        [found] = waiting.result(timeout=20)["items"]
    assert found["id"] == second


@contextlib.contextmanager
def listening(house, folder, *words):
    """`inlet listen`, running."""
    shell = Shell(folder, house.server, house.api.token)
    screen = folder / "screen"
    with open(screen, "wb") as output:
        process = subprocess.Popen(
            [PROGRAM, "listen", *words], env=shell.environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
            stderr=output)
    try:
        # It is at work once it has said so.
        assert until(lambda: screen.read_bytes() or process.poll() is not None)
        assert process.poll() is None, screen.read_text()
        yield
        assert process.poll() is None, screen.read_text()
    finally:
        process.terminate()
        process.wait(SECONDS)


def test_inlet_listen_forwards_the_events_of_a_webhook(house, source, receiver, path, folder):  # noqa: F811
    with listening(house, folder, "--webhook", source.id, "--forward", receiver.url(path)):
        event = source.post(bytes(range(256)), Content_Type="image/x-odd", Inlet_Context="tag")
        request = came_one(receiver, path)
        assert (request.body, request.event) == (bytes(range(256)), event)
        assert (request.header("Content-Type"), request.header("Inlet-Context")) == ("image/x-odd", "tag")
        assert request.header("webhook-id") == event and request.values("Authorization") == []
    assert house.deliveries(event=event) == [], "a look from outside made a delivery"


def test_inlet_listen_forwards_the_deliveries_of_a_destination_until_they_are_taken(
    house, source, pulled, receiver, path, folder  # noqa: F811
):
    _, destination = pulled
    receiver.on(path, ways.fail_first(1))
    event = source.post_json({"a": 1})
    house.in_state("due", event=event)
    with listening(house, folder, "--destination", destination["name"], "--forward", receiver.url(path)):
        delivery = house.settled_one(event=event)
        assert delivery["state"] == "delivered"
        assert [one["outcome"] for one in delivery["attempt_list"]] == ["refused", "delivered"]
        assert [request.attempt for request in receiver.requests(path)] == [1, 2]
        assert json.loads(receiver.requests(path)[0].body) == {"a": 1}
