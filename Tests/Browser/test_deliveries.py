"""Deliveries at the console: where events went, attempt by attempt, sending again and stopping."""

import json

import pytest

import checks
from inlet_server import call_once, free_port, until

BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])


@pytest.fixture(scope="module")
def way(console, api):
    """Two flows of one webhook: one to a log, one to where nobody answers."""

    class Way:
        webhook = api.new_webhook("Bakery orders")
        token = api.new_token("app", "Bakery till", webhook)

        def call(self, body='{"loaf": "rye"}'):
            answer = call_once(console.server.ingest_port, "POST", f"/in/{self.webhook}", body, {
                "Authorization": f"Bearer {self.token['secret']}", "Content-Type": "application/json"})
            assert answer.status == 202, answer
            return answer.json()["id"]

    def destination(name, kind, settings, **more):
        return api.expect([201], "POST", "/api/v1/destinations", {
            "name": name, "kind": kind, "settings": settings, **more}).json()["id"]

    way = Way()
    way.log = destination("Bakery log", "log", {})
    way.away = destination("Bakery oven", "http", {"url": f"http://127.0.0.1:{free_port()}/"}, schedule="0,24h")
    way.flow = api.expect([201], "POST", "/api/v1/flows", {
        "name": "To the log", "webhook": way.webhook, "destinations": [way.log]}).json()["id"]
    api.expect([201], "POST", "/api/v1/flows", {
        "name": "To the oven", "webhook": way.webhook, "destinations": [way.away]})
    return way


@pytest.fixture
def go(console, new_page):
    def open_page(path, **options):
        page = new_page(**options)
        console.sign_in(page.context, console.owner())
        page.goto(console.url + path)
        return page

    return open_page


def settled(api, event, destination, states):
    """The delivery of an event to a destination, once it stands so."""
    def look():
        found = api.expect([200], "GET", f"/api/v1/deliveries?event={event}&destination={destination}").json()["items"]
        return next((one for one in found if one["state"] in states and (one["attempts"] or "delivered" in states)), None)

    found = until(look)
    assert found, f"no delivery of {event} is {states}"
    return found


@BOTH
def test_a_delivery_shows_its_attempts_and_is_sent_again(way, go, api, javascript):
    """N10: what arrived can be sent once more; the new delivery is marked as a replay."""
    event = way.call()
    delivery = settled(api, event, way.log, {"delivered"})
    page = go("/deliveries", javascript=javascript)
    checks.check_page(page)
    page.get_by_label("Event").fill(event)
    page.get_by_label("State").select_option(label="Delivered")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("row").filter(has_text="Bakery log").locator("th a").click()
    page.get_by_role("heading", name=delivery["id"]).wait_for()
    assert "Delivered" in page.get_by_role("region", name="Attempts").inner_text()
    checks.check_page(page)
    page.get_by_role("button", name="Send again").click()
    page.get_by_text("A new delivery is on its way").wait_for()
    assert delivery["id"] not in page.url
    assert "Sent again" in page.locator("dl.facts").inner_text()
    checks.check_page(page)


@BOTH
def test_what_waits_for_its_next_attempt_can_be_stopped(way, go, api, javascript):
    event = way.call()
    delivery = settled(api, event, way.away, {"due"})
    page = go(f"/deliveries/{delivery['id']}", javascript=javascript)
    assert "No connection" in page.get_by_role("region", name="Attempts").inner_text()
    page.get_by_role("link", name="Cancel delivery").click()
    page.get_by_text("other deliveries of the event go on").wait_for()
    checks.check_page(page)
    page.get_by_role("button", name="Cancel delivery").click()
    page.get_by_text("The delivery was cancelled.").wait_for()
    page.get_by_text("Somebody stopped it.").wait_for()
    assert page.get_by_role("button", name="Send again").count() == 1
    checks.check_page(page)


def test_an_event_that_is_none_is_told_at_its_field(way, go):
    page = go("/deliveries?event=mine")
    page.get_by_text("Must be the id of an event, `evt_…`.").wait_for()
    assert page.get_by_label("Event").input_value() == "mine"
    checks.check_page(page, status=422)
    page = go("/deliveries?state=filtered")
    page.get_by_role("heading", name="No delivery matches").wait_for()
    checks.check_page(page)


def test_a_reader_sees_no_buttons(way, go, api, console, new_page):
    delivery = settled(api, way.call(json.dumps({"loaf": "spelt"})), way.log, {"delivered"})
    page = new_page()
    console.sign_in(page.context, console.new_person("Baker", "viewer"))
    page.goto(f"{console.url}/deliveries/{delivery['id']}")
    assert page.get_by_role("main").get_by_role("button").count() == 0
    checks.check_page(page)
