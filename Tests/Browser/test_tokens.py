"""The page of a token: limits, rotation with overlap, another owner."""

import subprocess
from datetime import date, timedelta

import pytest
from checks import check_page
from inlet_server import until
from people import NARROW

WITH_AND_WITHOUT_SCRIPTS = pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])


class Caller:
    """A webhook with one app token, and calls with it."""

    def __init__(self, api, name):
        self.api = api
        self.webhook = api.expect([201], "POST", "/api/v1/webhooks", {"name": name}).json()
        self.token = api.expect([201], "POST", "/api/v1/tokens",
                                {"kind": "app", "webhook": self.webhook["id"], "name": f"{name}, caller"}).json()
        self.header = self.token["header"]

    def call(self, header=None):
        line = f"curl -sS -o /dev/null -w '%{{http_code}}' -X POST '{self.webhook['url']}' -H '{header or self.header}' -d x"
        return subprocess.run(["sh", "-c", line], check=False, capture_output=True, text=True).stdout

    def now(self):
        return self.api.expect([200], "GET", f"/api/v1/tokens/{self.token['id']}").json()


def someone(new_page, console, javascript=True, **options):
    page = new_page(javascript=javascript, **options)
    console.sign_in(page.context, console.owner())
    return page


def shown(page, label):
    return page.locator(".code", has_text=label).locator("pre").first.inner_text()


def done(page):
    page.get_by_label("I have saved these credentials securely").check()
    page.get_by_role("button", name="Done").click()


@WITH_AND_WITHOUT_SCRIPTS
def test_N6_a_token_is_rotated_with_overlap_and_the_old_secret_ended_by_hand(new_page, console, api, javascript):
    caller = Caller(api, f"Rotating {javascript}")
    assert caller.call() == "202"
    page = someone(new_page, console, javascript)
    page.goto(f"{console.url}/tokens/{caller.token['id']}")
    check_page(page)
    page.get_by_role("link", name="Rotate").click()
    # N5
    page.get_by_role("heading", name="What was called with it").wait_for()
    assert page.get_by_role("radio", name="24 hours").is_checked()
    check_page(page)
    page.get_by_role("button", name="Make new secret").click()
    check_page(page)
    new = shown(page, "HTTP header")
    assert new != caller.header and shown(page, "Basic authentication").startswith("Authorization: Basic ")
    assert (caller.call(), caller.call(new)) == ("202", "202")
    done(page)
    secrets = page.get_by_role("region", name="Secrets")
    assert secrets.locator("tbody tr").count() == 2
    assert "Current" in secrets.inner_text() and "Ends in" in secrets.inner_text()
    check_page(page)
    # Uses are counted a moment after the call.
    assert until(lambda: {it["use_count"] for it in caller.now()["secrets"]} == {1, 2})
    page.get_by_role("link", name="End overlap now").click()
    page.get_by_text(f"{caller.token['hint']}…: 2 calls").wait_for()
    check_page(page)
    page.get_by_role("button", name="End overlap now").click()
    page.get_by_text("only the current secret works").wait_for()
    assert (caller.call(), caller.call(new)) == ("401", "202")


def test_N6_a_leaked_secret_is_replaced_at_once(signed_in, console, api):
    caller = Caller(api, "Leaked")
    signed_in.goto(f"{console.url}/tokens/{caller.token['id']}/rotate")
    signed_in.get_by_role("radio", name="Not at all").check()
    signed_in.get_by_role("button", name="Make new secret").click()
    signed_in.get_by_text("The old secret no longer works.").wait_for()
    assert (caller.call(), caller.call(shown(signed_in, "HTTP header"))) == ("401", "202")


@WITH_AND_WITHOUT_SCRIPTS
def test_N7_expiry_networks_and_rate_of_a_token_are_set_and_lifted(new_page, console, api, javascript):
    caller = Caller(api, f"Limited {javascript}")
    page = someone(new_page, console, javascript)
    page.goto(f"{console.url}/tokens/{caller.token['id']}/edit")
    check_page(page)
    end = f"{date.today() + timedelta(days=60)}T12:30"
    page.get_by_label("Expires").fill(end)
    page.get_by_label("Allowed networks").fill("192.0.2.0/24\nnonsense")
    page.get_by_label("Calls a minute").fill("60")
    page.get_by_role("button", name="Save changes").click()
    check_page(page, status=422)
    assert page.get_by_label("Allowed networks").input_value() == "192.0.2.0/24\nnonsense"
    page.get_by_text("is no network").wait_for()
    page.get_by_label("Allowed networks").fill("192.0.2.0/24\n2001:db8::/32")
    page.get_by_role("button", name="Save changes").click()
    page.get_by_text("The token was changed. Its secret is the same.").wait_for()
    check_page(page)
    now = caller.now()
    assert now["expires_at"].startswith(f"{end}:00") and now["rate_limit_per_minute"] == 60
    assert now["networks"] == ["192.0.2.0/24", "2001:db8::/32"]
    assert caller.call() == "401"
    page.get_by_role("link", name="Edit").click()
    for label in ["Expires", "Allowed networks", "Calls a minute"]:
        page.get_by_label(label).fill("")
    page.get_by_role("button", name="Save changes").click()
    page.get_by_text("The token was changed.").wait_for()
    assert caller.call() == "202"
    now = caller.now()
    assert (now.get("expires_at"), now["networks"], now.get("rate_limit_per_minute")) == (None, [], None)


def test_D9_a_token_is_moved_to_another_account_and_its_secret_stays(signed_in, console, api):
    caller = Caller(api, "Moving")
    made = api.expect([201], "POST", "/api/v1/accounts", {"kind": "service", "name": "New home", "role": "member"}).json()
    account = made.get("account", made)["id"]
    signed_in.goto(f"{console.url}/tokens/{caller.token['id']}")
    signed_in.get_by_role("link", name="Move token").click()
    check_page(signed_in)
    signed_in.get_by_label("New owner").select_option(account)
    signed_in.get_by_role("button", name="Move token").click()
    signed_in.get_by_text("The token has a new owner.").wait_for()
    assert caller.call() == "202" and caller.now()["owner"] == account
    signed_in.get_by_role("link", name="New home").wait_for()


@WITH_AND_WITHOUT_SCRIPTS
def test_a_management_token_of_ones_own_is_made_and_always_expires(new_page, console, api, javascript):
    page = someone(new_page, console, javascript)
    page.goto(f"{console.url}/tokens/new?kind=management")
    check_page(page)
    assert page.get_by_label("Expires").input_value()
    page.get_by_label("Name").fill("For a script")
    page.get_by_label("It may look at sealed secrets").check()
    page.get_by_label("Your password").fill("wrong password")
    page.get_by_role("button", name="Make token").click()
    check_page(page, status=422)
    page.get_by_label("Your password").fill(console.owner().password)
    page.get_by_role("button", name="Make token").click()
    check_page(page)
    header = shown(page, "HTTP header")
    assert header.startswith("Authorization: Bearer inlm_") and page.locator(".code", has_text="Basic").count() == 0
    answer = subprocess.run(
        ["curl", "-sS", f"{console.url}/api/v1/me", "-H", header], check=False, capture_output=True, text=True)
    assert '"permissions"' in answer.stdout
    done(page)
    page.get_by_text("it may look at sealed secrets").wait_for()
    check_page(page)


def test_a_member_changes_only_its_own_tokens(new_page, console, api):
    caller = Caller(api, "Of the owner")
    page = new_page()
    console.sign_in(page.context, console.new_person("Mel Member", "member"))
    page.goto(f"{console.url}/tokens/{caller.token['id']}")
    check_page(page)
    for name in ["Edit", "Rotate", "Deactivate", "Move token", "Delete token"]:
        assert page.get_by_role("link", name=name, exact=True).count() == 0
    page.goto(f"{console.url}/webhooks/{caller.webhook['id']}/tokens/new")
    assert page.get_by_label("Owner account").count() == 0
    page.get_by_label("Name").fill("Of the member")
    page.get_by_role("button", name="Make token").click()
    done(page)
    page.get_by_role("link", name="Of the member").click()
    page.get_by_role("link", name="Rotate").wait_for()


@pytest.mark.parametrize("language", ["nl", "pt-BR"])
def test_D13_a_tokens_pages_are_in_other_languages(new_page, console, api, language):
    caller = Caller(api, f"Talen {language}")
    page = new_page(viewport=NARROW, theme="dark")
    session = console.sign_in(page.context, console.new_person(f"Tokener {language}", "admin"))
    console.speak(page.context, session, language)
    for path in ["", "/edit", "/rotate", "/deactivate", "/activate", "/transfer", "/delete"]:
        page.goto(f"{console.url}/tokens/{caller.token['id']}{path}")
        check_page(page, language=language)
    page.goto(f"{console.url}/tokens/new?kind=management")
    check_page(page, language=language)
