"""What every test of the console stands on: who is signed in, and that the browser speaks to nobody else."""

import json

import pytest

import checks
from people import NARROW
from small_site import Site


def test_the_owner_is_signed_in(signed_in, console):
    """The session's cookie is `Secure` and `__Host-`, and a page on the loopback sends it without TLS."""
    signed_in.goto(f"{console.url}/api/v1/me")
    me = json.loads(signed_in.locator("body").inner_text())
    assert me["account"]["login"] == console.owner().login
    names = {cookie["name"] for cookie in signed_in.context.cookies() if cookie["secure"] and cookie["httpOnly"]}
    assert "__Host-inlet_session" in names
    assert len(signed_in.session["csrf_token"]) >= 16
    checks.WATCHES[signed_in].forget()


def test_another_page_is_signed_in_by_nobody(signed_in, new_page, console):
    assert new_page().goto(f"{console.url}/api/v1/me").status == 401


@pytest.mark.parametrize("role", ["admin", "member", "viewer"])
def test_people_of_every_role_can_be_signed_in(new_page, console, role):
    page = new_page()
    console.sign_in(page.context, console.new_person(f"Person {role}", role))
    answer = page.goto(f"{console.url}/api/v1/me")
    assert answer.status == 200 and "permissions" in answer.text()


@pytest.mark.profile(theme="dark", locale="nl", viewport=NARROW)
def test_a_test_may_choose_its_browser(page):
    assert page.evaluate("() => [matchMedia('(prefers-color-scheme: dark)').matches, navigator.language, innerWidth]") == [
        True, "nl", NARROW["width"]]


def test_the_browser_reaches_the_loopback_alone(page):
    site = Site()
    try:
        assert page.goto(site.url).status == 200
        for address in ["http://192.0.2.1/", "http://inlet.example/", "https://inlet.example/"]:
            with pytest.raises(Exception, match="ERR_PROXY_CONNECTION_FAILED"):
                page.goto(address)
    finally:
        site.close()
    assert len(checks.WATCHES[page].foreign) == 3
    checks.WATCHES[page].forget()


def test_the_shop_has_something_of_everything(shop):
    assert len(shop.events) > 100
    assert {item["state"] for item in shop.look("/deliveries?limit=500")["items"]} >= {"delivered", "dead", "waiting"}
    assert len({item["cause"] for item in shop.look("/calls?outcome=refused&limit=500")["items"]}) >= 6
    assert len(shop.look("/held")["items"]) == 5
    assert {item["name"] for item in shop.look("/resources")["items"]} >= {"checkout", "search"}
    assert shop.look(f"/applications/{shop.applications['shop']['id']}/measures")["deployment_frequency"]["value"] > 0
    assert shop.look("/outlook")["items"]
