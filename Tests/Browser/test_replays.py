"""Replays at the console (N10): choose, count, start, follow, cancel."""

import pytest

import checks
from inlet_server import call_once, until

BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
EVENTS = 12


@pytest.fixture(scope="module")
def way(console, api):
    """A webhook with a few events and a flow to a log."""

    class Way:
        webhook = api.new_webhook("Museum tickets")
        token = api.new_token("app", "Museum desk", webhook)

    way = Way()
    destination = api.expect([201], "POST", "/api/v1/destinations", {
        "name": "Museum log", "kind": "log", "settings": {}}).json()["id"]
    way.flow = api.expect([201], "POST", "/api/v1/flows", {
        "name": "Tickets out", "webhook": way.webhook, "destinations": [destination]}).json()["id"]
    for number in range(EVENTS):
        answer = call_once(console.server.ingest_port, "POST", f"/in/{way.webhook}", f'{{"ticket": {number}}}', {
            "Authorization": f"Bearer {way.token['secret']}", "Content-Type": "application/json"})
        assert answer.status == 202, answer
    return way


@pytest.fixture
def go(console, new_page):
    def open_page(path, **options):
        page = new_page(**options)
        console.sign_in(page.context, console.owner())
        page.goto(console.url + path)
        return page

    return open_page


def count(page, **fields):
    page.get_by_label("Webhook").select_option(label="Museum tickets")
    for label, value in fields.items():
        page.get_by_label(label.replace("_", " ")).fill(value)
    page.get_by_role("button", name="Count first").click()


@BOTH
def test_a_replay_is_counted_before_it_starts_and_followed_to_its_end(way, go, api, javascript):
    """N10: nothing is sent before the count was seen; all that is sent is marked."""
    page = go("/events", javascript=javascript)
    page.get_by_role("link", name="Replays").click()
    page.get_by_role("link", name="New replay").first.click()
    checks.check_page(page)
    before = len(api.expect([200], "GET", "/api/v1/replays").json()["items"])
    count(page)
    page.get_by_text(f"{EVENTS} events would be sent again.").wait_for()
    page.get_by_text("Tickets out → Museum log").wait_for()
    assert len(api.expect([200], "GET", "/api/v1/replays").json()["items"]) == before
    checks.check_page(page)
    page.get_by_role("button", name="Start replay").click()
    page.get_by_text("The replay has started.").wait_for()
    identity = page.url.partition("?")[0].rpartition("/")[2]
    if javascript:
        page.get_by_text(f"{EVENTS} events sent").wait_for()
        page.get_by_text("Done", exact=True).wait_for()
    else:
        assert until(lambda: page.reload() and page.get_by_text(f"{EVENTS} events sent").count())
    checks.check_page(page)
    assert api.expect([200], "GET", f"/api/v1/replays/{identity}").json()["state"] == "done"
    page.get_by_role("link", name="Replays").click()
    page.locator(f'a[href="/replays/{identity}"]').wait_for()
    checks.check_page(page)


@BOTH
def test_a_slow_replay_can_be_cancelled(way, go, javascript):
    page = go("/replays/new", javascript=javascript)
    count(page, Events_a_second="1")
    page.get_by_text("At 1 a second").wait_for()
    page.get_by_role("button", name="Start replay").click()
    page.get_by_role("link", name="Cancel replay").click()
    page.get_by_text("What was sent stays sent.").wait_for()
    checks.check_page(page)
    page.get_by_role("button", name="Cancel replay").click()
    page.get_by_text("The replay was cancelled.").wait_for()
    assert page.get_by_role("link", name="Cancel replay").count() == 0
    checks.check_page(page)


@BOTH
def test_a_wrong_selection_comes_back_as_it_was_typed(way, go, javascript):
    page = go("/replays/new", javascript=javascript)
    count(page, Filter="{nonsense", Events_a_second="7")
    page.get_by_role("alert").wait_for()
    assert page.get_by_label("Filter").input_value() == "{nonsense"
    assert page.get_by_label("Events a second").input_value() == "7"
    assert page.get_by_label("Webhook").locator("option:checked").inner_text() == "Museum tickets"
    checks.check_page(page, status=422)
    count(page, Filter='{"path": "$.ticket", "less": 5}')
    page.get_by_text("5 events would be sent again.").wait_for()
    page.get_by_role("button", name="Change selection").click()
    assert page.get_by_label("Filter").input_value() == '{"path": "$.ticket", "less": 5}'
    count(page, Filter='{"path": "$.ticket", "less": -1}')
    page.get_by_text("there is nothing to send").wait_for()
    assert page.get_by_role("button", name="Start replay").count() == 0
    checks.check_page(page)


def test_a_webhook_without_a_flow_says_so(way, go, api):
    api.new_webhook("Museum shop")
    page = go("/replays/new")
    page.get_by_label("Webhook").select_option(label="Museum shop")
    page.get_by_role("button", name="Count first").click()
    page.get_by_role("alert").get_by_text("No flow sends").wait_for()
    checks.check_page(page, status=422)
