"""Held calls at the console (N3): no slip of administration loses data."""

import pytest

import checks
from inlet_server import call_once, until

BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])


@pytest.fixture
def go(console, new_page):
    def open_page(path, **options):
        page = new_page(**options)
        console.sign_in(page.context, console.owner())
        page.goto(console.url + path)
        return page

    return open_page


@pytest.fixture
def hold(console, api):
    """A token that lapsed and so many calls that were kept aside for it."""

    def hold(name, count):
        webhook = api.new_webhook(name)
        token = api.new_token("app", f"{name} door", webhook)
        api.deactivate(token["id"])
        for number in range(count):
            answer = call_once(console.server.ingest_port, "POST", f"/in/{webhook}", f'{{"visit": {number}}}', {
                "Authorization": f"Bearer {token['secret']}", "Content-Type": "application/json"})
            assert answer.status == 401
        assert until(lambda: len(held(api, token)) == count), "the calls are not held"
        return webhook, token

    return hold


def held(api, token):
    return api.expect([200], "GET", f"/api/v1/held?token={token['id']}").json()["items"]


@BOTH
def test_held_calls_are_released_one_by_one_and_by_ticks(api, go, hold, javascript):
    """N3: the list says why a call cannot be released yet, and releases it when it can."""
    webhook, token = hold(f"Library {javascript}", 4)
    page = go(f"/held?token={token['id']}", javascript=javascript)
    page.get_by_text("Reactivate the token first.").first.wait_for()
    assert page.get_by_role("checkbox").count() == 0
    checks.check_page(page)
    api.activate(token["id"])
    page.reload()
    assert page.get_by_role("checkbox").count() == 4
    checks.check_page(page)
    page.locator("td.do").get_by_role("button", name="Release").first.click()
    page.get_by_text("1 call was released; it is an event now.").wait_for()
    assert page.get_by_role("checkbox").count() == 3
    page.get_by_role("button", name="Release ticked calls").click()
    page.get_by_role("alert").wait_for()
    checks.check_page(page, status=422)
    for box in page.get_by_role("checkbox").all()[:2]:
        box.check()
    page.get_by_role("button", name="Release ticked calls").click()
    page.get_by_text("2 calls were released; they are events now.").wait_for()
    assert len(held(api, token)) == 1 and len(api.events(webhook)[0]) == 3
    checks.check_page(page)


@BOTH
def test_all_of_a_token_are_released_after_it_was_said_what_happens(api, go, hold, javascript):
    webhook, token = hold(f"Archive {javascript}", 3)
    page = go(f"/held?token={token['id']}", javascript=javascript)
    page.get_by_role("link", name="Release all of these").click()
    page.get_by_text("Nothing can be released yet.").wait_for()
    assert page.get_by_role("button", name="Release").count() == 0
    checks.check_page(page)
    api.activate(token["id"])
    page.get_by_role("link", name="Back to held calls").click()
    page.get_by_role("link", name="Release all of these").click()
    page.get_by_text("3 of them can be released now.").wait_for()
    checks.check_page(page)
    page.get_by_role("button", name="Release").click()
    page.get_by_text("3 calls were released").wait_for()
    page.get_by_role("heading", name="No held call matches").wait_for()
    assert len(api.events(webhook)[0]) == 3
    checks.check_page(page)


def test_a_call_that_lapsed_again_meanwhile_stays_and_says_why(api, go, hold):
    _, token = hold("Reading room", 1)
    api.activate(token["id"])
    page = go(f"/held?token={token['id']}")
    api.deactivate(token["id"])
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Release ticked calls").click()
    page.get_by_role("alert").get_by_text("nothing was released").wait_for()
    assert len(held(api, token)) == 1
    checks.check_page(page, status=422)


def test_a_reader_may_not_release(go, hold, console, new_page):
    _, token = hold("Map room", 1)
    page = new_page()
    console.sign_in(page.context, console.new_person("Visitor", "member"))
    page.goto(f"{console.url}/held?token={token['id']}")
    assert page.get_by_role("checkbox").count() == 0
    assert page.get_by_role("link", name="Release").count() == 0
    checks.check_page(page)
