"""Refused calls at the console (N2): the true cause in plain words, and the button that mends it."""

from datetime import datetime, timedelta, timezone

import pytest

import checks
from inlet_server import call_once, made_up_secret, own_server, until
from people import Console

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
def call(console):
    def send(webhook, secret):
        return call_once(console.server.ingest_port, "POST", f"/in/{webhook}", "{}", {"Authorization": f"Bearer {secret}"}).status

    return send


def refused(api, **wanted):
    """The newest refused call that is so, once the ledger has it."""
    found = until(lambda: next((it for it in api.refused_calls() if all(it.get(name) == value for name, value in wanted.items())), None))
    assert found, f"no refused call is {wanted}"
    return found


@BOTH
def test_an_inactive_token_is_named_and_reactivated_from_the_refused_call(api, call, go, javascript):
    """N2: the true cause with since when and by whom, while the caller saw a bare 401."""
    webhook = api.new_webhook(f"Ferry bookings {javascript}")
    token = api.new_token("app", f"Ferry counter {javascript}", webhook)
    api.deactivate(token["id"])
    assert call(webhook, token["secret"]) == 401
    one = refused(api, token=token["id"], cause="token_inactive")
    page = go(f"/calls?token={token['id']}", javascript=javascript)
    row = page.get_by_role("row").filter(has_text="Token inactive")
    assert f"Ferry counter {javascript}" in row.inner_text() and f"Ferry bookings {javascript}" in row.inner_text()
    checks.check_page(page)
    row.locator("th a").click()
    assert page.url.endswith(one["id"])
    page.get_by_text("Deactivated by").wait_for()
    page.get_by_text("Nothing is lost").wait_for()
    checks.check_page(page)
    page.get_by_role("button", name="Reactivate token").click()
    page.get_by_text("The token is active again").wait_for()
    assert call(webhook, token["secret"]) == 202
    assert page.get_by_role("button", name="Reactivate token").count() == 0
    page.get_by_role("button", name="Release").click()
    page.get_by_text("1 call was released").wait_for()
    checks.check_page(page)


@BOTH
def test_an_inactive_owner_is_reactivated_from_the_refused_call(api, call, go, javascript):
    webhook = api.new_webhook(f"Ferry freight {javascript}")
    owner = api.expect([201], "POST", "/api/v1/accounts", {
        "kind": "service", "name": f"Freight desk {javascript}", "role": "member", "with_token": False}).json()
    account = owner.get("account", owner)["id"]
    token = api.expect([201], "POST", "/api/v1/tokens", {
        "kind": "app", "name": "Freight", "webhook": webhook, "owner": account}).json()
    api.expect([200], "POST", f"/api/v1/accounts/{account}/deactivate")
    assert call(webhook, token["secret"]) == 401
    page = go(f"/calls/{refused(api, token=token['id'])['id']}", javascript=javascript)
    page.get_by_role("heading", name="Owner inactive").wait_for()
    page.get_by_role("button", name=f"Reactivate account “Freight desk {javascript}”").click()
    page.get_by_text("The account is active again").wait_for()
    assert call(webhook, token["secret"]) == 202
    checks.check_page(page)


def test_an_expired_token_is_extended_from_the_refused_call(new_page):
    with own_server() as server:
        server.start()
        api, webhook = server.api(), server.info["webhook"]
        end = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
        token = api.expect([201], "POST", "/api/v1/tokens", {
            "kind": "app", "name": "Timetable", "webhook": webhook, "expires_at": end}).json()

        def call():
            return call_once(server.ingest_port, "POST", f"/in/{webhook}", "{}", {"Authorization": f"Bearer {token['secret']}"}).status

        assert call() == 202
        server.stop()
        server.move_clock("+2h")
        server.start()
        assert call() == 401
        console, page = Console(server), new_page()
        console.sign_in(page.context, console.owner())
        page.goto(f"{console.url}/calls/{refused(api, token=token['id'])['id']}")
        page.get_by_role("heading", name="Token expired").wait_for()
        page.get_by_label("Valid from now on for").select_option(label="365 days")
        page.get_by_role("button", name="Extend token").click()
        page.get_by_text("The token is valid again.").wait_for()
        assert call() == 202
        checks.check_page(page)


def test_a_paused_webhook_is_resumed_from_the_refused_call(api, call, go):
    webhook = api.new_webhook("Ferry weather")
    token = api.new_token("app", "Weather", webhook)
    api.expect([200], "POST", f"/api/v1/webhooks/{webhook}/pause")
    assert call(webhook, token["secret"]) == 404
    page = go(f"/calls/{refused(api, token=token['id'])['id']}")
    page.get_by_role("button", name="Resume webhook “Ferry weather”").click()
    page.get_by_text("The webhook takes calls again.").wait_for()
    assert call(webhook, token["secret"]) == 202
    checks.check_page(page)


def test_causes_are_counted_and_narrow_the_list(api, call, go):
    webhook = api.new_webhook("Ferry menu")
    assert call(webhook, made_up_secret("a")) == 401
    refused(api, cause="unknown_token")
    page = go("/calls")
    page.get_by_label("Cause", exact=True).select_option(label="Unknown token")
    page.get_by_role("button", name="Search").click()
    assert set(page.locator("tbody td strong").all_inner_texts()) == {"Unknown token"}
    checks.check_page(page)
    page.locator('tbody th a[href^="/calls/"]').first.click()
    page.get_by_text("Nothing can be mended here.").wait_for()
    assert page.get_by_role("main").get_by_role("button").count() == 0
    checks.check_page(page)


def test_a_member_is_told_whom_to_ask(api, call, console, new_page):
    webhook = api.new_webhook("Ferry crew")
    token = api.new_token("app", "Crew", webhook)
    api.deactivate(token["id"])
    assert call(webhook, token["secret"]) == 401
    one = refused(api, token=token["id"])
    page = new_page()
    console.sign_in(page.context, console.new_person("Deckhand", "viewer"))
    page.goto(f"{console.url}/calls/{one['id']}")
    page.get_by_text("Only the token’s owner").wait_for()
    assert page.get_by_role("main").get_by_role("button").count() == 0
    checks.check_page(page)


@pytest.mark.parametrize("language", ["nl", "pt-BR"])
def test_causes_are_told_in_the_readers_language(shop, new_page, language):
    page = new_page(locale=language)
    session = shop.console.sign_in(page.context, shop.console.owner())
    shop.console.speak(page.context, session, language)
    page.goto(f"{shop.console.url}/calls")
    checks.check_page(page, language=language)
    for cause in page.locator("select[name=cause] option").all():
        assert "⟦" not in cause.inner_text()
    page.locator('tbody th a[href^="/calls/"]').first.click()
    checks.check_page(page, language=language)
    shop.console.speak(page.context, session, "en")
