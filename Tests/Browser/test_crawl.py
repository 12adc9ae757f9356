"""Every page of the console that can be reached by links, on a server with a month in the life of a shop."""

import pytest

import checks
from crawl import Crawl
from looks import WIDTHS, Reader, Round, look_at_shape, look_everywhere
from people import Person
from session_server import bounded

# A console with fewer kinds of pages than this lost some, or its links do not lead there.
PAGES_MIN = 8
LANGUAGES = ["nl", "pt-BR"]
# A bound against hanging, which proves nothing.
SECONDS = 3_000


@pytest.fixture(scope="module")
def looked(shop, new_page_of_all):
    """All pages, each looked at from all sides in one visit."""
    console = shop.console

    def enter(person, **options):
        # Who is signed in twice is offered to end the other sign-in.
        console.sign_in(new_page_of_all().context, person)
        page = new_page_of_all(**options)
        page.session = console.sign_in(page.context, person)
        return page

    def reader(language):
        # An owner for each language, so that nobody has to change it from page to page.
        page = enter(console.new_person(f"Reader of {language}", "owner"), locale=language)
        console.speak(page.context, page.session, language)
        return Reader(page, language)

    readers = [reader(language) for language in LANGUAGES]
    words = shop.words | {f"Reader of {language}" for language in LANGUAGES}
    whole = Round(readers, enter(console.owner(), javascript=False), words)
    with bounded(SECONDS):
        done = Crawl(enter(console.owner()), f"{console.url}/", whole)
    whole.sides.add_all("themes", done.findings())
    return whole.sides


def test_every_page_and_dialog_is_whole_in_light_and_dark(looked):
    looked.expect_nothing("themes", PAGES_MIN)


def test_without_JavaScript_there_are_the_same_pages(looked):
    looked.expect_nothing("without JavaScript", PAGES_MIN)


@pytest.mark.parametrize("viewport", WIDTHS, ids=lambda it: f"{it['width']} px")
def test_no_page_scrolls_sideways(looked, viewport):
    looked.expect_nothing(f"{viewport['width']} px", PAGES_MIN)


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_every_page_can_be_used_by_keyboard(looked, width):
    looked.expect_nothing(f"keyboard, {width}", PAGES_MIN)


@pytest.mark.parametrize("language", LANGUAGES)
def test_D13_every_page_speaks_the_language_of_its_reader(looked, language):
    looked.expect_nothing(language, PAGES_MIN)


@pytest.mark.xdist_group("others")
@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_D13_pages_before_sign_in_are_whole_in_every_language(shop, new_page, language):
    page = new_page(locale=language)
    done = Crawl(page, f"{shop.console.url}/sign-in", look_everywhere(language))
    assert not done.findings(), checks.tell(done.findings())
    assert "/sign-in" in done.pages()


@pytest.mark.xdist_group("others")
@pytest.mark.seconds_max(SECONDS)
@pytest.mark.parametrize("name, role", [("João Ferreira", "member"), ("Ann Bakker", "admin")])
def test_nobody_is_led_to_a_page_that_is_not_for_them(shop, new_page, name, role):
    """No page that a role may see has a link that is answered 403, 404 or 5xx."""
    page = new_page()
    shop.console.sign_in(page.context, Person(shop.people[name]["login"], shop.password))
    done = Crawl(page, f"{shop.console.url}/", look_at_shape(), per_pattern=1)
    assert not done.findings(), checks.tell(done.findings())
    assert len(done.pages()) >= PAGES_MIN, f"only these pages were found: {sorted(done.pages())}"
