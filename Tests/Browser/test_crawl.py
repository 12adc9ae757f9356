"""Every page of the console that can be reached by links, on a server with a month in the life of a shop."""

import re

import pytest

import checks
from crawl import Crawl, look_at_shape, look_everywhere
from keyboard import keyboard_findings
from people import NARROW, WIDE, Person

# A console with fewer kinds of pages than this lost some, or its links do not lead there.
PAGES_MIN = 8
LANGUAGES = ["nl", "pt-BR"]
SECONDS = 500

# The words of ours on a page: what stands on buttons, labels and headings of tables.
WORDS = """
() => [...document.querySelectorAll('button, label, legend, th, dt, summary')].map(part => {
  const own = part.cloneNode(true);
  for (const theirs of own.querySelectorAll('[translate=no], code, pre, bdi, option')) theirs.remove();
  return part.closest('[translate=no], code, pre, bdi') ? '' : own.textContent.trim().replace(/\\s+/g, ' ');
})
"""


@pytest.fixture
def go(shop, new_page):
    """A page of the shop's owner, signed in; who is signed in twice, as here, is offered to end the other sign-in."""
    shop.console.sign_in(new_page().context, shop.console.owner())

    def open_page(language=None, **options):
        page = new_page(locale=language or "en", **options)
        session = shop.console.sign_in(page.context, shop.console.owner())
        if language:
            shop.console.speak(page.context, session, language)
        return page

    return open_page


def crawl(shop, page, look, **options):
    done = Crawl(page, f"{shop.console.url}/", look, **options)
    found = done.findings()
    assert not found, checks.tell(found)
    assert len(done.pages()) >= PAGES_MIN, f"only these pages were found: {sorted(done.pages())}"
    return done


@pytest.mark.seconds_max(SECONDS)
def test_every_page_and_dialog_is_whole_in_light_and_dark(shop, go):
    crawl(shop, go(viewport=WIDE), look_everywhere())


@pytest.mark.seconds_max(SECONDS)
def test_without_JavaScript_there_are_the_same_pages(shop, go):
    without = crawl(shop, go(javascript=False), look_at_shape())
    assert without.pages() == Crawl(go(), f"{shop.console.url}/").pages()


@pytest.mark.seconds_max(SECONDS)
@pytest.mark.parametrize("viewport", [{"width": 360, "height": 740}, NARROW, {"width": 768, "height": 1024},
                                      {"width": 1920, "height": 1080}], ids=lambda it: f"{it['width']} px")
def test_no_page_scrolls_sideways(shop, go, viewport):
    crawl(shop, go(viewport=viewport), look_at_shape(), per_pattern=1)


@pytest.mark.seconds_max(SECONDS)
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_every_page_can_be_used_by_keyboard(shop, go, viewport):
    crawl(shop, go(viewport=viewport), keyboard_findings, per_pattern=1)


@pytest.mark.seconds_max(SECONDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_D13_every_page_speaks_the_language_of_its_reader(shop, go, language):
    theirs, ours = {}, {}

    def read(into):
        def look(page):
            into[page.url] = (page.locator("body").inner_text(), set(page.evaluate(WORDS)))
            return []
        return look

    english = go("en")
    Crawl(english, f"{shop.console.url}/", read(ours), per_pattern=1)
    page = go(language)
    try:
        crawl(shop, page, look_and(look_at_shape(language), read(theirs)), per_pattern=1)
    finally:
        go("en")
    same = {url: ["is the same as in English"] for url in theirs if url in ours and theirs[url][0] == ours[url][0]}
    for url in theirs:
        if url in ours:
            # One word may be the same in both; a phrase is not, unless a person wrote it.
            phrases = {words for words in theirs[url][1] & ours[url][1] if re.search(r"[a-z]{3,} [a-z]{2,}", words)}
            if left := sorted(phrases - shop.words):
                same.setdefault(url, []).append(f"words that are English in {language} as well: {left}")
    assert not same, checks.tell(same)
    assert len(theirs) >= PAGES_MIN


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_D13_pages_before_sign_in_are_whole_in_every_language(shop, new_page, language):
    page = new_page(locale=language)
    done = Crawl(page, f"{shop.console.url}/sign-in", look_everywhere(language))
    assert not done.findings(), checks.tell(done.findings())
    assert "/sign-in" in done.pages()


def look_and(*looks):
    return lambda page: [finding for look in looks for finding in look(page)]


@pytest.mark.seconds_max(SECONDS)
@pytest.mark.parametrize("name, role", [("João Ferreira", "member"), ("Ann Bakker", "admin")])
def test_nobody_is_led_to_a_page_that_is_not_for_them(shop, new_page, name, role):
    """No page that a role may see has a link that is answered 403, 404 or 5xx."""
    page = new_page()
    shop.console.sign_in(page.context, Person(shop.people[name]["login"], shop.password))
    crawl(shop, page, look_at_shape(), per_pattern=1)
