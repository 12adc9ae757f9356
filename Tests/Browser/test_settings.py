"""What people change about themselves and about their organization."""

import itertools

import pytest

import checks
import naughty
from people import Person

BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
NUMBERS = itertools.count(1)


@pytest.fixture
def enter(console, new_page):
    """A page of a person, signed in."""

    def open_page(person, **options):
        page = new_page(**options)
        page.session = console.sign_in(page.context, person)
        return page

    return open_page


# --- oneself ---


@BOTH
def test_D13_a_person_changes_name_and_language(console, enter, javascript):
    page = enter(console.new_person("Ana Souza", "viewer"), javascript=javascript)
    page.goto(f"{console.url}/me")
    checks.check_page(page)
    page.get_by_label("Your name").fill("Ana Maria Souza")
    page.locator("select[name=language]").select_option("pt-BR")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/me?done=own_changed")
    checks.check_page(page, language="pt-BR")
    assert "Sua conta foi alterada" in page.get_by_role("status").first.inner_text()
    assert "Ana Maria Souza" in page.locator("header.head").inner_text()
    page.locator("select[name=language]").select_option("organization")
    page.get_by_role("button", name="Salvar").click()
    checks.check_page(page)
    page.get_by_label("Your name").fill("   ")
    page.get_by_role("button", name="Save").click()
    assert "Must have 1 to 100 characters." in page.locator(".error").inner_text()
    checks.check_page(page, status=422)


@BOTH
def test_a_changed_password_ends_the_other_sessions(console, enter, new_page, javascript):
    person = console.new_person("Changes Password")
    page, other = enter(person, javascript=javascript), enter(person)
    page.goto(f"{console.url}/me/password")
    checks.check_page(page)
    page.get_by_label("Current password").fill("it was another one")
    page.get_by_label("New password").fill("nine green herons at dawn")
    page.get_by_role("button", name="Change password").click()
    assert "Is wrong." in page.locator(".error").inner_text()
    checks.check_page(page, status=422)
    page.get_by_label("Current password").fill(person.password)
    page.get_by_label("New password").fill("nine green herons at dawn")
    page.get_by_role("button", name="Change password").click()
    page.wait_for_url("**/me/password?done=own_password")
    other.goto(f"{console.url}/me")
    assert "/sign-in" in other.url
    console.sign_in(new_page().context, Person(person.login, "nine green herons at dawn"))


@BOTH
def test_a_person_ends_sessions(console, enter, javascript):
    person = console.new_person("Many Sessions", "member")
    page, second, third = enter(person, javascript=javascript), enter(person), enter(person)
    page.goto(f"{console.url}/me/sessions")
    checks.check_page(page)
    rows = page.locator("tbody tr")
    assert rows.count() == 3 and page.get_by_text("This one").count() == 1
    assert "Chrome on Linux" in rows.first.inner_text()
    rows.filter(has_not_text="This one").first.get_by_role("link", name="End").click()
    checks.check_page(page)
    page.get_by_role("button", name="End").click()
    page.wait_for_url("**/me/sessions?done=own_session_ended")
    assert rows.count() == 2
    page.get_by_role("link", name="End all others").click()
    checks.check_page(page)
    page.get_by_role("button", name="End all others").click()
    page.wait_for_url("**/me/sessions?done=own_sessions_ended")
    assert rows.count() == 1
    for other in [second, third]:
        other.goto(f"{console.url}/me")
        assert "/sign-in" in other.url
    # The last one is this one, and ending it is signing out.
    page.get_by_role("link", name="End", exact=False).last.click()
    assert "you will be signed out" in page.locator("main").inner_text()
    page.get_by_role("button", name="End").click()
    page.wait_for_url("**/sign-in?out=1")


# --- the organization ---


@BOTH
def test_D6_an_admin_changes_the_settings(console, enter, javascript):
    page = enter(console.new_person("Settings Admin"), javascript=javascript)
    before = console.api.expect([200], "GET", "/api/v1/organization").json()
    page.goto(f"{console.url}/settings")
    checks.check_page(page)
    page.get_by_label("Days without activity").fill("4000")
    # What browsers refuse themselves, others send.
    page.locator("main form").last.evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="Save settings").click()
    assert "Must be 1 to 3650, or empty for never." in page.locator(".error").inner_text()
    checks.check_page(page, status=422)
    page.get_by_label("Days without activity").fill("")
    page.get_by_label("Accepted calls a day").fill("100000")
    page.get_by_label("Hold calls").uncheck()
    page.get_by_label("Address for warnings").fill("https://example.com/{{NOT_THERE}}")
    page.get_by_role("button", name="Save settings").click()
    assert "`NOT_THERE`, which does not exist" in page.locator(".error").inner_text()
    checks.check_page(page, status=422)
    page.get_by_label("Address for warnings").fill("https://example.com/warnings")
    page.get_by_label("Header fields sent with them").fill("X-One: 1\nX-Two: a: b")
    page.get_by_role("button", name="Save settings").click()
    page.wait_for_url("**/settings?done=settings_changed")
    checks.check_page(page)
    after = console.api.expect([200], "GET", "/api/v1/organization").json()
    assert "inactivity_days" not in after or after["inactivity_days"] is None
    assert (after["daily_quota"], after["hold_calls"], after["notification_url"], after["notification_headers"]) == (
        100000, False, "https://example.com/warnings", {"X-One": "1", "X-Two": "a: b"})
    assert page.get_by_label("Header fields sent with them").input_value() == "X-One: 1\nX-Two: a: b"
    page.get_by_label("Days without activity").fill(str(before["inactivity_days"]))
    page.get_by_label("Accepted calls a day").fill("")
    page.get_by_label("Hold calls").check()
    page.get_by_label("Address for warnings").fill("")
    page.get_by_label("Header fields sent with them").fill("")
    page.get_by_role("button", name="Save settings").click()
    page.wait_for_url("**/settings?done=settings_changed")
    assert console.api.expect([200], "GET", "/api/v1/organization").json() == before


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_others_read_the_settings_only(console, enter, role):
    page = enter(console.new_person(f"Reading {role}", role))
    page.goto(f"{console.url}/settings")
    checks.check_page(page)
    assert page.locator("main button").count() == 0 and page.locator("main input").count() == 0
    assert "Owners and admins can change this." in page.locator("main").inner_text()
    answer = page.context.request.post(
        f"{console.url}/settings", form={"csrf": page.session["csrf_token"], "name": "Mine"})
    assert answer.status == 403
    assert page.context.request.get(f"{console.url}/settings/installation").status == 403


@BOTH
def test_E1_an_owner_makes_an_organization_and_switches_by_the_name_in_the_top_bar(console, enter, javascript):
    home = console.api.expect([200], "GET", "/api/v1/organization").json()["name"]
    name = f"Second House {next(NUMBERS)}"
    page = enter(console.owner(), javascript=javascript)
    page.goto(f"{console.url}/settings")
    page.get_by_role("link", name="New organization").click()
    checks.check_page(page)
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create organization").click()
    checks.check_page(page)
    assert page.locator("#token").inner_text().startswith("inlm_")
    page.get_by_role("button", name="Go to the new organization").click()
    page.wait_for_url(f"{console.url}/")
    switcher = page.locator("header details").first
    assert name in switcher.locator("summary").inner_text()
    switcher.locator("summary").click()
    switcher.get_by_role("link", name="Organization settings").click()
    tabs = page.get_by_role("navigation", name="Settings").get_by_role("link")
    # What concerns the whole server is for owners at home alone.
    assert tabs.all_inner_texts() == ["General", "Integration tokens", "Secret variables"]
    checks.check_page(page)
    switcher.locator("summary").click()
    switcher.get_by_role("button", name=home).first.click()
    page.wait_for_url(f"{console.url}/")
    assert home in switcher.locator("summary").inner_text()


def test_nobody_switches_to_an_organization_of_others(console, enter):
    page = enter(console.new_person("Stays Here"))
    for wanted in ["org_0000000000000000", "", "x" * 300]:
        answer = page.context.request.post(
            f"{console.url}/organization/switch", form={"csrf": page.session["csrf_token"], "organization": wanted})
        assert answer.status == 404


@BOTH
def test_an_owner_makes_a_master_key_and_a_backup(console, enter, javascript):
    page = enter(console.owner(), javascript=javascript)
    page.goto(f"{console.url}/settings/installation")
    checks.check_page(page)
    count = page.locator("tbody tr").count()
    page.get_by_role("link", name="New master key").click()
    checks.check_page(page)
    page.get_by_role("button", name="New master key").click()
    page.wait_for_url("**/settings/installation?done=key_rotated")
    assert page.locator("tbody tr").count() == count + 1
    page.get_by_role("link", name="Retire").first.click()
    checks.check_page(page)
    page.get_by_role("button", name="Retire").click()
    assert "would end" in page.get_by_role("alert").inner_text()
    checks.check_page(page, status=422)
    answer = page.context.request.post(
        f"{console.url}/settings/installation/backup", form={"csrf": page.session["csrf_token"]})
    assert answer.status == 200 and answer.body().startswith(b"SQLite format 3")
    assert "inlet-backup.db" in answer.headers["content-disposition"]


def test_names_are_shown_as_text(console, enter):
    page = enter(console.new_person("Naughty Namer"))
    # A harmless one last, for other tests meet this account in lists.
    for string in [*naughty.HTML[:6], *naughty.TEMPLATES[:4], "Naughty Namer"]:
        page.goto(f"{console.url}/me")
        page.get_by_label("Your name").fill(string)
        page.get_by_role("button", name="Save").click()
        page.wait_for_url("**/me?done=own_changed")
        naughty.expect_text_only(page, string)
