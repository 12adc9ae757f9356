"""Integration tokens of an organization: Hits/Failure and Deploy."""

import itertools
import json
import shlex
import subprocess

import pytest

import checks

BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
NUMBERS = itertools.count(1)


@pytest.fixture
def admin(console):
    return console.new_person("Token Admin")


@pytest.fixture
def enter(console, new_page):
    def open_page(person, **options):
        page = new_page(**options)
        page.session = console.sign_in(page.context, person)
        return page

    return open_page


def run(command):
    """What a shell prints that a person pasted a command into."""
    done = subprocess.run(shlex.split(command), capture_output=True)
    return json.loads(done.stdout)


def make(page, console, name, kind="Hits/Failure"):
    page.goto(f"{console.url}/settings/integration-tokens")
    page.get_by_role("link", name="New integration token").first.click()
    page.get_by_role("radio", name=kind).check()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Generate integration token").click()
    assert name in page.get_by_role("heading", level=1).inner_text() or "done=" in page.url


@BOTH
def test_E1_to_E5_from_the_box_to_the_first_report(console, api, enter, admin, javascript):
    page, name = enter(admin, javascript=javascript), f"checkout {next(NUMBERS)}"
    page.goto(f"{console.url}/settings")
    page.get_by_role("link", name="Integration tokens").click()
    checks.check_page(page)
    page.get_by_role("link", name="New integration token").first.click()
    checks.check_page(page)
    page.get_by_role("button", name="Generate integration token").click()
    assert page.url.endswith("/new"), "the browser asks for a name"
    page.get_by_label("Name").fill(name)
    page.get_by_label("Description").fill("The checkout of the shop")
    page.locator("select[name=activation_lifetime_seconds]").select_option("86400")
    page.get_by_role("button", name="Generate integration token").click()
    checks.check_page(page)
    assert page.locator("button.copy:visible").count() == (2 if javascript else 0)
    answer = run(page.locator("#curl").inner_text())
    assert answer["expires_at"]
    report = page.locator("#report").inner_text().replace("ACTIVATION_TOKEN", answer["activation_token"])
    assert "error" not in run(report)
    page.get_by_role("link", name="Done").click()
    checks.check_page(page)
    row = page.locator("tbody tr")
    assert row.count() == 1 and answer["activation_token"].startswith(row.locator("code").inner_text().rstrip("…"))
    assert answer["activation_token"] not in page.content()
    # The same name again is refused, and nothing typed is lost.
    page.goto(f"{console.url}/settings/integration-tokens/new")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Description").fill("Another one")
    page.get_by_role("button", name="Generate integration token").click()
    assert "taken already" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Description").input_value() == "Another one"
    checks.check_page(page, status=422)


@BOTH
def test_E6_a_deploy_credential_shows_its_description_alone_and_leads_to_the_applications(console, enter, admin, javascript):
    page, name = enter(admin, javascript=javascript), f"pipelines {next(NUMBERS)}"
    page.goto(f"{console.url}/settings/integration-tokens/new")
    page.get_by_role("radio", name="Deploy").check()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Description").fill("What the pipelines report with")
    page.get_by_role("button", name="Generate integration token").click()
    page.wait_for_url("**/settings/integration-tokens?done=deploy_credential_new")
    checks.check_page(page)
    assert "Each application has a token of its own" in page.get_by_role("status").first.inner_text()
    row = page.locator("tbody tr").filter(has_text=name)
    assert "What the pipelines report with" in row.inner_text() and row.locator("code").count() == 0
    assert row.get_by_role("link").nth(1).get_attribute("href") == "/applications"
    row.get_by_role("link", name=name).click()
    checks.check_page(page)
    assert page.get_by_role("button", name="Show token").count() == 0


@BOTH
def test_E7_the_current_token_is_shown_for_the_password_and_the_look_is_written_down(console, api, enter, admin, javascript):
    page, name = enter(admin, javascript=javascript), f"looked at {next(NUMBERS)}"
    make(page, console, name)
    token = page.locator("#secret").text_content()
    page.get_by_role("link", name="Done").click()
    assert token not in page.content()
    page.get_by_label("Your password").fill("no, it is not that")
    page.get_by_role("button", name="Show token").click()
    assert "Is wrong." in page.locator(".error").inner_text()
    checks.check_page(page, status=422)
    page.get_by_label("Your password").fill(admin.password)
    page.get_by_role("button", name="Show token").click()
    checks.check_page(page)
    assert page.locator("#secret").inner_text() == token and name in page.get_by_role("heading", level=1).inner_text()
    actions = [entry["action"] for entry in api.expect([200], "GET", "/api/v1/audit?limit=20").json()["items"]]
    assert "credential.reveal" in actions and "reveal.refuse" in actions


def test_E7_who_may_not_look_is_not_led_to_it_and_a_try_is_written_down(console, api, enter, admin):
    page, name = enter(admin), f"not for members {next(NUMBERS)}"
    make(page, console, name)
    page.get_by_role("link", name="Done").click()
    address = page.url
    member = enter(console.new_person("Curious Member", "member"))
    member.goto(address)
    checks.check_page(member)
    assert member.locator("main form").count() == 0 and member.locator("main a.button").count() == 0
    before = len(api.expect([200], "GET", "/api/v1/audit?limit=500").json()["items"])
    answer = member.context.request.post(
        f"{address}/reveal", form={"csrf": member.session["csrf_token"], "password": "x"})
    assert answer.status == 403
    assert len(api.expect([200], "GET", "/api/v1/audit?limit=500").json()["items"]) == before + 1
    assert member.context.request.get(f"{console.url}/settings/integration-tokens/new").status == 403


@BOTH
def test_E8_a_new_token_ends_the_old_one_and_all_that_it_was_exchanged_for(console, enter, admin, javascript):
    page, name = enter(admin, javascript=javascript), f"regenerated {next(NUMBERS)}"
    make(page, console, name)
    old = page.locator("#curl").inner_text()
    report = page.locator("#report").inner_text().replace("ACTIVATION_TOKEN", run(old)["activation_token"])
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Generate new token").click()
    checks.check_page(page)
    assert "1 activation token" in page.locator("main").inner_text()
    page.get_by_role("button", name="Generate new token").click()
    checks.check_page(page)
    new = page.locator("#curl").inner_text()
    assert new != old and "activation_token" in run(new)
    assert "activation_token" not in run(old) and run(report)["code"], "both end at once"


@BOTH
def test_E9_renaming_changes_no_secret_unless_that_is_wanted(console, enter, admin, javascript):
    page, number = enter(admin, javascript=javascript), next(NUMBERS)
    make(page, console, f"first name {number}")
    command = page.locator("#curl").inner_text()
    page.get_by_role("link", name="Done").click()
    page.get_by_label("Name").fill(f"second name {number}")
    page.get_by_role("button", name="Rename", exact=True).click()
    page.wait_for_url("**?done=credential_renamed")
    checks.check_page(page)
    assert page.get_by_role("heading", level=1).inner_text() == f"second name {number}"
    assert "activation_token" in run(command)
    page.get_by_label("Name").fill(f"third name {number}")
    page.get_by_role("button", name="Rename and regenerate").click()
    page.get_by_role("link", name="Cancel").wait_for()
    checks.check_page(page)
    assert "stop at once" in page.locator("main").inner_text()
    assert "activation_token" in run(command), "nothing happened yet"
    page.get_by_role("button", name="Rename and regenerate").click()
    page.locator("#curl").wait_for()
    checks.check_page(page)
    assert f"third name {number}" in page.get_by_role("heading", level=1).inner_text()
    assert "activation_token" not in run(command) and "activation_token" in run(page.locator("#curl").inner_text())


@BOTH
def test_E9_where_it_is_the_rule_a_new_name_warns_and_regenerates(console, api, enter, admin, javascript):
    page, number = enter(admin, javascript=javascript), next(NUMBERS)
    make(page, console, f"ruled {number}")
    command = page.locator("#curl").inner_text()
    page.get_by_role("link", name="Done").click()
    api.expect([200], "PATCH", "/api/v1/organization", {"rename_regenerates": True})
    try:
        # This page was open before the rule came.
        page.get_by_label("Name").fill(f"ruled anew {number}")
        page.get_by_role("button", name="Rename", exact=True).click()
        page.get_by_role("link", name="Cancel").wait_for()
        checks.check_page(page)
        assert "rule of this organization" in page.locator("main").inner_text() and "activation_token" in run(command)
        page.get_by_role("link", name="Cancel").click()
        checks.check_page(page)
        assert "rule of this organization" in page.locator(".notice.warn").inner_text()
        assert page.get_by_role("button", name="Rename", exact=True).count() == 0
        page.get_by_label("Name").fill(f"ruled anew {number}")
        page.get_by_role("button", name="Rename and regenerate").click()
        page.get_by_role("link", name="Cancel").wait_for()
        assert "activation_token" in run(command)
        page.get_by_role("button", name="Rename and regenerate").click()
        page.locator("#curl").wait_for()
        assert f"ruled anew {number}" in page.get_by_role("heading", level=1).inner_text()
        assert "activation_token" not in run(command)
    finally:
        api.expect([200], "PATCH", "/api/v1/organization", {"rename_regenerates": False})


@BOTH
def test_E10_it_is_deleted_after_its_name_was_typed(console, enter, admin, javascript):
    page, name = enter(admin, javascript=javascript), f"short-lived {next(NUMBERS)}"
    make(page, console, name)
    command = page.locator("#curl").inner_text()
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Delete").click()
    checks.check_page(page)
    page.get_by_label("Type its name").fill("something else")
    page.get_by_role("button", name="Delete").click()
    assert "as it is written" in page.locator(".error").inner_text()
    checks.check_page(page, status=422)
    page.get_by_label("Type its name").fill(name)
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/settings/integration-tokens?done=credential_deleted")
    assert name not in page.locator("main").inner_text() and "activation_token" not in run(command)


@BOTH
def test_E4_one_activation_token_is_revoked_and_the_others_go_on(console, enter, admin, javascript):
    page, name = enter(admin, javascript=javascript), f"two services {next(NUMBERS)}"
    make(page, console, name)
    command, report = page.locator("#curl").inner_text(), page.locator("#report").inner_text()
    first, second = run(command)["activation_token"], run(command)["activation_token"]
    page.get_by_role("link", name="Done").click()
    page.locator("tbody tr").filter(has_text=first[:9]).get_by_role("link", name="Revoke").click()
    checks.check_page(page)
    page.get_by_role("button", name="Revoke").click()
    page.wait_for_url("**?done=activation_revoked")
    assert page.locator("tbody tr").count() == 1
    assert run(report.replace("ACTIVATION_TOKEN", first)).get("code")
    assert not run(report.replace("ACTIVATION_TOKEN", second)).get("code")


@BOTH
def test_details_are_changed_without_a_new_token(console, enter, admin, javascript):
    page, name = enter(admin, javascript=javascript), f"described {next(NUMBERS)}"
    make(page, console, name)
    command = page.locator("#curl").inner_text()
    page.get_by_role("link", name="Done").click()
    page.get_by_label("Description").fill("What it is for")
    page.locator("select[name=activation_lifetime_seconds]").select_option("3600")
    page.get_by_role("button", name="Save details").click()
    page.wait_for_url("**?done=credential_changed")
    assert "What it is for" in page.locator(".page-head").inner_text() and run(command)["expires_at"]
