"""The start page: how things stand, and what waits for a person."""

import pytest
from playwright.sync_api import expect

import checks
from people import NARROW


@pytest.fixture(params=[True, False], ids=["with-scripts", "without-scripts"])
def owner(request, new_page, shop):
    page = new_page(javascript=request.param)
    shop.console.sign_in(page.context, shop.console.owner())
    return page


def test_N2_calls_per_minute_are_drawn_and_stand_beside_as_numbers(owner, shop):
    owner.goto(shop.console.url)
    checks.check_page(owner)
    drawing = owner.get_by_role("img", name="In the last hour")
    assert drawing.is_visible() and drawing.locator("rect.one").count() >= 1 and drawing.locator("rect.two").count() >= 1
    owner.get_by_text("Show the numbers").click()
    checks.check_page(owner)
    accepted = [int(cell.inner_text().replace(",", "")) for cell in owner.locator("figure td:nth-child(2)").all()]
    assert sum(accepted) == len(shop.events)


def test_what_needs_attention_leads_to_what_mends_it(owner, shop):
    owner.goto(shop.console.url)
    attention = owner.locator("section").filter(has=owner.get_by_role("heading", name="Needs attention"))
    held = attention.get_by_role("listitem").filter(has_text="5 held calls")
    assert held.get_by_role("link", name="Look and release").get_attribute("href") == "/held"
    failing = attention.get_by_role("listitem").filter(has_text="warehouse fails")
    assert failing.get_by_role("link", name="warehouse fails", exact=True).get_attribute("href").startswith("/destinations/dst_")
    expect(attention.get_by_role("listitem").filter(has_text="given up")).to_be_visible()
    overlap = attention.get_by_role("listitem").filter(has_text="The old secret of Payments")
    expect(overlap.get_by_role("link", name="End overlap")).to_be_visible()


def test_the_start_page_fits_a_telephone(new_page, shop):
    page = new_page(viewport=NARROW, theme="dark")
    shop.console.sign_in(page.context, shop.console.owner())
    page.goto(shop.console.url)
    checks.check_page(page)


def test_a_new_installation_leads_to_the_first_webhook(new_page, console):
    """An organization in which nothing came in yet."""
    api = console.api
    made = api.expect([201], "POST", "/api/v1/organizations", {"name": "Brand new"}).json()
    page = new_page()
    session = console.sign_in(page.context, console.owner())
    answer = page.request.post(f"{console.url}/organization/switch", form={
        "organization": made["id"], "csrf": session["csrf_token"]})
    assert answer.status == 200, answer.text()
    page.goto(console.url)
    checks.check_page(page)
    expect(page.get_by_role("heading", name="Nothing has come in yet")).to_be_visible()
    assert page.get_by_role("link", name="Install a webhook").first.get_attribute("href") == "/webhooks/install"
