"""E5: resources, and how available they were."""

from datetime import datetime, timedelta, timezone

import pytest

import checks
from inlet_server import Api
from people import NARROW

BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])


@pytest.fixture(scope="session")
def report(api, console):
    """Reports hits of a resource: `report(name, [(minutes ago, hits, failures)])`; gives the resource's id."""
    credential = api.expect([201], "POST", "/api/v1/credentials", {"type": "hits_failure", "name": "services"}).json()
    ingest = console.server.ingest_port
    activation = Api(ingest, credential["secret"]).expect([200, 201], "POST", "/activations").json()

    def send(name, figures):
        now = datetime.now(timezone.utc)
        reports = [
            {"resource": name, "hits": hits, "failures": failures,
             "at": (now - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")}
            for minutes, hits, failures in figures]
        Api(ingest, activation["activation_token"]).expect([200, 201, 202, 204], "POST", "/hits", reports)
        return api.expect([200], "GET", f"/api/v1/resources/{name}").json()["id"]

    return send


def test_E5_without_resources_the_page_says_how_to_report(signed_in, console):
    signed_in.goto(f"{console.url}/resources")
    checks.check_page(signed_in)
    if signed_in.get_by_role("table").count() == 0:
        link = signed_in.locator("main").get_by_role("link", name="To the integration tokens")
        assert link.get_attribute("href") == "/settings/integration-tokens"


@BOTH
def test_E5_a_resource_shows_its_availability_and_its_objective_is_set(new_page, console, report, javascript):
    name = f"checkout-{javascript}".lower()
    id = report(name, [(30, 1_000, 0), (90, 1_000, 100), (3 * 24 * 60, 8_000, 0)])
    page = new_page(javascript=javascript)
    console.sign_in(page.context, console.owner())
    page.goto(f"{console.url}/resources")
    checks.check_page(page)
    row = page.get_by_role("row").filter(has_text=name).inner_text()
    assert "99%" in row and "10,000" in row and "100" in row, row
    page.get_by_role("link", name=name).click()
    checks.check_page(page)
    tiles = page.locator("dl.tiles").inner_text()
    assert "95%" in tiles and "2,000" in tiles and "The objective allows 2." in tiles, tiles
    assert "Availability in 24 hours: 95%" in page.get_by_role("img").get_attribute("aria-label")
    # The same values stand in a table.
    page.get_by_text("Show as table").click()
    cells = page.get_by_role("table").inner_text()
    assert "90%" in cells and "below the objective" in cells
    for label in ["7 days", "30 days", "90 days"]:
        page.get_by_role("link", name=label).click()
        checks.check_page(page)
        assert "10,000" in page.locator("dl.tiles").inner_text()
    page.get_by_role("link", name="Edit objective").click()
    checks.check_page(page)
    page.get_by_label("Objective").fill("a lot")
    page.get_by_role("button", name="Save objective").click()
    checks.check_page(page, status=422)
    page.get_by_label("Objective").fill("98,5 %")
    page.get_by_role("button", name="Save objective").click()
    page.get_by_text("The objective was saved.").wait_for()
    page.goto(f"{console.url}/resources/{id}?range=30d")
    assert "Objective: 98.5%" in page.locator("dl.tiles").inner_text()
    page.get_by_role("link", name="Delete resource").click()
    page.get_by_text("hits were reported in the last 30 days; the last report came").wait_for()
    checks.check_page(page)
    page.get_by_role("button", name="Delete resource").click()
    page.get_by_text("The resource was deleted.").wait_for()


@pytest.mark.parametrize("language", ["nl", "pt-BR"])
def test_E5_a_resource_in_another_language_on_a_phone_in_the_dark(new_page, console, report, language):
    id = report("search", [(5, 300, 3), (65, 300, 0)])
    page = new_page(locale=language, theme="dark", viewport=NARROW)
    session = console.sign_in(page.context, console.owner())
    try:
        console.speak(page.context, session, language)
        for path in ["/resources", f"/resources/{id}", f"/resources/{id}/edit"]:
            page.goto(f"{console.url}{path}")
            checks.check_page(page, language=language)
        # Numbers are written as the language does.
        page.goto(f"{console.url}/resources/{id}")
        assert "99,5" in page.locator("dl.tiles").inner_text()
    finally:
        console.speak(page.context, session, "en")
