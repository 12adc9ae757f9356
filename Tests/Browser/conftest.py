"""A server, a browser, and for each test a profile of its own that is watched from the first request on."""

import contextlib
import functools
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

sys.path.insert(0, str(Path(__file__).parents[1] / "Clients"))

import checks  # noqa: E402
import chromium  # noqa: E402
import fill  # noqa: E402
from people import WIDE, Console  # noqa: E402
from session_server import bounded_in_time, serving  # noqa: E402, F401, bounded_in_time is a fixture

expect.set_options(timeout=chromium.STEP_MILLISECONDS)


def followed(click):
    """A click that leads to another page is over when that page is there, however busy the machine: what is asked next is asked of it."""

    @functools.wraps(click)
    def click_and_follow(locator, **options):
        click(locator, **options)
        locator.page.wait_for_load_state()

    return click_and_follow


Locator.click = followed(Locator.click)

# A destination of a test listens on the loopback.
EGRESS = ["--egress-allow", "127.0.0.0/8"]


def pytest_configure(config):
    config.addinivalue_line("markers", "profile(**options): the browser of a test: javascript, theme, locale, viewport")
    config.addinivalue_line("markers", "seconds_max(seconds): how long a test may take, if not the usual two minutes")


# Two workers share the files; the longest go first, so that both come to their end at about the same time.
LONGEST = ["test_crawl.py", "test_extremes.py"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests of one file share what they set up, so they stay with one worker, unless the file itself says what belongs together."""
    longest = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: longest.get(item.path.name, len(longest)))
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def server(request):
    yield from serving(request, "browser", EGRESS)


@pytest.fixture(scope="session")
def console(server):
    """The console of a server that has nothing in it but what the tests of this session made."""
    return Console(server)


@pytest.fixture(scope="session")
def api(console):
    return console.api


@pytest.fixture(scope="session")
def shop(request):
    """A server of its own with a month in the life of a shop: `shop.console`, and what is in it in `shop.found`."""
    for server in serving(request, "shop", EGRESS):
        with fill.receiver() as receiver:
            filled = fill.fill(f"http://127.0.0.1:{server.admin_port}", f"http://127.0.0.1:{server.ingest_port}",
                               server.info["management_token"], receiver)
            filled.console = Console(server)
            yield filled


@pytest.fixture(scope="session")
def browser():
    with chromium.running() as browser:
        yield browser


@contextlib.contextmanager
def profiles(browser):
    """Makes pages, each in a profile of its own: `new_page(javascript=False, theme="dark", locale="nl", viewport=NARROW)`."""
    contexts, watches = [], []

    def make(javascript=True, theme="light", locale="en", viewport=WIDE):
        context = browser.new_context(
            java_script_enabled=javascript, color_scheme=theme, locale=locale, viewport=viewport, reduced_motion="reduce")
        context.set_default_timeout(chromium.STEP_MILLISECONDS)
        contexts.append(context)
        page = context.new_page()
        watches.append(checks.watch(page, javascript))
        return page

    yield make
    for context in contexts:
        context.close()
    serious = [finding for watch in watches for finding in watch.serious()]
    assert not serious, "what the test left behind:\n" + "\n".join(serious)


@pytest.fixture
def new_page(browser):
    with profiles(browser) as make:
        yield make


@pytest.fixture(scope="module")
def new_page_of_all(browser):
    """Makes pages for what all tests of a file share."""
    with profiles(browser) as make:
        yield make


@pytest.fixture
def page(new_page, request):
    """A page of somebody who is not signed in. `@pytest.mark.profile(theme="dark")` changes the browser."""
    marker = request.node.get_closest_marker("profile")
    return new_page(**marker.kwargs if marker else {})


@pytest.fixture
def signed_in(page, console):
    """A page of the owner, signed in, not yet at any address; `signed_in.session` has the `csrf_token`."""
    page.session = console.sign_in(page.context, console.owner())
    return page


@pytest.fixture(scope="session", autouse=True)
def valid_html():
    """Whatever part of the tests is run, the HTML of the pages it looked at is validated."""
    yield
    if set(checks.COLLECTED.pages) - checks.COLLECTED.validated:
        checks.validate_all()
