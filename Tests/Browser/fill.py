"""Fills a fresh server with a month in the life of a shop, by its REST API and by real calls.

    python Tests/Browser/fill.py --url http://127.0.0.1:8081 --ingest http://127.0.0.1:8080 --token inlm_…

Nothing here is taken from a real person or company. The figures are drawn with a fixed seed, so that each run is like the other.
"""

import argparse
import contextlib
import json
import random
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "Clients"))

from inlet_server import Api, basic, call_once, made_up_secret, until  # noqa: E402

EVENTS = 100
DAYS_OF_HITS = 7
DAYS_OF_DEPLOYS = 30
PASSWORD = "seven brown owls at noon"

WEBHOOKS = {
    "Orders from the shop": "Every order that is paid, a few seconds after it was placed.",
    "Payments": "Captures and refunds, as the payment provider reports them.",
    "Parcel tracking": "Where parcels are, from the carrier.",
    "Newsletter sign-ups": "Who subscribed or left, from the form on the site.",
    "Stock levels": "",
    "Returns desk": "Returns that customers announce themselves.",
}
ORGANIZATION, OWNER = "Oak & Linen", "Olga Visser"
PEOPLE = {
    "Ann Bakker": "admin", "João Ferreira": "member", "Mieke de Wit": "member", "Priya Raman": "viewer",
}
SERVICES = ["Shop backend", "Warehouse importer"]
FIRST = ["Noor", "Daan", "Sofia", "Lucas", "Yara", "Bram", "Inês", "Tess"]
STREETS = ["Lindenlaan", "Rua das Flores", "Havenstraat", "Mill Road"]
PRODUCTS = ["oak stool", "linen apron", "enamel mug", "wool blanket", "beeswax candle", "walnut tray"]


class Filled:
    """What is in the server now: ids and secrets by noun, and the words that people wrote."""

    def __init__(self, api, ingest_port, receiver_url):
        self.api = api
        self.ingest_port = ingest_port
        self.receiver_url = receiver_url
        self.webhooks, self.tokens, self.people, self.destinations, self.flows = {}, {}, {}, {}, {}
        self.credentials, self.applications, self.events = {}, {}, []
        self.password = PASSWORD
        self.words = {*WEBHOOKS, *WEBHOOKS.values(), *PEOPLE, *SERVICES, ORGANIZATION, OWNER}

    def make(self, path, **body):
        return self.api.expect([201], "POST", f"/api/v1{path}", body).json()

    def do(self, method, path, **body):
        return self.api.expect([200, 201, 204], method, f"/api/v1{path}", body or None)

    def look(self, path):
        return self.api.expect([200], "GET", f"/api/v1{path}").json()

    def call(self, webhook, secret, body, **headers):
        """A call of a webhook, as callers make them. Underscores in names of header fields stand for hyphens."""
        fields = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if secret:
            fields["Authorization"] = f"Bearer {secret}"
        return call_once(self.ingest_port, "POST", f"/in/{webhook}", body, fields)

    def report(self, path, secret, body):
        answer = call_once(self.ingest_port, "POST", path, json.dumps(body),
                           {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"})
        assert answer.status in {200, 201, 202}, answer
        return answer.json()


@contextlib.contextmanager
def receiver():
    """A destination on the loopback: /ok takes everything, /down refuses everything. Its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b'{"ok":true}' if self.path == "/ok" else b'{"error":"the database is being moved"}'
            self.send_response(200 if self.path == "/ok" else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def fill(url, ingest, token, receiver_url=None, now=None):
    """All of it. Without a receiver of ours, what is sent goes to addresses that do not exist."""
    dice = random.Random(7)
    shop = Filled(Api(urlsplit(url).port, token), urlsplit(ingest).port, receiver_url)
    now = now or datetime.now(timezone.utc)
    shop.do("PATCH", "/organization", name=ORGANIZATION)
    make_accounts(shop)
    make_webhooks(shop)
    make_secret_variables(shop)
    make_flows(shop)
    call_webhooks(shop, dice)
    refuse_calls(shop, dice)
    hold_calls(shop, dice)
    report_hits(shop, dice, now)
    report_deploys(shop, dice, now)
    settle(shop)
    return shop


def make_accounts(shop):
    shop.do("PATCH", "/accounts/owner", name=OWNER)
    for name, role in PEOPLE.items():
        login = f"{name.split()[0].lower().replace('ã', 'a')}@example.com"
        shop.people[name] = shop.make("/accounts", kind="person", name=name, login=login, role=role)
        if name != "Priya Raman":  # who has not accepted yet
            code = shop.people[name]["invitation"]["code"]
            shop.do("POST", "/passwords", code=code, password=PASSWORD)
    for name in SERVICES:
        shop.people[name] = shop.make("/accounts", kind="service", name=name, role="member", with_token=name == SERVICES[0])
    shop.do("POST", f"/accounts/{shop.people['Mieke de Wit']['id']}/block-sign-in")


def make_webhooks(shop):
    for name, description in WEBHOOKS.items():
        made = shop.make("/webhooks", name=name, **({"description": description} if description else {}))
        shop.webhooks[name] = made["id"]
        shop.tokens[name] = shop.make("/tokens", kind="app", webhook=made["id"], name=name)
    backend, importer = (shop.people[name]["id"] for name in SERVICES)
    shop.tokens["api"] = shop.make("/tokens", kind="api", name="Shop backend, all webhooks", owner=backend,
                                   description="Used by the shop itself for everything that is not bought in.")
    soon = (datetime.now(timezone.utc) + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%SZ")
    shop.tokens["importer"] = shop.make(
        "/tokens", kind="app", webhook=shop.webhooks["Stock levels"], name="Nightly import", owner=importer, expires_at=soon,
        networks=["127.0.0.0/8", "192.0.2.0/24"], rate_limit_per_minute=600)
    shop.tokens["lapsed"] = shop.make("/tokens", kind="app", webhook=shop.webhooks["Returns desk"], name="Returns desk, old form")
    shop.do("POST", f"/tokens/{shop.tokens['Payments']['id']}/rotate", overlap_seconds=86_400)
    shop.do("POST", f"/webhooks/{shop.webhooks['Newsletter sign-ups']}/pause")
    shop.words |= {"Shop backend, all webhooks", "Nightly import", "Returns desk, old form"}


def make_secret_variables(shop):
    for name in ["BILLING_KEY", "WAREHOUSE_PASSWORD", "PAGER_KEY"]:
        shop.do("PUT", f"/secret-variables/{name}", value=f"made up for {name}")


def make_flows(shop):
    works = f"{shop.receiver_url}/ok" if shop.receiver_url else "https://billing.example.com/orders"
    fails = f"{shop.receiver_url}/down" if shop.receiver_url else "https://warehouse.example.com/stock"
    shop.destinations["billing"] = shop.make(
        "/destinations", name="billing", kind="http",
        settings={"url": works, "headers": "X-Billing-Key: {{BILLING_KEY}}"})
    shop.destinations["warehouse"] = shop.make(
        "/destinations", name="warehouse", kind="http", schedule="0", settings={"url": fails}, rate_per_second=20)
    shop.destinations["order log"] = shop.make("/destinations", name="order log", kind="log", settings={"file": "orders.jsonl"})
    shop.flows["orders"] = shop.make(
        "/flows", name="Orders to billing", webhook=shop.webhooks["Orders from the shop"],
        description="Orders of 20 and more are invoiced.", filter={"path": "$.order.total", "at_least": 20},
        template={"number": "{{event.body.order.number}}", "total": "{{event.body.order.total}}", "from": "inlet"},
        destinations=[shop.destinations["billing"]["id"], shop.destinations["order log"]["id"]])
    shop.flows["stock"] = shop.make("/flows", name="Stock to the warehouse", webhook=shop.webhooks["Stock levels"],
                                    destinations=[shop.destinations["warehouse"]["id"]])
    shop.flows["returns"] = shop.make("/flows", name="Returns by mail", webhook=shop.webhooks["Returns desk"],
                                      destinations=[shop.destinations["order log"]["id"]])
    shop.do("POST", f"/flows/{shop.flows['returns']['id']}/pause")
    shop.words |= {*shop.destinations, *(flow["name"] for flow in shop.flows.values())}


def body_for(name, number, dice):
    """A body as the sender of that webhook would write it."""
    order = f"2026-{4_200 + number}"
    lines = [{"sku": product.replace(" ", "-"), "name": product, "quantity": dice.randint(1, 4), "price": dice.randint(4, 120)}
             for product in dice.sample(PRODUCTS, dice.randint(1, 3))]
    return {
        "Orders from the shop": {"order": {
            "number": order, "lines": lines, "total": sum(line["quantity"] * line["price"] for line in lines), "currency": "EUR",
            "customer": {
                "name": dice.choice(FIRST), "street": f"{dice.choice(STREETS)} {dice.randint(1, 90)}",
                "is_new": number % 3 == 0}}},
        "Payments": {"type": "refund" if number % 9 == 0 else "capture", "order": order, "amount": dice.randint(500, 30_000),
                     "currency": "EUR", "method": dice.choice(["ideal", "pix", "card"])},
        "Parcel tracking": {"parcel": f"NL{dice.randint(10**8, 10**9)}",
                            "status": dice.choice(["sorted", "on its way", "delivered"]),
                            "place": dice.choice(["Utrecht", "Lisboa", "Curitiba"])},
        "Stock levels": {"warehouse": "W1", "levels": {product: dice.randint(0, 200) for product in dice.sample(PRODUCTS, 3)}},
        "Returns desk": {"order": order, "reason": dice.choice(["too small", "broken on arrival", "changed my mind"])},
    }[name]


def call_webhooks(shop, dice):
    weights = {"Orders from the shop": 9, "Payments": 8, "Parcel tracking": 6, "Stock levels": 4, "Returns desk": 1}
    names = [name for name, weight in weights.items() for _ in range(weight)]
    for number in range(EVENTS):
        name = dice.choice(names)
        secret = shop.tokens["api" if number % 7 == 0 else name]["secret"]
        headers = {"User_Agent": f"{name.split()[0].lower()}-sender/2.3", "Idempotency_Key": f"{name}-{number}"}
        if number % 4 == 0:
            headers["Inlet_Context"] = json.dumps({"shop": dice.choice(["nl", "pt", "br"]), "run": number})
        answer = shop.call(shop.webhooks[name], secret, json.dumps(body_for(name, number, dice)), **headers)
        assert answer.status == 202, answer
        shop.events.append(answer.json()["id"])
    # A sender that is not so good at JSON, one that sends a form, and one that sends bytes.
    parcels, secret = shop.webhooks["Parcel tracking"], shop.tokens["Parcel tracking"]["secret"]
    for kind, body in [
        ("application/json", b'{"parcel": "NL1", '), ("text/plain; charset=utf-8", "Pakje is bezorgd: één stuk".encode()),
        ("application/x-www-form-urlencoded", b"parcel=NL123&status=delivered"), ("application/octet-stream", bytes(range(256))),
    ]:
        answer = shop.call(parcels, secret, body, Content_Type=kind)
        assert answer.status == 202, answer
        shop.events.append(answer.json()["id"])


def refuse_calls(shop, dice):
    orders = shop.webhooks["Orders from the shop"]
    body = json.dumps({"order": {"number": "2026-1"}})
    right = shop.tokens["Orders from the shop"]["secret"]
    for status, webhook, secret, fields in [
        (401, orders, None, {}),
        (401, orders, made_up_secret("a"), {}),
        (401, "whk_doesnotexist", right, {}),
        (401, orders, None, {"Authorization": basic("shop", "hunter2")}),
        (403, orders, shop.tokens["Stock levels"]["secret"], {}),
        (404, shop.webhooks["Newsletter sign-ups"], shop.tokens["Newsletter sign-ups"]["secret"], {}),
        (400, f"{orders}?token={right}", None, {}),
    ]:
        for _ in range(dice.randint(1, 4)):
            answer = shop.call(webhook, secret, body, **fields)
            # What exactly each is answered is tested elsewhere; here they shall only not be accepted.
            assert answer.status >= 400, (status, answer)


def hold_calls(shop, dice):
    lapsed = shop.tokens["lapsed"]
    shop.do("POST", f"/tokens/{lapsed['id']}/deactivate")
    for number in range(5):
        answer = shop.call(shop.webhooks["Returns desk"], lapsed["secret"], json.dumps(body_for("Returns desk", number, dice)))
        assert answer.status == 401, answer
    assert until(lambda: len(shop.look("/held")["items"]) == 5), "the calls are not held"


def report_hits(shop, dice, now):
    """What services say of themselves, as far back as Inlet takes it."""
    shop.credentials["hits"] = shop.make(
        "/credentials", type="hits_failure", name="production", description="All services there.")
    secret = shop.credentials["hits"]["secret"]
    activation = call_once(shop.ingest_port, "POST", "/activations", None, {"Authorization": f"Bearer {secret}"}).json()
    token = activation["activation_token"]
    usual = {"checkout": (900, 0.0004), "search": (2_400, 0.002), "login": (400, 0.0002), "image resizing": (150, 0.03)}
    for resource, (rate, bad) in usual.items():
        reports = []
        for minutes in range(10, DAYS_OF_HITS * 24 * 60 - 60, 30):
            at = now - timedelta(minutes=minutes)
            busy = 0.4 + 0.6 * (1 - abs(at.hour - 14) / 14)
            hits = int(rate * busy * dice.uniform(0.8, 1.2))
            is_incident = resource == "checkout" and 2_000 < minutes < 2_120
            failures = int(hits * (0.4 if is_incident else bad * dice.uniform(0, 2)))
            reports.append({"resource": resource, "hits": hits, "failures": failures, "at": moment(at)})
        shop.report("/hits", token, reports)
    shop.do("PATCH", "/resources/checkout", objective=99.9)


def report_deploys(shop, dice, now):
    shop.credentials["deploys"] = shop.make(
        "/credentials", type="deploy", name="pipelines", description="One token an application.")
    for name, days_between in {"shop": 2, "billing": 6, "warehouse importer": 13}.items():
        made = shop.applications[name] = shop.make("/applications", name=name, credential=shop.credentials["deploys"]["id"])
        number = 0
        for days in range(DAYS_OF_DEPLOYS, 0, -days_between):
            number += 1
            began = now - timedelta(days=days, minutes=dice.randint(0, 300))
            report = {
                "version": f"1.{number}.0", "environment": "production", "commit": f"{dice.getrandbits(28):07x}",
                "started_at": moment(began), "committed_at": moment(began - timedelta(hours=dice.randint(1, 30)))}
            went_well = number % 5 != 0
            shop.report("/deploys", made["secret"], {
                **report, "status": "succeeded" if went_well else "failed", "finished_at": moment(began + timedelta(minutes=6))})
    shop.words |= {*shop.applications, "production", "pipelines"}


def moment(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def settle(shop):
    """Waits until there is something of every kind to be seen: delivered, failed for good, refused."""
    if shop.receiver_url:
        for way, state in [("billing", "delivered"), ("warehouse", "dead")]:
            query = f"/deliveries?destination={shop.destinations[way]['id']}&state={state}&limit=1"
            assert until(lambda query=query: shop.look(query)["items"]), f"nothing is {state} at {way}"
    # Refused calls are written by a timer.
    assert until(lambda: shop.look("/calls?outcome=refused&limit=1")["items"]), "no refused call is listed"


def main():
    arguments = argparse.ArgumentParser(description="Fills a fresh Inlet with a month in the life of a shop.")
    arguments.add_argument("--url", required=True, help="the admin listener, http://127.0.0.1:8081")
    arguments.add_argument("--ingest", required=True, help="the ingest listener, http://127.0.0.1:8080")
    arguments.add_argument("--token", required=True, help="a management token of the owner")
    arguments.add_argument("--receiver", help="a receiver that takes POST /ok and refuses POST /down")
    given = arguments.parse_args()
    began = time.monotonic()
    shop = fill(given.url, given.ingest, given.token, given.receiver)
    made = f"{len(shop.events)} events, {len(shop.webhooks)} webhooks, {len(shop.people)} accounts"
    print(f"{made} in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
