"""P8: flows, and what they would do to an event before anything is sent."""

import json

import pytest

import checks
import naughty
from inlet_server import Api
from people import NARROW

BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])


@pytest.fixture
def way(api, console, request):
    """A webhook with an event, and a destination."""
    mark = request.node.name[-60:]
    webhook = api.expect([201], "POST", "/api/v1/webhooks", {"name": f"orders {mark}"}).json()
    token = api.expect([201], "POST", "/api/v1/tokens", {"kind": "app", "webhook": webhook["id"], "name": f"shop {mark}"}).json()
    destination = api.expect([201], "POST", "/api/v1/destinations", {
        "name": f"receiver {mark}", "kind": "http", "settings": {"url": "https://billing.example.com/in", "headers": "X-Shop: nl"}}).json()
    sent = Api(console.server.ingest_port, token["secret"]).expect(
        [202], "POST", f"/in/{webhook['id']}", {"order": {"id": 7, "total": 120}}).json()
    return {"webhook": webhook, "destination": destination, "event": sent["id"], "name": f"invoices {mark}"}


@BOTH
def test_P8_a_flow_is_tried_before_it_is_made_and_lives_its_life(new_page, console, way, javascript):
    page = new_page(javascript=javascript)
    console.sign_in(page.context, console.owner())
    page.goto(f"{console.url}/flows")
    checks.check_page(page)
    page.get_by_role("link", name="New flow").first.click()
    checks.check_page(page)
    page.get_by_label("Webhook").select_option(label=way["webhook"]["name"])
    page.get_by_role("button", name="Continue").click()
    checks.check_page(page)
    page.get_by_label("Name", exact=True).fill(way["name"])
    page.get_by_label(way["destination"]["name"]).check()
    page.get_by_role("textbox", name="Filter").fill('{"path": "$.order.total", "at_least": 1000}')
    page.get_by_role("textbox", name="Template").fill('{"number": "{{event.body.order.id}}"}')
    page.get_by_role("button", name="Try it").click()
    # Unsaved, it says what it would do, and loses nothing of what was typed.
    checks.check_page(page)
    assert page.get_by_text("Would not be sent").count() == 1
    assert "The path $.order.total is not a number of at least the bound" in page.locator(".dry-run").inner_text()
    assert page.get_by_label("Name", exact=True).input_value() == way["name"]
    assert page.get_by_label(way["destination"]["name"]).is_checked()
    page.get_by_role("textbox", name="Filter").fill('{"path": "$.order.total", "at_least": 100}')
    page.get_by_role("button", name="Try it").click()
    checks.check_page(page)
    message = page.locator(".message").inner_text()
    for part in ["POST https://billing.example.com/in", "X-Shop", '{"number":7}']:
        assert part in message, message
    page.get_by_role("button", name="Create flow").click()
    page.get_by_text("The flow was created.").wait_for()
    checks.check_page(page)
    page.get_by_role("link", name="Pause").click()
    checks.check_page(page)
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("This flow is paused").wait_for()
    checks.check_page(page)
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("The flow goes on").wait_for()
    page.get_by_role("link", name="Edit").click()
    checks.check_page(page)
    assert page.get_by_role("textbox", name="Filter").input_value() == '{"path": "$.order.total", "at_least": 100}'
    page.get_by_role("textbox", name="Filter").fill("")
    page.get_by_role("button", name="Save flow").click()
    page.get_by_text("The flow was saved.").wait_for()
    assert "every event is sent" in page.locator("main").inner_text()
    page.get_by_role("link", name="Archive flow").click()
    # N5: what it did lately.
    assert "It took no event that is still kept." in page.locator("main").inner_text()
    checks.check_page(page)
    page.get_by_role("button", name="Archive flow").click()
    page.get_by_text("This flow is archived").wait_for()
    checks.check_page(page)
    assert page.get_by_role("link", name="Edit").count() == 0


@pytest.mark.parametrize("language, words", [
    ("en", "In all[1].path: Is no path such as `$.order.lines[0]`; it breaks off at byte 0."),
    ("nl", "In all[1].path: Is geen pad zoals `$.order.lines[0]`; het breekt af bij byte 0."),
    ("pt-BR", "Em all[1].path: Não é um caminho como `$.order.lines[0]`; termina no byte 0."),
])
def test_P8_what_is_wrong_with_a_filter_stands_at_it_with_its_place(new_page, console, way, language, words):
    page = new_page(locale=language)
    session = console.sign_in(page.context, console.owner())
    try:
        console.speak(page.context, session, language)
        page.goto(f"{console.url}/flows/new?webhook={way['webhook']['id']}")
        checks.check_page(page, language=language)
        page.locator("#field-filter").fill('{"all": [{"context": true, "exists": true}, {"path": "order", "exists": true}]}')
        page.locator("[formaction]").click()
        checks.check_page(page, language=language, status=422)
        assert words in page.locator("#field-filter-notes").inner_text()
        assert page.locator("#field-filter").get_attribute("aria-invalid") == "true"
        page.locator("#field-filter").fill("")
        page.locator("#field-template").fill('{"a": "{{NOT_THERE_AT_ALL}}"')
        page.locator("[formaction]").click()
        checks.check_page(page, language=language, status=422)
        assert page.locator("#field-template").get_attribute("aria-invalid") == "true"
    finally:
        console.speak(page.context, session, "en")


@BOTH
def test_P8_a_kept_flow_is_tried_on_its_page_and_shows_bodies_as_text(new_page, console, api, way, javascript):
    page = new_page(javascript=javascript, viewport=NARROW)
    console.sign_in(page.context, console.new_person("Tries Things", "viewer"))
    flow = api.expect([201], "POST", "/api/v1/flows", {
        "name": way["name"], "webhook": way["webhook"]["id"], "destinations": [way["destination"]["id"]],
        "description": naughty.HTML[0], "template": json.dumps({"a": naughty.HTML[0]})}).json()
    page.goto(f"{console.url}/flows/{flow['id']}")
    checks.check_page(page)
    page.get_by_role("button", name="Try it").click()
    checks.check_page(page)
    assert page.get_by_text("Would be sent").count() == 1
    assert "POST https://billing.example.com/in" in page.locator(".message").inner_text()
    naughty.expect_text_only(page, naughty.HTML[0])
    assert page.locator("main").get_by_role("link", name="Pause").count() == 0


def test_P8_typing_two_braces_in_a_template_offers_merge_fields(signed_in, console, way):
    page = signed_in
    page.goto(f"{console.url}/flows/new?webhook={way['webhook']['id']}")
    field = page.get_by_role("textbox", name="Template")
    field.press_sequentially('{"a": "{{event.re')
    page.get_by_role("option", name="{{event.received_at}}").wait_for()
    field.press("Tab")
    field.press_sequentially('"}')
    assert field.input_value() == '{"a": "{{event.received_at}}"}'
