"""The crawler finds every page and every fault of a small site of our own."""

import contextlib

import pytest

import checks
from crawl import Crawl, pattern
from looks import look_at_shape, look_everywhere
from small_site import Site, good_with


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setattr(checks, "keep", lambda url, html: None)
    with contextlib.closing(Site()) as site:
        yield site


def links(*hrefs):
    return good_with("".join(f'<p><a href="{href}">{number} leads on</a></p>' for number, href in enumerate(hrefs)))


def look_nowhere(_):
    return []


def test_all_that_links_lead_to_is_found_and_like_pages_count_as_one(page, site):
    ids = [f"/things/thg_abcdef{number}" for number in range(9)]
    site.more = {"/": links("/things", "/file", "#top", "mailto:a@example.com"),
                 "/things": links(*ids, "/things?after=abc123DEF"),
                 "/things?after=abc123DEF": links(), **{path: links("/deep") for path in ids}, "/deep": links("/")}
    done = Crawl(page, f"{site.origin}/", look_nowhere, per_pattern=2)
    assert done.pages() == {"/", "/things", "/things?after=*", "/things/*", "/deep"}
    assert len(done.visits["/things/*"]) == 2
    assert "/file" in done.visits and "/file" not in done.pages()
    assert done.findings() == {}


def test_a_link_that_leads_nowhere_is_found_with_where_it_stands(page, site):
    site.more = {"/": links("/gone")}
    found = Crawl(page, f"{site.origin}/", look_nowhere).findings()
    assert found == {f"{site.origin}/gone": [f"answered 404, linked from {site.origin}/"]}
    checks.WATCHES[page].forget()


def test_a_link_out_of_the_house_is_found(page, site):
    site.more = {"/": links("https://example.com/x")}
    assert Crawl(page, f"{site.origin}/").findings() == {f"{site.origin}/": ["a link out of the house: https://example.com/x"]}


@pytest.mark.parametrize("more, words", [
    ('<dialog><p class="pale">too pale</p></dialog>', 'light, open [data-crawl="0"]: axe color-contrast'),
    ('<div popover><p class="pale">too pale</p></div>', 'light, open [data-crawl="0"]: axe color-contrast'),
    ('<details><summary>More</summary><p class="pale">too pale</p></details>', "light: axe color-contrast"),
    ('<p class="dim">too dim in the dark</p>', "dark: axe color-contrast"),
    ('<dialog><p class="dim">too dim in the dark</p></dialog>', 'dark, open [data-crawl="0"]: axe color-contrast'),
])
def test_what_is_hidden_or_dark_at_first_is_looked_at_too(page, site, more, words):
    site.more = {"/": good_with(more)}
    found = Crawl(page, f"{site.origin}/", look_everywhere()).findings()
    assert words in str(found), found


@pytest.mark.profile(javascript=False)
def test_it_goes_without_JavaScript_too(page, site):
    site.more = {"/": links("/deep"), "/deep": good_with('<input name="loose">')}
    found = Crawl(page, f"{site.origin}/", look_at_shape()).findings()
    assert found == {f"{site.origin}/deep": ['a field without a label: <input name="loose">']}


def test_too_many_pages_are_an_error(page, site):
    site.more = {f"/{letter}": links(f"/{chr(ord(letter) + 1)}") for letter in "abcdefgh"}
    with pytest.raises(AssertionError, match="more than 5 pages"):
        Crawl(page, f"{site.origin}/a", pages_max=5)


def test_addresses_are_alike_if_only_ids_and_cursors_differ():
    deep = "http://x/webhooks/whk_SpxJDK5CIA3V9BjmEgRE/events?tab=refused&after=9zZ"
    assert pattern(deep) == "/webhooks/*/events?after=*&tab=refused"
    assert pattern("http://x/webhooks/new") == "/webhooks/new"
