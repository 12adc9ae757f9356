"""Connections of other systems: API tokens, from "Set up connection" to deletion."""

import json
import re
import subprocess

import pytest
from checks import check_page
from inlet_server import until
from people import NARROW

WITH_AND_WITHOUT_SCRIPTS = pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])


@pytest.fixture(scope="module")
def webhook(api):
    """One that calls go to; the curl line of an API token names one that takes calls."""
    return api.expect([201], "POST", "/api/v1/webhooks", {"name": "Called by connections"}).json()


def someone(new_page, console, javascript=True, **options):
    page = new_page(javascript=javascript, **options)
    console.sign_in(page.context, console.owner())
    return page


def generate(page, console, name):
    page.goto(f"{console.url}/integrations")
    page.get_by_role("link", name="Set up connection").first.click()
    page.get_by_role("link", name="API token").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Description").fill("Posts orders")
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("heading", name="Hand over the secret").wait_for()


def done(page):
    page.get_by_label("I have saved these credentials securely").check()
    page.get_by_role("button", name="Done").click()


def shown(page, label):
    return page.locator(".code", has_text=label).locator("pre").first.inner_text()


def run(line):
    return subprocess.run(["sh", "-c", line], check=False, capture_output=True, text=True).stdout


def used(api, name):
    """Waits until the call with a token is counted, which happens a moment after its answer."""
    tokens = api.expect([200], "GET", "/api/v1/tokens?limit=500").json()["items"]
    token = next(it["id"] for it in tokens if it["name"] == name)
    assert until(lambda: api.expect([200], "GET", f"/api/v1/tokens/{token}").json()["use_count"])
    assert until(lambda: api.expect([200], "GET", f"/api/v1/tokens/{token}/impact").json()["count"])


def act(page, name, button):
    """An act of a connection's row, by way of the page that asks."""
    page.get_by_role("row", name=name).get_by_role("link", name=button).click()


@WITH_AND_WITHOUT_SCRIPTS
def test_P1_P2_P3_a_connection_is_set_up_and_its_copied_line_makes_an_event(new_page, console, api, webhook, javascript):
    page = someone(new_page, console, javascript)
    name = f"Order system {javascript}"
    page.goto(f"{console.url}/integrations/new")
    check_page(page)
    page.goto(f"{console.url}/integrations/new/api-token")
    check_page(page)
    generate(page, console, name)
    check_page(page)
    # Nobody is to take the address of one webhook for the only one.
    page.get_by_text("as an example: the token opens every webhook").wait_for()
    assert shown(page, "HTTP header").startswith("Authorization: Bearer inlo_")
    assert shown(page, "Basic authentication").startswith("Authorization: Basic ")
    if javascript:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name=re.compile("Copy.*Try it in a terminal")).click()
        page.get_by_role("status").filter(has_text="Copied").wait_for()
        curl = page.evaluate("() => navigator.clipboard.readText()")
    else:
        curl = shown(page, "Try it in a terminal")
    event = json.loads(run(curl))["id"]
    used(api, name)
    done(page)
    row = page.get_by_role("row", name=name)
    assert "Active" in row.inner_text() and "never used" not in row.inner_text()
    check_page(page)
    # It is seen on the page of the webhook that the line named.
    page.goto(f"{console.url}/webhooks/{curl.split('/in/')[1].split(chr(39))[0]}")
    page.get_by_role("link", name=event).wait_for()


def test_P3_without_the_tick_there_is_no_done(new_page, console, webhook):
    page = someone(new_page, console, javascript=False)
    generate(page, console, "Hasty")
    secret = shown(page, "HTTP header")
    page.locator("main form").evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="Done").click()
    check_page(page, status=422)
    assert shown(page, "HTTP header") == secret
    done(page)
    # It is shown this once.
    page.get_by_role("link", name="Hasty", exact=True).click()
    assert secret.removeprefix("Authorization: Bearer ") not in page.content()


def test_P4_name_and_description_change_and_the_secret_does_not(signed_in, console, webhook):
    generate(signed_in, console, "Before")
    curl = shown(signed_in, "Try it in a terminal")
    done(signed_in)
    act(signed_in, "Before", "Update connection")
    check_page(signed_in)
    signed_in.get_by_label("Name").fill("After")
    signed_in.get_by_role("button", name="Save changes").click()
    signed_in.get_by_role("heading", name="After").first.wait_for()
    check_page(signed_in)
    assert '"id":"evt_' in run(curl)


@WITH_AND_WITHOUT_SCRIPTS
def test_P5_P6_P7_a_connection_is_deactivated_reactivated_and_deleted(new_page, console, api, webhook, javascript):
    page = someone(new_page, console, javascript)
    name = f"Short life {javascript}"
    generate(page, console, name)
    curl = shown(page, "Try it in a terminal")
    run(curl)
    used(api, name)
    done(page)
    act(page, name, "Deactivate")
    # N5: what was called with it is shown first.
    page.get_by_role("heading", name="What was called with it").wait_for()
    assert "1 call in the last 30 days" in page.content()
    check_page(page)
    page.get_by_role("button", name="Deactivate token").click()
    page.get_by_text("The token is inactive").wait_for()
    assert '"unauthorized"' in run(curl)
    page.goto(f"{console.url}/integrations")
    assert "Inactive" in page.get_by_role("row", name=name).inner_text()
    act(page, name, "Activate")
    page.get_by_role("button", name="Activate token").click()
    page.get_by_text("The token is active again.").wait_for()
    assert '"id":"evt_' in run(curl)
    # Only an inactive one can be deleted.
    token = page.url.split("/tokens/")[1].split("?")[0]
    assert page.get_by_role("link", name="Delete token").count() == 0
    page.goto(f"{console.url}/tokens/{token}/delete")
    page.get_by_role("button", name="Deactivate token").click()
    page.get_by_role("link", name="Delete token").click()
    check_page(page)
    page.get_by_label("Name of the token").fill("another")
    page.get_by_role("button", name="Delete token").click()
    check_page(page, status=422)
    page.get_by_label("Name of the token").fill(name)
    page.get_by_role("button", name="Delete token").click()
    page.get_by_text("The token was deleted.").wait_for()
    assert page.get_by_role("row", name=name).count() == 0
    assert page.goto(f"{console.url}/tokens/{token}").status == 404


def test_P8_every_curl_line_names_the_address_of_one_webhook(signed_in, console, api, webhook):
    generate(signed_in, console, "Addressed")
    address = shown(signed_in, "Address")
    webhooks = api.expect([200], "GET", "/api/v1/webhooks?limit=500").json()["items"]
    assert address in {it["url"] for it in webhooks}
    assert address in shown(signed_in, "Try it in a terminal")


def test_D4_an_api_token_is_made_on_an_account_and_opens_webhooks_made_later(signed_in, console, api):
    account = api.expect([201], "POST", "/api/v1/accounts", {"kind": "service", "name": "Robot", "role": "member"}).json()
    owner = account.get("account", account)["id"]
    signed_in.goto(f"{console.url}/integrations/new/api-token?owner={owner}")
    signed_in.get_by_label("Name").fill("Of the robot")
    assert signed_in.get_by_label("Owner account").input_value() == owner
    signed_in.get_by_role("button", name="Generate").click()
    header = shown(signed_in, "HTTP header")
    later = api.expect([201], "POST", "/api/v1/webhooks", {"name": "Made later"}).json()
    assert '"id":"evt_' in run(f"curl -sS -X POST '{later['url']}' -H '{header}' -d x")
    done(signed_in)
    assert "Robot" in signed_in.get_by_role("row", name="Of the robot").inner_text()


def test_a_member_sees_connections_but_sets_up_no_api_token(new_page, console):
    page = new_page()
    console.sign_in(page.context, console.new_person("Mo Member", "member"))
    page.goto(f"{console.url}/integrations")
    check_page(page)
    assert page.get_by_role("link", name="Set up connection").count() == 0
    assert page.get_by_role("link", name="Deactivate").count() == 0
    assert page.goto(f"{console.url}/integrations/new/api-token").status == 403


@pytest.mark.parametrize("language", ["nl", "pt-BR"])
def test_D13_connections_are_set_up_in_other_languages(new_page, console, webhook, language):
    page = new_page(viewport=NARROW)
    session = console.sign_in(page.context, console.new_person(f"Connector {language}", "admin"))
    console.speak(page.context, session, language)
    for path in ["/integrations", "/integrations/new", "/integrations/new/api-token"]:
        page.goto(f"{console.url}{path}")
        check_page(page, language=language)
    page.locator("[name=name]").fill("Ponte")
    page.locator("main form button.primary").click()
    check_page(page, language=language)
