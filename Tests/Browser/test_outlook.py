"""What will stop and when: row N4 of the product."""

import pytest
from playwright.sync_api import expect

import checks


@pytest.fixture(params=[True, False], ids=["with-scripts", "without-scripts"])
def owner(request, new_page, shop):
    page = new_page(javascript=request.param)
    shop.console.sign_in(page.context, shop.console.owner())
    return page


def test_N4_what_stops_is_grouped_by_time_and_leads_to_what_mends_it(owner, shop):
    owner.goto(f"{shop.console.url}/outlook")
    checks.check_page(owner)
    month = owner.locator("section").filter(has=owner.get_by_role("heading", name="Within 30 days"))
    expiring = month.get_by_role("listitem").filter(has_text="Token Nightly import expires")
    assert expiring.get_by_role("link", name="Extend").get_attribute("href") == f"/tokens/{shop.tokens['importer']['id']}/edit"
    day = owner.locator("section").filter(has=owner.get_by_role("heading", name="Within a day"))
    overlap = day.get_by_role("listitem").filter(has_text="The old secret of Payments")
    assert overlap.get_by_role("link", name="End overlap").get_attribute("href").endswith("/end-overlap")


def test_N4_how_far_ahead_is_chosen(owner, shop):
    owner.goto(f"{shop.console.url}/outlook")
    owner.get_by_role("link", name="7 days").click()
    assert owner.get_by_text("Nightly import").count() == 0
    owner.get_by_role("link", name="90 days").click()
    checks.check_page(owner)
    expect(owner.get_by_role("heading", name="Later")).to_be_visible()
    lapse = owner.get_by_role("listitem").filter(has_text="Shop backend becomes inactive")
    assert lapse.get_by_role("link", name="Move tokens").get_attribute("href").endswith("/move")
    # Whatever stands in the address, the page is one of those offered.
    assert owner.goto(f"{shop.console.url}/outlook?days=9999").status == 200
