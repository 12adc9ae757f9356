"""E6: applications, their deploy tokens, what was deployed, and the four DORA measures."""

import pytest

import checks
from inlet_server import Api

BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])


@pytest.fixture(scope="session")
def deploy_credential(api):
    return api.expect([201], "POST", "/api/v1/credentials", {"type": "deploy", "name": "pipelines"}).json()


@BOTH
def test_E6_an_application_is_made_reports_and_is_deleted(new_page, console, deploy_credential, javascript):
    page = new_page(javascript=javascript)
    console.sign_in(page.context, console.owner())
    name = f"shop {javascript}"
    page.goto(f"{console.url}/applications")
    checks.check_page(page)
    page.get_by_role("link", name="New application").first.click()
    checks.check_page(page)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Create application").click()
    checks.check_page(page)
    token = page.locator("#token").inner_text()
    assert token.startswith("inld_") and token in page.locator("#curl").inner_text()
    page.get_by_role("link", name="To the application").click()
    checks.check_page(page)
    address = page.url
    # Without data the tiles say what is missing; the token stays hidden.
    assert page.get_by_text("Not enough data").count() == 4
    assert token not in page.content()
    assert "/deploys" in page.locator("#report").inner_text()
    for number, status in enumerate(["succeeded", "failed", "succeeded"]):
        Api(console.server.ingest_port, token).expect(
            [200, 201, 202, 204], "POST", "/deploys",
            {"version": f"1.{number}", "environment": "production", "status": status, "commit": "9f2c1e7"})
    page.goto(address)
    checks.check_page(page)
    measures = page.locator("dl.measures").inner_text()
    assert "2 deploys succeeded" in measures and "33.3%" in measures, measures
    rows = page.get_by_role("table").get_by_role("row").all_inner_texts()
    assert len(rows) == 4 and "1.2" in rows[1] and "Succeeded" in rows[1] and "Failed" in rows[2], rows
    page.get_by_label("Time", exact=True).select_option("7")
    page.get_by_role("button", name="Show", exact=True).click()
    assert "days=7" in page.url
    checks.check_page(page)
    page.get_by_role("link", name="Delete application").click()
    page.get_by_text("The token was used 3 times, last").wait_for()
    checks.check_page(page)
    page.get_by_label("Type the name").fill("another")
    page.get_by_role("button", name="Delete application").click()
    checks.check_page(page, status=422)
    page.get_by_label("Type the name").fill(name)
    page.get_by_role("button", name="Delete application").click()
    page.get_by_text("The application was deleted.").wait_for()
    checks.check_page(page)


@BOTH
def test_E7_a_deploy_token_is_looked_at_with_the_password_and_made_anew(
    new_page, console, api, deploy_credential, javascript
):
    made = api.expect([201], "POST", "/api/v1/applications", {"name": f"billing {javascript}"}).json()
    page = new_page(javascript=javascript)
    console.sign_in(page.context, console.owner())
    page.goto(f"{console.url}/applications/{made['id']}")
    page.get_by_role("link", name="Show token").click()
    checks.check_page(page)
    page.get_by_label("Your password").fill("not my password")
    page.get_by_role("button", name="Show token").click()
    checks.check_page(page, status=422)
    page.get_by_label("Your password").fill(console.owner().password)
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        page.get_by_role("button", name="Show token").click()
    assert answer.value.headers["cache-control"] == "no-store"
    assert page.locator("#token").inner_text() == made["secret"]
    entries = api.expect([200], "GET", "/api/v1/audit?limit=20").json()["items"]
    assert any(entry["subject"] == made["id"] and "reveal" in entry["action"] for entry in entries)
    page.goto(f"{console.url}/applications/{made['id']}")
    page.get_by_role("link", name="Generate new token").click()
    checks.check_page(page)
    assert "never used" in page.locator("main").inner_text()
    page.get_by_role("button", name="Generate new token").click()
    checks.check_page(page)
    assert page.locator("#token").inner_text() not in ["", made["secret"]]


def test_E6_an_application_is_edited(signed_in, console, api, deploy_credential):
    made = api.expect([201], "POST", "/api/v1/applications", {"name": "old name"}).json()
    page = signed_in
    page.goto(f"{console.url}/applications/{made['id']}")
    page.get_by_role("link", name="Edit").click()
    checks.check_page(page)
    page.get_by_label("Name", exact=True).fill("new name")
    page.get_by_label("Description").fill("What customers buy with.")
    page.get_by_role("button", name="Save application").click()
    page.get_by_text("The application was saved.").wait_for()
    page.get_by_role("heading", level=1, name="new name").wait_for()


@pytest.mark.parametrize("language, words", [("nl", "Te weinig gegevens"), ("pt-BR", "Dados insuficientes")])
def test_E6_measures_are_told_in_the_readers_language(new_page, console, api, deploy_credential, language, words):
    made = api.expect([201], "POST", "/api/v1/applications", {"name": f"told in {language}"}).json()
    page = new_page(locale=language)
    session = console.sign_in(page.context, console.owner())
    try:
        console.speak(page.context, session, language)
        page.goto(f"{console.url}/applications/{made['id']}")
        checks.check_page(page, language=language)
        assert words in page.locator("dl.measures").inner_text()
    finally:
        console.speak(page.context, session, "en")
