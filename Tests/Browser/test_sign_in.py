"""How people come in and go: the first set-up, one-time links, sign-in with and without a second factor."""

import base64
import hmac
import itertools
import re
import time

import pytest
from playwright.sync_api import expect

import checks
from people import Console, Person
from session_server import serving

BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
NUMBERS = itertools.count(1)


def totp(secret):
    """The code that an authenticator app shows now (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.digest(key, (int(time.time()) // 30).to_bytes(8, "big"), "sha1")
    start = mac[-1] & 15
    number = int.from_bytes(mac[start:start + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def sign_out(page):
    page.locator("header details summary").last.click()
    page.get_by_role("button", name="Sign out").click()


def fill_sign_in(page, person):
    page.get_by_label("Login").fill(person.login)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def fresh(request):
    """The console of a server that nobody has set up yet."""
    for server in serving(request, f"fresh-{next(NUMBERS)}"):
        yield Console(server)


@BOTH
def test_D10_a_new_installation_is_set_up_by_its_link(fresh, new_page, javascript):
    page, code = new_page(javascript=javascript), fresh.server.info["set_up_code"]
    page.goto(f"{fresh.url}/set-up#{code}")
    checks.check_page(page)
    field = page.get_by_label("Code from the link")
    if javascript:
        # The code is in the form and no longer in the address, and needs no look.
        assert code not in page.url and field.is_hidden()
    else:
        field.fill(code)
    page.get_by_label("Your name").fill("Noor Bakker")
    page.get_by_label("Login").fill("noor@example.com")
    page.get_by_label("Password").fill("short")
    page.get_by_label("Name of the organization").fill("Oak & Linen")
    page.locator("select[name=language]").select_option("en")
    page.get_by_role("button", name="Finish set-up").click()
    # What was typed stays, but for the password.
    assert "8 to 128 characters" in page.locator(".error").inner_text()
    assert page.get_by_label("Your name").input_value() == "Noor Bakker"
    checks.check_page(page, status=422)
    page.get_by_label("Password").fill("seven brown owls at noon")
    page.get_by_role("button", name="Finish set-up").click()
    page.wait_for_url(f"{fresh.url}/?done=set_up")
    checks.check_page(page)
    assert "you are its owner" in page.get_by_role("status").first.inner_text()
    expect(page.get_by_text("Oak & Linen").first).to_be_visible()
    sign_out(page)
    page.wait_for_url("**/sign-in?out=1")
    assert "signed out" in page.get_by_role("status").first.inner_text()
    checks.check_page(page)
    fill_sign_in(page, Person("noor@example.com", "seven brown owls at noon"))
    page.wait_for_url(f"{fresh.url}/")


def test_D10_a_used_up_set_up_link_says_what_to_do(console, page):
    console.owner()
    page.goto(f"{console.url}/set-up#{console.server.info['set_up_code']}")
    for label, text in [("Your name", "A"), ("Login", "another"), ("Password", "seven brown owls at noon"),
                        ("Name of the organization", "B")]:
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Finish set-up").click()
    assert "used up or too old" in page.get_by_role("alert").inner_text()
    expect(page.get_by_label("Code from the link")).to_be_visible()
    checks.check_page(page, status=422)


@BOTH
def test_D10_a_reset_link_sets_a_new_password(console, new_page, javascript):
    person = console.new_person("Reset Me")
    [account] = [it for it in console.api.expect([200], "GET", "/api/v1/accounts?limit=500").json()["items"]
                 if it.get("login") == person.login]
    link = console.api.expect([201, 200], "POST", f"/api/v1/accounts/{account['id']}/password-reset").json()
    page = new_page(javascript=javascript)
    page.goto(f"{console.url}/set-password#{link['code']}")
    checks.check_page(page)
    if not javascript:
        page.get_by_label("Code from the link").fill(link["code"])
    page.get_by_label("New password").fill("nine green herons at dawn")
    page.get_by_role("button", name="Set password").click()
    page.wait_for_url("**/sign-in?set=1")
    assert "password is set" in page.get_by_role("status").first.inner_text()
    fill_sign_in(page, Person(person.login, "nine green herons at dawn"))
    page.wait_for_url(f"{console.url}/")
    # It works once.
    page.goto(f"{console.url}/set-password#{link['code']}")
    if not javascript:
        page.get_by_label("Code from the link").fill(link["code"])
    page.get_by_label("New password").fill("nine green herons at dusk")
    page.get_by_role("button", name="Set password").click()
    assert "Ask an owner or admin" in page.get_by_role("alert").inner_text()


@BOTH
def test_a_wrong_password_says_so_and_keeps_the_login(console, new_page, javascript):
    person, page = console.new_person("Wrong Password"), new_page(javascript=javascript)
    page.goto(f"{console.url}/sign-in")
    fill_sign_in(page, Person(person.login, "not this one at all"))
    assert "Login or password is wrong" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Login").input_value() == person.login
    assert page.get_by_label("Password").input_value() == ""
    checks.check_page(page, status=422)


def test_sign_in_leads_to_the_page_that_was_wanted_and_the_language_changes_nothing_of_that(console, page):
    person = console.new_person("Wants Settings")
    page.goto(f"{console.url}/me/sessions?x=1")
    page.get_by_role("link", name="Nederlands").click()
    assert "next=%2Fme%2Fsessions%3Fx%3D1" in page.url and "lang=nl" in page.url
    checks.check_page(page, language="nl")
    page.get_by_label("Loginnaam").fill(person.login)
    page.get_by_label("Wachtwoord").fill("no, not this one")
    page.get_by_role("button", name="Aanmelden").click()
    checks.check_page(page, language="nl", status=422)
    page.get_by_label("Wachtwoord").fill(person.password)
    page.get_by_role("button", name="Aanmelden").click()
    page.wait_for_url(f"{console.url}/me/sessions?x=1")


@pytest.mark.parametrize("place", ["//example.com/", "https://example.com/", "/\\example.com", "javascript:x"])
def test_sign_in_leads_to_no_foreign_place(console, page, place):
    page.goto(f"{console.url}/sign-in")
    page.goto(f"{console.url}/sign-in?next={place}")
    fill_sign_in(page, console.owner())
    page.wait_for_url(f"{console.url}/")


def test_D10_who_is_blocked_is_told_whom_to_ask(console, page):
    person = console.new_person("Blocked Person", "member")
    [account] = [it for it in console.api.expect([200], "GET", "/api/v1/accounts?limit=500").json()["items"]
                 if it.get("login") == person.login]
    console.api.expect([200], "POST", f"/api/v1/accounts/{account['id']}/block-sign-in")
    page.goto(f"{console.url}/sign-in")
    fill_sign_in(page, person)
    assert "blocked your access" in page.get_by_role("alert").inner_text()
    checks.check_page(page, status=422)


@BOTH
def test_a_second_factor_is_set_up_asked_for_and_removed(console, new_page, javascript):
    person, page = console.new_person("Two Factors"), new_page(javascript=javascript)
    console.sign_in(page.context, person)
    page.goto(f"{console.url}/me/second-factor")
    checks.check_page(page)
    page.get_by_label("Your password").fill("wrong, and long enough")
    page.get_by_role("button", name="Continue").click()
    checks.check_page(page, status=422)
    assert "Is wrong." in page.locator(".error").inner_text()
    page.get_by_label("Your password").fill(person.password)
    page.get_by_role("button", name="Continue").click()
    checks.check_page(page)
    secret = page.locator("#secret").inner_text().replace(" ", "")
    assert secret in page.locator("a.button[href^='otpauth://totp/']").get_attribute("href")
    page.get_by_label("Code").fill("000000" if totp(secret) != "000000" else "000001")
    page.get_by_role("button", name="Turn on").click()
    checks.check_page(page, status=422)
    assert page.locator("#secret").inner_text().replace(" ", "") == secret, "the key stays the same until it is confirmed"
    page.get_by_label("Code").fill(totp(secret))
    page.get_by_role("button", name="Turn on").click()
    checks.check_page(page)
    codes = page.locator("#codes").inner_text().split()
    assert len(codes) == 10
    page.get_by_role("link", name="I have kept them").click()
    assert page.get_by_role("heading", level=1).inner_text().endswith("On")
    checks.check_page(page)

    other = new_page(javascript=javascript)
    other.goto(f"{console.url}/sign-in?next=/me")
    fill_sign_in(other, person)
    checks.check_page(other)
    # What the page carries is sealed.
    assert person.password not in other.content() and person.login not in other.content()
    assert other.get_by_label("Password").count() == 0
    other.get_by_label("Code").fill("000000")
    other.get_by_role("button", name="Sign in").click()
    assert "not right" in other.get_by_role("alert").inner_text()
    checks.check_page(other, status=422)
    other.get_by_label("Code").fill(codes[0])
    other.get_by_role("button", name="Sign in").click()
    other.wait_for_url(f"{console.url}/me")

    page.get_by_role("link", name="Remove").click()
    checks.check_page(page)
    page.get_by_label("Your password").fill(person.password)
    page.get_by_role("button", name="Remove").click()
    page.wait_for_url("**/me/second-factor?done=own_factor_removed")
    assert page.get_by_role("heading", level=1).inner_text().endswith("Off")


def test_a_ticket_that_was_tampered_with_asks_for_the_password_again(console, page):
    person = console.new_person("Ticket Holder")
    page.goto(f"{console.url}/sign-in")
    answer = page.context.request.post(f"{console.url}/sign-in", form={"ticket": "AAAA" * 20, "code": "000000"})
    assert answer.status == 422 and "more than five minutes" in answer.text()
    fill_sign_in(page, person)
    page.wait_for_url(f"{console.url}/")


def invited(console, name):
    """A person of this organization, and the code of an invitation to another one."""
    person = console.new_person(name)
    other = console.api.expect([201], "POST", "/api/v1/organizations", {"name": f"Elsewhere {next(NUMBERS)}"}).json()
    headers = {"Authorization": f"Bearer {other['management_token']}"}
    return person, other, headers


@BOTH
def test_an_invitation_leads_through_sign_in_and_back(console, new_page, javascript):
    person, other, headers = invited(console, "Invited Person")
    page = new_page(javascript=javascript)
    link = page.context.request.post(
        f"{console.url}/api/v1/invitations", data={"login": person.login, "role": "member"}, headers=headers).json()
    page.goto(f"{console.url}/accept-invitation#{link['code']}")
    assert "/sign-in" in page.url
    assert "invited to another organization" in page.get_by_role("status").first.inner_text()
    checks.check_page(page)
    fill_sign_in(page, person)
    page.wait_for_url("**/accept-invitation**")
    checks.check_page(page)
    if not javascript:
        page.get_by_label("Code from the link").fill(link["code"])
    page.get_by_role("button", name="Accept invitation").click()
    page.wait_for_url(f"{console.url}/?done=joined")
    assert other["name"] in page.locator("header.head").inner_text()
    # Once is enough.
    page.goto(f"{console.url}/accept-invitation")
    page.get_by_label("Code from the link").fill(link["code"])
    page.get_by_role("button", name="Accept invitation").click()
    assert "no open invitation" in page.get_by_role("alert").inner_text()
    checks.check_page(page, status=422)


def test_pages_of_links_speak_the_language_that_is_chosen_and_keep_the_secret(console, page):
    page.goto(f"{console.url}/set-password#inll_notasecret")
    page.get_by_role("link", name=re.compile("Português")).click()
    page.wait_for_url("**/set-password?lang=pt-BR")
    checks.check_page(page, language="pt-BR")
    assert page.locator("[name=code]").input_value() == "inll_notasecret"
