"""P8: destinations, drawn from what each kind says of itself."""

import pytest

import checks
from people import NARROW

BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])


def opened(new_page, console, **options):
    """A page of the owner."""
    page = new_page(**options)
    page.session = console.sign_in(page.context, console.owner())
    return page


@BOTH
def test_P8_a_destination_is_made_looked_at_changed_and_deleted(new_page, console, javascript):
    page = opened(new_page, console, javascript=javascript)
    name = f"invoices {javascript}"
    page.goto(f"{console.url}/destinations")
    checks.check_page(page)
    page.get_by_role("link", name="New destination").first.click()
    checks.check_page(page)
    page.get_by_role("link", name="HTTP", exact=True).click()
    checks.check_page(page)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Address").fill("https://billing.example.com/orders")
    page.get_by_label("Header lines").fill("X-Shop: nl\nX-Part: 2")
    page.get_by_label("Attempts").fill("0,5s,soon")
    page.get_by_role("button", name="Create destination").click()
    # What was typed is still there, and the fault stands at its field.
    checks.check_page(page, status=422)
    assert page.get_by_label("Header lines").input_value() == "X-Shop: nl\nX-Part: 2"
    assert "waits of at most 7 days" in page.locator("#field-schedule-notes").inner_text()
    page.get_by_label("Attempts").fill("0,5s,5m")
    page.get_by_label("Requests per second").fill("20")
    page.get_by_role("button", name="Create destination").click()
    page.get_by_role("heading", level=1, name=name).wait_for()
    checks.check_page(page)
    facts = page.locator("dl.facts").first.inner_text()
    for fact in ["https://billing.example.com/orders", "X-Shop: nl", "X-Part: 2", "0,5s,5m", "20 a second"]:
        assert fact in facts, facts
    page.get_by_role("link", name="Edit").click()
    checks.check_page(page)
    page.get_by_label("Requests per second").fill("")
    page.get_by_label("In order by").fill("$.order.id")
    page.get_by_role("button", name="Save destination").click()
    page.get_by_text("The destination was saved.").wait_for()
    facts = page.locator("dl.facts").first.inner_text()
    assert "No limit" in facts and "$.order.id" in facts
    page.get_by_role("link", name="Disable").click()
    checks.check_page(page)
    page.get_by_role("button", name="Disable").click()
    page.get_by_text("Somebody disabled this destination.").wait_for()
    checks.check_page(page)
    page.get_by_role("button", name="Enable").click()
    page.get_by_text("The destination is enabled.").wait_for()
    page.get_by_role("link", name="Delete destination").click()
    checks.check_page(page)
    page.get_by_role("button", name="Delete destination").click()
    page.get_by_text("The destination was deleted.").wait_for()
    assert page.get_by_role("link", name=name).count() == 0


def test_P8_every_kind_draws_its_own_fields(signed_in, console, api):
    kinds = api.expect([200], "GET", "/api/v1/destination-kinds").json()["items"]
    assert len(kinds) >= 4
    for kind in kinds:
        signed_in.goto(f"{console.url}/destinations/new?kind={kind['name']}")
        checks.check_page(signed_in)
        for field in kind["fields"]:
            assert signed_in.locator(f"[name='settings.{field['name']}']").count() == 1, (kind["name"], field["name"])


@BOTH
def test_P8_a_signing_secret_is_shown_once_looked_at_again_and_rotated(new_page, console, javascript):
    page = opened(new_page, console, javascript=javascript)
    page.goto(f"{console.url}/destinations/new?kind=standard-webhooks")
    page.get_by_label("Name", exact=True).fill(f"partner {javascript}")
    page.get_by_label("Address").fill("https://partner.example.com/hooks")
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        page.get_by_role("button", name="Create destination").click()
    assert answer.value.headers["cache-control"] == "no-store"
    checks.check_page(page)
    secret = page.locator("#secret").inner_text()
    assert secret.startswith("whsec_")
    page.get_by_role("link", name="To the destination").click()
    address = page.url
    assert secret not in page.content()
    page.get_by_role("link", name="Show secret").click()
    checks.check_page(page)
    page.get_by_label("Your password").fill("not my password")
    page.get_by_role("button", name="Show secret").click()
    checks.check_page(page, status=422)
    page.get_by_label("Your password").fill(console.owner().password)
    page.get_by_role("button", name="Show secret").click()
    assert page.locator("#secret").inner_text() == secret
    page.goto(address)
    page.get_by_role("link", name="New secret").click()
    checks.check_page(page)
    page.get_by_label("Overlap").select_option("3600")
    page.get_by_role("button", name="New secret").click()
    checks.check_page(page)
    assert page.locator("#secret").inner_text() not in ["", secret]
    page.goto(address)
    assert "2 secrets sign each message" in page.locator("main").inner_text()


def test_E11_typing_two_braces_offers_the_secret_variables(signed_in, console, api):
    for name in ["OFFERED_ONE", "OFFERED_TWO"]:
        api.expect([200, 201, 204], "PUT", f"/api/v1/secret-variables/{name}", {"value": "made up"})
    page = signed_in
    page.goto(f"{console.url}/destinations/new?kind=http")
    field = page.get_by_label("Header lines")
    field.press_sequentially("X-Key: {{offered")
    options = page.get_by_role("listbox").get_by_role("option")
    assert options.all_inner_texts() == ["{{OFFERED_ONE}}", "{{OFFERED_TWO}}"]
    # The page as it stands then is good too.
    checks.check_page(page, keys=False)
    field.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") == options.nth(1).get_attribute("id")
    field.press("Enter")
    assert field.input_value() == "X-Key: {{OFFERED_TWO}}"
    assert page.get_by_role("listbox").count() == 0
    field.press_sequentially(" {{OFF")
    page.get_by_role("listbox").wait_for()
    field.press("Escape")
    assert page.get_by_role("listbox").count() == 0
    field.press_sequentially("E")
    page.get_by_role("option", name="{{OFFERED_ONE}}").click()
    assert field.input_value() == "X-Key: {{OFFERED_TWO}} {{OFFERED_ONE}}"


@pytest.mark.profile(javascript=False, viewport=NARROW)
def test_E11_without_scripts_the_names_stand_below_the_field(signed_in, console, api):
    api.expect([200, 201, 204], "PUT", "/api/v1/secret-variables/OFFERED_ONE", {"value": "made up"})
    signed_in.goto(f"{console.url}/destinations/new?kind=http")
    checks.check_page(signed_in)
    assert "{{OFFERED_ONE}}" in signed_in.locator("[data-variables='field-settings.url']").inner_text()


def test_P8_a_destination_that_flows_use_is_not_deleted(signed_in, console, api):
    webhook = api.expect([201], "POST", "/api/v1/webhooks", {"name": "kept in use"}).json()
    made = api.expect([201], "POST", "/api/v1/destinations", {"name": "used", "kind": "listen"}).json()
    api.expect([201], "POST", "/api/v1/flows", {
        "name": "uses it", "webhook": webhook["id"], "destinations": [made["id"]]})
    page = signed_in
    page.goto(f"{console.url}/destinations/{made['id']}")
    checks.check_page(page)
    assert "Take it out of them first" in page.locator("main").inner_text()
    page.goto(f"{console.url}/destinations/{made['id']}/delete")
    checks.check_page(page)
    page.get_by_role("button", name="Delete destination").click()
    checks.check_page(page, status=422)
    assert page.get_by_text("Flow uses it").count() == 1


def test_A7_a_viewer_sees_destinations_without_acts(new_page, console, api):
    made = api.expect([201], "POST", "/api/v1/destinations", {"name": "only looked at", "kind": "listen"}).json()
    page = new_page()
    console.sign_in(page.context, console.new_person("Looks Only", "viewer"))
    for path in ["/destinations", f"/destinations/{made['id']}"]:
        page.goto(f"{console.url}{path}")
        checks.check_page(page)
        for act in ["New destination", "Edit", "Disable", "Delete destination"]:
            assert page.locator("main").get_by_role("link", name=act).count() == 0
    assert page.goto(f"{console.url}/destinations/new").status == 403
