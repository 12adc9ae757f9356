"""Webhooks in the browser: the five steps of installing one, and the page of each."""

import json
import shlex
import subprocess

import pytest
from checks import WATCHES, check_page
from inlet_server import until
from people import NARROW

WITH_AND_WITHOUT_SCRIPTS = pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])


def install(page, console, name, method="Either of them"):
    """Walks the first three steps and stays where the secret is shown."""
    page.goto(f"{console.url}/webhooks")
    page.get_by_role("link", name="Install webhook").first.click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("radio", name=method).check()
    page.get_by_role("button", name="Make webhook and token").click()
    page.get_by_role("heading", name="Hand over the secret").wait_for()


def go_on(page):
    page.get_by_label("I have saved these credentials securely").check()
    page.get_by_role("button", name="Continue").click()


def shown(page, label):
    """The text under a label, as its copy button takes it."""
    return page.locator(".code", has_text=label).locator("pre").first.inner_text()


def run(line):
    """Runs a line as somebody does who pastes it into a terminal."""
    return subprocess.run(["sh", "-c", line], check=False, capture_output=True, text=True)


def someone(new_page, console, javascript=True, **options):
    page = new_page(javascript=javascript, **options)
    page.session = console.sign_in(page.context, console.owner())
    return page


@WITH_AND_WITHOUT_SCRIPTS
def test_D1_a_webhook_is_installed_in_five_steps_and_its_first_call_is_seen(new_page, console, javascript):
    page = someone(new_page, console, javascript)
    name = f"Orders {javascript}"
    page.goto(f"{console.url}/webhooks/install")
    check_page(page)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Description").fill("Paid orders")
    page.get_by_role("button", name="Continue").click()
    check_page(page)
    # Back keeps what was typed.
    page.get_by_role("button", name="Back").click()
    assert page.get_by_label("Name").input_value() == name
    assert page.get_by_label("Description").input_value() == "Paid orders"
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Make webhook and token").click()
    check_page(page)
    assert page.locator("[aria-current=step]").inner_text() == "Secret"
    header, basic, curl = (shown(page, label) for label in ["HTTP header", "Basic authentication", "Try it in a terminal"])
    assert header.startswith("Authorization: Bearer inla_") and basic.startswith("Authorization: Basic ")
    go_on(page)
    check_page(page)
    page.get_by_role("button", name="Send a test call").click()
    page.get_by_text("The call was accepted (status 202)").wait_for()
    rows = page.get_by_role("region", name="Events").locator("tbody tr[id]")
    assert rows.count() == 1
    check_page(page)
    answer = run(curl)
    assert json.loads(answer.stdout)["id"].startswith("evt_"), answer
    if not javascript:
        page.get_by_role("button", name="Look again").click()
    rows.nth(1).wait_for()
    page.get_by_role("link", name="Continue").click()
    check_page(page)
    assert page.get_by_role("link", name="New flow").get_attribute("href").startswith("/flows/new?webhook=whk_")
    page.get_by_role("link", name="To the webhook").click()
    page.get_by_role("heading", name=name).first.wait_for()
    check_page(page)


def test_D1_with_basic_authentication_the_formats_that_are_shown_are_the_ones_that_work(signed_in, console):
    page = signed_in
    install(page, console, "Basic alone", method="Basic authentication")
    assert page.locator(".code", has_text="HTTP header").count() == 0
    assert run(shown(page, "Try it in a terminal")).stdout.startswith('{"id":"evt_')
    url, header = shown(page, "Address"), shown(page, "Basic authentication")
    answer = run(f"curl -sS -o /dev/null -w '%{{http_code}}' -X POST {shlex.quote(url)} -H {shlex.quote(header)} -d x")
    assert answer.stdout == "202", answer
    go_on(page)
    page.get_by_role("button", name="Send a test call").click()
    page.get_by_text("The call was accepted").wait_for()


def test_D1_nobody_goes_on_without_having_saved_the_secret(new_page, console):
    page = someone(new_page, console, javascript=False)
    install(page, console, "Unsaved")
    secret = shown(page, "HTTP header")
    # A browser that does not ask for the tick.
    page.locator("main form").evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="Continue").click()
    check_page(page, status=422)
    assert shown(page, "HTTP header") == secret
    page.get_by_text("Save them first").wait_for()


def test_D2_the_apps_token_opens_that_webhook_alone_and_belongs_to_who_made_it(signed_in, console, api):
    install(signed_in, console, "First of two")
    header = shown(signed_in, "HTTP header")
    install(signed_in, console, "Second of two")
    other = shown(signed_in, "Address")
    answer = run(f"curl -sS -o /dev/null -w '%{{http_code}}' -X POST {shlex.quote(other)} -H {shlex.quote(header)} -d x")
    assert answer.stdout == "403", answer
    webhook = next(it for it in all_of(api, "/webhooks") if it["name"] == "First of two")
    token = next(it for it in all_of(api, "/tokens") if it.get("webhook") == webhook["id"])
    assert token["kind"] == "app" and token["owner"] == webhook["owner"]


def test_D3_several_webhooks_stand_in_a_list_each_with_a_token_of_its_own(signed_in, console, api):
    install(signed_in, console, "List me")
    signed_in.goto(f"{console.url}/webhooks")
    check_page(signed_in)
    row = signed_in.get_by_role("row", name="List me")
    assert "Active" in row.inner_text() and "Bearer token" in row.inner_text()
    row.get_by_role("link", name="List me").click()
    signed_in.get_by_role("link", name="New app token").click()
    check_page(signed_in)
    signed_in.get_by_label("Name").fill("A second caller")
    signed_in.get_by_role("button", name="Make token").click()
    check_page(signed_in)
    assert run(shown(signed_in, "Try it in a terminal")).stdout.startswith('{"id":"evt_')
    signed_in.get_by_label("I have saved these credentials securely").check()
    signed_in.get_by_role("button", name="Done").click()
    tokens = signed_in.get_by_role("region", name="App tokens")
    assert tokens.get_by_role("link").filter(has_text="A second caller").count() == 1
    assert tokens.locator("tbody tr").count() == 2


def test_D11_a_webhook_whose_owner_lapsed_says_how_it_is_repaired(new_page, console, api):
    person = console.new_person("Lapsing Lou", "member")
    page = new_page()
    console.sign_in(page.context, person)
    install(page, console, "Orphan")
    account = next(it for it in all_of(api, "/accounts") if it.get("login") == person.login)
    api.expect([200], "POST", f"/api/v1/accounts/{account['id']}/deactivate")
    owner = someone(new_page, console)
    owner.goto(f"{console.url}/webhooks")
    owner.get_by_role("link", name="Orphan").click()
    owner.get_by_text("has been inactive since").wait_for()
    owner.get_by_text("an API token of another active account opens it").wait_for()
    check_page(owner)


def test_D12_the_fields_of_bodies_stand_as_a_tree_with_new_and_missing_ones_marked(signed_in, console, api):
    install(signed_in, console, "Learner")
    url, header = shown(signed_in, "Address"), shown(signed_in, "HTTP header")
    for body in ['{"order":{"id":1,"note":"x"}}', '{"order":{"id":2,"gift":true}}']:
        answer = run(f"curl -sS -X POST {shlex.quote(url)} -H {shlex.quote(header)} -d {shlex.quote(body)}")
        assert '"id":"evt_' in answer.stdout
    webhook = url.rsplit("/", 1)[1]
    fields = f"/api/v1/webhooks/{webhook}/fields"
    assert until(lambda: api.expect([200], "GET", fields).json()["learned_events"] == 2)
    signed_in.goto(f"{console.url}/webhooks/{webhook}")
    tree = signed_in.get_by_role("region", name="Fields of bodies")
    assert "New" in tree.get_by_role("row", name="gift").inner_text()
    assert "Missing" in tree.get_by_role("row", name="note").inner_text()
    assert tree.get_by_role("row", name="id").first.locator(".badge").count() == 0
    check_page(signed_in)


@WITH_AND_WITHOUT_SCRIPTS
def test_a_webhook_is_edited_paused_and_resumed(new_page, console, api, javascript):
    page = someone(new_page, console, javascript)
    install(page, console, f"Changing {javascript}")
    curl, address = shown(page, "Try it in a terminal"), shown(page, "Address")
    webhook = address.rsplit("/", 1)[1]
    page.goto(f"{console.url}/webhooks/{webhook}/edit")
    check_page(page)
    page.get_by_label("Name").fill(f"Changed {javascript}")
    page.get_by_role("checkbox", name="Bearer token").uncheck()
    page.get_by_label("Days to keep events").fill("7")
    page.get_by_label("Keep at most").fill("5")
    page.get_by_label("Answer calls with their body").check()
    page.get_by_role("button", name="Save changes").click()
    page.get_by_text("The webhook was changed.").wait_for()
    kept = api.expect([200], "GET", f"/api/v1/webhooks/{webhook}").json()
    assert (kept["name"], kept["accepts"], kept["retention_days"], kept["retention_bytes"], kept["echo_body"]) == (
        f"Changed {javascript}", ["basic"], 7, 5_000_000, True)
    assert '"unauthorized"' in run(curl).stdout
    page.goto(f"{console.url}/webhooks/{webhook}/pause")
    check_page(page)
    page.get_by_role("button", name="Pause").last.click()
    page.get_by_text("The webhook is paused: callers get 404.").wait_for()
    check_page(page)
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("The webhook takes calls again.").wait_for()


def test_D1_a_name_that_is_taken_is_refused_so_a_page_sent_twice_installs_one_webhook(signed_in, console, api):
    api.new_webhook("Tide tables")
    signed_in.goto(f"{console.url}/webhooks/install")
    signed_in.get_by_label("Name").fill(" Tide tables")
    signed_in.get_by_role("button", name="Continue").click()
    signed_in.get_by_text("there is a webhook of that name").first.wait_for()
    check_page(signed_in, status=422)
    signed_in.get_by_label("Name").fill("Tide tables, north")
    signed_in.get_by_role("button", name="Continue").click()
    signed_in.get_by_role("button", name="Make webhook and token").click()
    signed_in.get_by_text("Tide tables, north").first.wait_for()
    signed_in.reload()
    signed_in.get_by_text("there is a webhook of that name").first.wait_for()
    names = [webhook["name"] for webhook in api.expect([200], "GET", "/api/v1/webhooks?limit=500").json()["items"]]
    assert names.count("Tide tables, north") == 1
    WATCHES[signed_in].forget()


def test_a_form_that_is_refused_keeps_what_was_typed_and_says_what_is_wrong(new_page, console):
    page = someone(new_page, console, javascript=False)
    page.goto(f"{console.url}/webhooks/install")
    page.get_by_label("Description").fill("Kept")
    page.locator("main form").evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="Continue").click()
    check_page(page, status=422)
    assert page.get_by_label("Description").input_value() == "Kept"
    page.get_by_text("Must have 1 to 100 characters.").wait_for()


def test_a_viewer_sees_webhooks_without_buttons(new_page, console, shop):
    page = new_page()
    console = shop.console
    console.sign_in(page.context, console.new_person("Vera Viewer", "viewer"))
    page.goto(f"{console.url}/webhooks")
    assert page.get_by_role("link", name="Install webhook").count() == 0
    page.get_by_role("link", name="Orders from the shop").click()
    check_page(page)
    for name in ["Edit", "Pause", "New app token", "New flow", "Test call"]:
        assert page.get_by_role("link", name=name, exact=True).count() == 0
    assert page.goto(f"{page.url}/edit").status == 403


@pytest.mark.parametrize("language,heading", [("nl", "Een webhook installeren"), ("pt-BR", "Instalar um webhook")])
def test_D13_a_webhook_is_installed_in_other_languages(new_page, console, language, heading):
    page = new_page(viewport=NARROW, theme="dark")
    session = console.sign_in(page.context, console.new_person(f"Reader {language}", "admin"))
    console.speak(page.context, session, language)
    page.goto(f"{console.url}/webhooks/install")
    page.get_by_role("heading", name=heading).wait_for()
    page.locator("[name=name]").fill(f"Pedidos {language}")
    for _ in range(2):
        check_page(page, language=language)
        page.locator("main form button.primary").click()
    check_page(page, language=language)
    page.locator("[name=saved]").check()
    page.locator("main form button.primary").click()
    check_page(page, language=language)
    webhook = page.url.split("/webhooks/")[1].split("/")[0]
    for path in ["", "/edit", "/pause", "/tokens/new", "/install/done"]:
        page.goto(f"{console.url}/webhooks/{webhook}{path}")
        check_page(page, language=language)


def all_of(api, path):
    return api.expect([200], "GET", f"/api/v1{path}?limit=500").json()["items"]
