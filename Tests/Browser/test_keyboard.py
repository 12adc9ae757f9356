"""The walk by keyboard finds what cannot be reached or seen."""

import contextlib

import pytest

import checks
from keyboard import check_keyboard, keyboard_findings
from small_site import Site


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setattr(checks, "keep", lambda url, html: None)
    with contextlib.closing(Site()) as site:
        yield site


def test_a_good_page_can_be_gone_through(page, site):
    site.with_body('<p><a href="/page">Again</a> <button type="button" disabled>No</button></p><details><summary>More</summary>'
                   '<a href="/page">Hidden</a></details><fieldset><legend>Which</legend><label><input type="radio" name="a">One'
                   '</label><label><input type="radio" name="a" checked>Two</label></fieldset>'
                   '<label>From <input type="datetime-local"></label> <label>Until <input type="datetime-local"></label>')
    page.goto(site.url)
    check_keyboard(page)


@pytest.mark.parametrize("more, words", [
    ('<a href="/page" class="unmarked">Again</a>', "focus cannot be seen at <a href="),
    ('<a href="/page" class="away">Again</a>', "focus is out of view at <a href="),
    ('<a href="/page">One</a><input aria-label="trap" id="trap"><a href="/page">Two</a>'
     '<script type="module" src="/trapping.js"></script>', "Tab does not reach <a href=\"/page\">Two</a>"),
])
def test_what_hinders_is_found(page, site, more, words):
    site.with_body(more)
    page.goto(site.url)
    assert words in "\n".join(keyboard_findings(page))
