"""Accounts as people manage them: rows D5 to D10 of the product."""

import itertools
import re

import pytest
from playwright.sync_api import expect

import checks
from inlet_server import call_once, until

NUMBERS = itertools.count(1)


@pytest.fixture(params=[True, False], ids=["with-scripts", "without-scripts"])
def owner(request, new_page, console):
    """A page of the owner, signed in, with and without JavaScript."""
    page = new_page(javascript=request.param)
    console.sign_in(page.context, console.owner())
    return page


@pytest.fixture
def service(api):
    """A service account with an API token: the account, and the token's secret."""
    name = f"Importer {next(NUMBERS)}"
    made = api.expect([201], "POST", "/api/v1/accounts", {"kind": "service", "name": name, "role": "member", "with_token": True})
    return made.json()


@pytest.fixture(scope="module")
def webhook(api):
    made = api.expect([201], "POST", "/api/v1/webhooks", {"name": "Orders for accounts"})
    return made.json()["id"]


def called(console, webhook, secret):
    """What a caller with that secret is answered."""
    return call_once(console.server.ingest_port, "POST", f"/in/{webhook}", b"{}", {"Authorization": f"Bearer {secret}"}).status


def open_account(page, console, name):
    page.goto(f"{console.url}/accounts")
    page.get_by_role("link", name=name, exact=True).click()
    page.wait_for_url("**/accounts/acc_*")


def test_D5_an_account_and_its_token_are_made_in_one_act(owner, console, webhook):
    name = f"Backend {next(NUMBERS)}"
    owner.goto(f"{console.url}/accounts")
    checks.check_page(owner)
    owner.get_by_role("link", name="New account").click()
    checks.check_page(owner)
    owner.get_by_role("radio", name="Service account").check()
    owner.get_by_label("Name", exact=True).fill(name)
    owner.get_by_label("Make an API token for it at once").check()
    owner.get_by_role("button", name="Create account").click()
    checks.check_page(owner)
    secret = owner.locator("#secret").inner_text()
    assert owner.locator("#header").inner_text() == f"Authorization: Bearer {secret}"
    assert owner.locator("#basic").inner_text().startswith("Authorization: Basic ")
    assert called(console, webhook, secret) == 202
    # Shown this once, and only left with the tick.
    owner.get_by_role("button", name="Done").click()
    expect(owner.get_by_role("button", name="Done")).to_be_visible()
    owner.get_by_label("I have saved these credentials securely").check()
    owner.get_by_role("button", name="Done").click()
    owner.wait_for_url("**/accounts/acc_*")
    assert secret not in owner.content()
    assert owner.get_by_role("heading", level=1).inner_text().startswith(name)


def test_D5_a_person_gets_a_one_time_link(owner, console):
    login = f"new.person.{next(NUMBERS)}@example.com"
    owner.goto(f"{console.url}/accounts/new")
    owner.get_by_role("radio", name="Person").check()
    owner.get_by_label("Name", exact=True).fill("New Person")
    owner.get_by_role("button", name="Create account").click()
    # Without a login nothing is lost, and the field says what it wants.
    checks.check_page(owner, status=422)
    assert owner.get_by_label("Name", exact=True).input_value() == "New Person"
    owner.get_by_role("textbox", name="Login").fill(login)
    owner.get_by_role("button", name="Create account").click()
    link = owner.locator("#link").inner_text()
    assert re.search(r"/set-password#inl\w+$", link)


def test_D7_reactivating_lets_the_same_token_in_at_once(owner, console, service, webhook):
    secret = service["token"]["secret"]
    assert called(console, webhook, secret) == 202
    open_account(owner, console, service["name"])
    owner.get_by_role("link", name="Deactivate account").click()
    checks.check_page(owner)

    def is_told():
        # Uses are written down a little later.
        owner.reload()
        return owner.get_by_text("Orders for accounts").count() > 0

    assert until(is_told)
    owner.get_by_role("button", name="Deactivate account").click()
    checks.check_page(owner)
    expect(owner.get_by_text("Inactive since").first).to_be_visible()
    assert called(console, webhook, secret) == 401
    owner.get_by_role("link", name="Reactivate account").click()
    owner.get_by_role("button", name="Reactivate account").click()
    expect(owner.get_by_text("The same tokens work at once")).to_be_visible()
    assert called(console, webhook, secret) == 202


def test_D8_last_sign_in_and_last_token_use_stand_apart(owner, console, service):
    open_account(owner, console, service["name"])
    checks.check_page(owner)
    expect(owner.get_by_text("Last token use")).to_be_visible()
    assert owner.get_by_text("Last sign-in").count() == 0
    owner.goto(f"{console.url}/accounts")
    headers = owner.get_by_role("columnheader").all_inner_texts()
    assert "Last sign-in" in headers and "Last token use" in headers and "Becomes inactive" in headers


def test_D9_deleting_with_tokens_is_refused_with_the_way_out(owner, console, service, webhook, api):
    target = api.expect([201], "POST", "/api/v1/accounts", {
        "kind": "service", "name": f"Heir {next(NUMBERS)}", "role": "member"}).json()
    secret = service["token"]["secret"]
    open_account(owner, console, service["name"])
    owner.get_by_role("link", name="Delete account").click()
    checks.check_page(owner)
    owner.get_by_role("button", name="Delete account").click()
    checks.check_page(owner, status=409)
    expect(owner.get_by_role("alert").get_by_text(
        "This user still has tokens and can't be deleted. Delete them first, or move them to another account, then try again."
    )).to_be_visible()
    assert owner.locator("main").get_by_role("link", name=service["name"], exact=True).last.get_attribute("href").startswith("/tokens/")
    owner.get_by_role("link", name="Move them").click()
    checks.check_page(owner)
    owner.get_by_label("New owner").select_option(target["id"])
    owner.get_by_role("button", name="Move tokens").click()
    checks.check_page(owner)
    expect(owner.get_by_role("status").get_by_text("1 token was moved to")).to_be_visible()
    assert called(console, webhook, secret) == 202
    owner.get_by_role("link", name="Delete account").click()
    owner.get_by_role("button", name="Delete account").click()
    expect(owner.get_by_text("The account was deleted.")).to_be_visible()
    assert owner.get_by_role("link", name=service["name"], exact=True).count() == 0


def test_D9_no_token_chosen_moves_none(owner, console, service):
    owner.goto(f"{console.url}/accounts/{service['id']}/move")
    owner.get_by_label("New owner").select_option(index=1)
    for box in owner.get_by_role("group", name="Tokens to move").get_by_role("checkbox").all():
        box.uncheck()
    owner.get_by_role("button", name="Move tokens").click()
    checks.check_page(owner, status=422)
    expect(owner.get_by_text("Must be chosen.")).to_be_visible()


def test_D10_blocking_sign_in_ends_sessions_and_leaves_tokens(owner, new_page, console, webhook, api):
    person = console.new_person(f"Blocked {next(NUMBERS)}", "member")
    other = new_page()
    console.sign_in(other.context, person)
    account = next(it for it in api.expect([200], "GET", "/api/v1/accounts?limit=500").json()["items"] if it.get("login") == person.login)
    token = api.expect([201], "POST", "/api/v1/tokens", {
        "kind": "app", "webhook": webhook, "name": "Of the blocked", "owner": account["id"]}).json()
    owner.goto(f"{console.url}/accounts/{account['id']}")
    checks.check_page(owner)
    owner.get_by_role("link", name="Block sign-in").click()
    checks.check_page(owner)
    owner.get_by_role("button", name="Block sign-in").click()
    expect(owner.get_by_text("Sign-in blocked").first).to_be_visible()
    assert "/sign-in" in other.goto(f"{console.url}/accounts").url
    assert called(console, webhook, token["secret"]) == 202
    owner.get_by_role("link", name="Allow sign-in").click()
    owner.get_by_role("button", name="Allow sign-in").click()
    expect(owner.get_by_text("The person can sign in again.")).to_be_visible()


def test_D10_a_password_is_reset_by_a_link_shown_once(owner, console, api):
    person = console.new_person(f"Forgetful {next(NUMBERS)}", "viewer")
    account = next(it for it in api.expect([200], "GET", "/api/v1/accounts?limit=500").json()["items"] if it.get("login") == person.login)
    owner.goto(f"{console.url}/accounts/{account['id']}")
    owner.get_by_role("link", name="Reset password").click()
    checks.check_page(owner)
    owner.get_by_role("button", name="Reset password").click()
    checks.check_page(owner)
    assert "/set-password#" in owner.locator("#link").inner_text()
    owner.get_by_role("link", name="Done").click()
    owner.get_by_role("link", name="End sessions").click()
    owner.get_by_role("button", name="End sessions").click()
    expect(owner.get_by_text("All sessions of the person in this organization have ended.")).to_be_visible()


def test_a_role_is_changed_and_the_last_owner_stays_one(owner, console, service, api):
    owner.goto(f"{console.url}/accounts/{service['id']}/edit")
    checks.check_page(owner)
    owner.get_by_role("combobox", name="Role").select_option("admin")
    owner.get_by_role("button", name="Save").click()
    expect(owner.get_by_text("The account was saved.")).to_be_visible()
    assert api.expect([200], "GET", f"/api/v1/accounts/{service['id']}").json()["role"] == "admin"
    own = api.expect([200], "GET", "/api/v1/me").json()["account"]["id"]
    owner.goto(f"{console.url}/accounts/{own}/edit")
    owner.get_by_role("combobox", name="Role").select_option("viewer")
    owner.get_by_role("button", name="Save").click()
    expect(owner.get_by_text("This is the last active owner. Make somebody else an owner first.")).to_be_visible()


def test_inviting_somebody_unknown_says_so(owner, console):
    owner.goto(f"{console.url}/accounts/invite")
    checks.check_page(owner)
    owner.get_by_label("Login of that person").fill("nobody@example.com")
    owner.get_by_role("button", name="Make invitation").click()
    checks.check_page(owner, status=422)
    expect(owner.get_by_text("Belongs to nobody on this server")).to_be_visible()


def test_a_viewer_sees_accounts_and_no_buttons(new_page, console, service):
    page = new_page()
    console.sign_in(page.context, console.new_person(f"Looker {next(NUMBERS)}", "viewer"))
    page.goto(f"{console.url}/accounts/{service['id']}")
    checks.check_page(page)
    for name in ["Edit", "Deactivate account", "Delete account", "Move tokens"]:
        assert page.get_by_role("link", name=name).count() == 0
    assert page.goto(f"{console.url}/accounts/new").status == 403
    checks.WATCHES[page].forget()
