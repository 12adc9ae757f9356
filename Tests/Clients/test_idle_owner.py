"""Sixty days pass on the real program: what stops with an idle owner, what is kept, and how it is put right. Rows D6–D8, N3."""

from datetime import datetime, timedelta

import pytest

from inlet_server import basic, call_once, own_server, sha256, until
from session_server import machine_time_only


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


class Owner:
    """An account with an app token and an API token."""

    def __init__(self, api, name, webhook, role="member"):
        body = {"kind": "service", "name": name, "role": role, "with_token": True}
        made = api.expect([201], "POST", "/api/v1/accounts", body).json()
        self.id = made["id"]
        self.api_token = made["token"]["secret"]
        app = {"kind": "app", "name": name, "owner": self.id, "webhook": webhook}
        self.app_token = api.expect([201], "POST", "/api/v1/tokens", app).json()["secret"]


class House:
    """A server with Carol, who will be idle, Erin, whose tokens are used, and Dave, who looks after them."""

    def __init__(self, server):
        self.server = server
        self.api = server.api()
        self.webhook = self.api.new_webhook("orders")
        self.carol = Owner(self.api, "Carol", self.webhook)
        self.erin = Owner(self.api, "Erin", self.webhook)
        dave = Owner(self.api, "Dave", self.webhook, "admin")
        body = {"kind": "management", "name": "Dave's", "owner": dave.id}
        self.dave = self.api.expect([201], "POST", "/api/v1/tokens", body).json()["secret"]
        # The first owner goes idle as well; from here on Dave asks.
        self.api.token = self.dave

    def call(self, authorization, body=b"", headers=None):
        return call_once(
            self.server.ingest_port, "POST", f"/in/{self.webhook}?from=orders", body,
            {"Authorization": authorization, **(headers or {})})

    def by_dave(self, method, path, body=None, status=200):
        answer = self.api.request(method, f"/api/v1{path}", body, self.dave)
        assert answer.status == status, f"{method} {path}: {answer}"
        return answer.json()

    def carol_now(self):
        return self.by_dave("GET", f"/accounts/{self.carol.id}")

    def held(self):
        return self.by_dave("GET", "/held?limit=500")["items"]


@pytest.fixture
def house():
    with own_server() as server:
        server.start()
        yield House(server)
        if server.process:
            assert server.stop() == 0


@machine_time_only
def test_D6_an_idle_owner_stops_and_is_put_right_and_no_call_is_lost(house):
    server, carol, erin = house.server, house.carol, house.erin
    for token in [carol.app_token, carol.api_token, erin.app_token]:
        assert house.call(f"Bearer {token}", b"day 0").status == 202
    assert house.by_dave("GET", "/me")["account"]["state"] == "active"
    assert server.stop() == 0

    # Day 30: Erin's token is called and Dave looks in; Carol does nothing.
    server.move_clock("+30d")
    server.start()
    assert house.call(f"Bearer {erin.app_token}", b"day 30").status == 202
    lapses = {item["subject"]: item for item in house.by_dave("GET", "/outlook?days=40")["items"]}
    assert lapses[carol.id]["kind"] == "account_lapses" and lapses[carol.id]["days_left"] == 30
    assert server.stop() == 0

    # Day 61: the first sweep is at the start.
    server.move_clock("+61d")
    server.start()
    if not until(lambda: house.carol_now()["state"] == "inactive"):
        assert house.by_dave("GET", "/status").get("sweep_held"), "nothing was done, and nothing says why"
        assert carol.id in house.by_dave("POST", "/accounts/sweep")["deactivated"]
    now = house.carol_now()
    assert (now["state"], now["inactive_reason"]) == ("inactive", "idle")
    assert house.by_dave("GET", f"/accounts/{erin.id}")["state"] == "active"
    assert house.call(f"Bearer {erin.app_token}", b"day 61").status == 202

    # Her callers get the one 401, and what they sent is kept aside.
    sent = {
        b"": f"Bearer {carol.app_token}",
        bytes(range(256)) * 500: f"Bearer {carol.api_token}",
        b'{"order": 17}': basic("shop", carol.app_token),
    }
    for body, authorization in sent.items():
        refused = house.call(authorization, body, {"Content-Type": "application/x-order", "Inlet-Context": '{"shop":7}'})
        assert refused.status == 401 and refused.json()["code"] == "unauthorized"
    assert until(lambda: len(house.held()) == len(sent)), house.held()
    held = house.held()
    for item in held:
        assert (item["webhook"], item["cause"], item["can_release"]) == (house.webhook, "owner_inactive", False)
        assert item["content_type"] == "application/x-order"
        assert moment(item["drops_at"]) - moment(item["received_at"]) == timedelta(days=7)
    # The ledger is written by a timer, and libfaketime stops those of the concurrency runtime; a stop writes it too.
    assert server.stop() == 0
    server.start()
    ledger = house.by_dave("GET", "/calls?outcome=refused")["items"]
    assert {call["held"] for call in ledger if "held" in call} == {item["id"] for item in held}
    assert {call["cause"] for call in ledger} == {"owner_inactive"}

    # Nothing can be released before it is put right.
    early = house.api.request("POST", "/api/v1/held/release", {"ids": [item["id"] for item in held]}, house.dave)
    assert early.status == 409 and early.json()["code"] == "still_lapsed"
    assert len(house.held()) == len(sent)

    # Put right by somebody else: the same tokens work at once.
    assert house.by_dave("POST", f"/accounts/{carol.id}/activate")["state"] == "active"
    for token in [carol.app_token, carol.api_token]:
        assert house.call(f"Bearer {token}", b"put right").status == 202
    assert all(item["can_release"] for item in house.held())

    released = house.by_dave("POST", "/held/release", {"all": True})
    assert (released["released"], released["duplicates"], released["still_lapsed"]) == (len(sent), 0, 0)
    assert house.held() == []
    received = {item["received_at"] for item in held}
    bodies = {}
    for event in released["events"]:
        detail = house.by_dave("GET", f"/events/{event}")
        body = house.api.body(event)
        assert detail["body_sha256"] == sha256(body.body)
        assert detail["received_at"] in received and detail["released_at"] > detail["received_at"]
        assert (detail["content_type"], detail["context"], detail["query"]) == ("application/x-order", {"shop": 7}, "from=orders")
        assert body.header("Content-Type") == "application/x-order"
        bodies[body.body] = detail
    assert set(bodies) == set(sent)
    assert bodies[b'{"order": 17}']["basic_user"] == "shop"

    # The days begin anew, and all of it stands in the audit log.
    assert moment(house.carol_now()["lapses_at"]) - moment(bodies[b""]["received_at"]) > timedelta(days=59)
    acts = [(act["action"], act.get("actor")) for act in house.by_dave("GET", f"/audit?subject={carol.id}")["items"]]
    assert [action for action, _ in acts] == ["account.activate", "account.deactivate", "account.create"]
    assert acts[1][1] is None, "nobody but Inlet itself switched her off"
    assert house.by_dave("GET", "/audit/verify")["is_intact"]

    # Nothing is lost over the next start, either.
    everything = {event["id"] for event in house.api.all_events(house.webhook)}
    assert server.stop() == 0
    server.start()
    assert {event["id"] for event in house.api.all_events(house.webhook)} == everything
