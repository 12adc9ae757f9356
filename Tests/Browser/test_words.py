"""Every language says all of it: row D13 of the product. What the catalogues hold is tested in WordsTests."""

import pytest
from playwright.sync_api import expect

import checks

PAGES = ["/", "/accounts", "/accounts/new", "/accounts/invite", "/outlook?days=90", "/audit", "/audit/verify"]
HEADINGS = {"nl": "Vraagt aandacht", "pt-BR": "Requer atenção"}


@pytest.mark.parametrize("language", HEADINGS)
def test_D13_pages_speak_the_language_of_the_person(new_page, shop, language):
    page = new_page(locale=language)
    session = shop.console.sign_in(page.context, shop.console.owner())
    shop.console.speak(page.context, session, language)
    try:
        for path in PAGES:
            page.goto(f"{shop.console.url}{path}")
            checks.check_page(page, language=language)
        page.goto(shop.console.url)
        expect(page.get_by_role("heading", name=HEADINGS[language])).to_be_visible()
    finally:
        shop.console.speak(page.context, session, None)


@pytest.mark.parametrize("language, says", [("nl", "Moet 1 tot 100 tekens hebben"), ("pt-BR", "1 a 100")])
def test_D13_what_is_wrong_with_a_field_is_said_in_that_language(new_page, shop, language, says):
    page = new_page(javascript=False, locale=language)
    session = shop.console.sign_in(page.context, shop.console.owner())
    shop.console.speak(page.context, session, language)
    try:
        answer = page.request.post(f"{shop.console.url}/accounts/new", form={
            "kind": "service", "name": "", "role": "member", "csrf": session["csrf_token"]})
        assert answer.status == 422 and says in answer.text()
    finally:
        shop.console.speak(page.context, session, None)
