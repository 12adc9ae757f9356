"""The checks find what they are there to find: pages of a small server of our own, each good but for one thing."""

import ast
import contextlib
import html
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import checks
import chromium
import naughty
from inlet_server import until
from small_site import GOOD, Site

@pytest.fixture
def site(monkeypatch):
    # What is wrong on purpose is not to be validated with the pages of the console.
    monkeypatch.setattr(checks, "keep", lambda url, html: None)
    with contextlib.closing(Site()) as site:
        yield site


def found_on(page, site, words=""):
    """What is found on the page, until the words are among it: what a script fetches fails a little later."""
    page.goto(site.url)
    found = "\n".join(checks.findings(page))

    def look_again():
        nonlocal found
        # What the browser has to tell comes along with an answer of it.
        page.title()
        found += "\n".join(checks.WATCHES[page].findings(200))
        return words in found

    if words not in found:
        until(look_again)
    return found


def test_a_good_page_passes_and_its_scripts_ran(page, site):
    page.goto(site.url)
    checks.check_page(page)
    assert page.locator("body").get_attribute("data-ran") == "yes"


@pytest.mark.profile(javascript=False)
def test_a_good_page_passes_without_JavaScript(page, site):
    page.goto(site.url)
    checks.check_page(page)
    assert page.locator("body").get_attribute("data-ran") is None


@pytest.mark.parametrize("more, words", [
    ('<p class="pale">too pale to read</p>', "axe color-contrast"),
    ('<img src="/icon.svg">', "axe image-alt"),
    ("<h4>Too deep</h4>", "axe heading-order"),
    ('<input name="loose">', "a field without a label"),
    ('<input name="loose">', "axe label"),
    ("<h1>Another</h1>", "2 h1 instead of one"),
    ("<h2></h2>", "without words: <h2>"),
    ('<form method="post" action="/x"><button>Go</button></form>', "without proof against forgery"),
    ('<div class="wide">wide</div>', "scrolls sideways at 1280 px"),
    ("<script>document.title = 'mine'</script>", "against the content security policy: script-src-elem"),
    ('<p style="margin: 0">styled</p>', "against the content security policy: style-src-attr"),
    ('<p onclick="x()">pressed</p>', "against the content security policy: script-src-attr"),
    ('<img alt="elsewhere" src="http://192.0.2.1/x.png">', "a request to a foreign host: http://192.0.2.1/x.png"),
    ('<img alt="elsewhere" src="http://inlet.example/x.png">', "a request to a foreign host: http://inlet.example/x.png"),
    ('<img alt="missing" src="/missing.png">', "a request failed: GET"),
    ('<script type="module" src="/fetching.js"></script>', "/missing: 404"),
    ('<script type="module" src="/throwing.js"></script>', "script error: oh"),
    ('<script type="module" src="/warning.js"></script>', "console warning: take care"),
    ('<script type="module" src="/calling.js"></script>', "a dialog of the browser: alert: hello"),
    ("<p>Hello {{name}}</p>", "a tag of a template is shown: Hello {{name}}"),
    ("<p>Hello {name}</p>", "a place that was not filled in: Hello {name}"),
    ("<p>⟦webhooks.title⟧</p>", "a key without words: ⟦webhooks.title⟧"),
    ('<p title="⟦webhooks.title⟧">x</p>', "a key without words: ⟦webhooks.title⟧"),
    ("<p>webhooks.title</p>", "a key instead of words: webhooks.title"),
])
def test_a_fault_is_found(page, site, more, words):
    site.with_body(more)
    assert words in found_on(page, site, words)


def test_a_form_of_somebody_without_a_session_needs_no_token_of_one(page, site):
    site.with_body('<form method="post" action="/sign-in"><button>Sign in</button></form>')
    page.goto(site.url)
    checks.check_page(page)


@pytest.mark.parametrize("good, bad, words", [
    ("<title>Webhooks</title>", "", "no title"),
    ('lang="en"', 'lang="nl"', 'lang is "nl", not "en"'),
    ('lang="en"', "", 'lang is "", not "en"'),
    ("<h1>Webhooks</h1>", "<h2>Webhooks</h2>", "0 h1 instead of one"),
    ("0123456789abcdef0123", "", "without proof against forgery"),
])
def test_something_that_is_missing_is_found(page, site, good, bad, words):
    assert good in GOOD
    site.html = GOOD.replace(good, bad)
    assert words in found_on(page, site)


@pytest.mark.profile(theme="dark")
def test_what_is_too_pale_in_the_dark_alone_is_found_there(page, site):
    site.with_body('<p class="dim">too dim to read</p>')
    assert "axe color-contrast" in found_on(page, site)


@pytest.mark.profile(javascript=False)
def test_without_JavaScript_faults_are_found_too(page, site):
    site.with_body('<input name="loose"><p style="margin: 0">styled</p><div class="wide">wide</div>')
    found = found_on(page, site)
    for words in ["a field without a label", "against the content security policy", "scrolls sideways"]:
        assert words in found, (words, found)


def test_keys_and_tags_where_values_stand_are_none_of_ours(page, site):
    site.with_body("<p><code>{{event.body.id}}</code> <bdi>orders.jsonl</bdi></p>")
    page.goto(site.url)
    checks.check_page(page)


def test_a_page_that_failed_or_is_none_is_found(page, site):
    site.status = 500
    assert "answered 500, not 200" in found_on(page, site)
    site.status, site.kind = 200, "text/plain"
    assert "not HTML" in found_on(page, site)


def test_a_page_that_shall_be_missing_may_say_so(page, site):
    site.status = 404
    page.goto(site.url)
    checks.check_page(page, status=404)
    assert "answered 404, not 200" in found_on(page, site)


def test_a_page_that_was_never_opened_is_found(page):
    assert checks.findings(page) == ["about:blank was not opened as a page of a server"]


# --- HTML ---


def test_invalid_HTML_is_found_under_its_address():
    collected = checks.Collected()
    collected.keep("http://one/", GOOD)
    collected.keep("http://two/", GOOD.replace("<!--here-->", "<table><p>no</p></table>"))
    collected.keep("http://three/", GOOD.replace("<h1>", '<h1 id="a"><b id="a">x</b>'))
    found = collected.validate()
    assert set(found) == {"http://two/", "http://three/"}, found
    assert "Duplicate ID" in str(found["http://three/"])


def test_attributes_that_are_younger_than_the_validator_are_allowed():
    collected = checks.Collected()
    more = '<button type="button" popovertarget="menu">Menu</button><nav id="menu" popover></nav>'
    collected.keep("http://one/", GOOD.replace("<!--here-->", f'{more}<details name="a"><summary>More</summary></details>'))
    assert collected.validate() == {}


def test_the_same_HTML_is_kept_once_whatever_its_token_is():
    collected = checks.Collected()
    for token in ["0123456789abcdef0123", "another4567890123456"]:
        collected.keep("http://one/", GOOD.replace("0123456789abcdef0123", token))
    assert len(collected.pages) == 1


def test_nothing_collected_is_an_error():
    with pytest.raises(AssertionError, match="no page was kept"):
        checks.Collected().validate()


# --- naughty strings ---


def test_strings_shown_as_text_pass(page, site):
    for string in naughty.EVERYTHING:
        site.with_body(f"<p>{html.escape(string)}</p>")
        page.goto(site.url)
        naughty.expect_text_only(page, string)


def test_strings_shown_unescaped_are_found(page, site):
    for string in [string for string in naughty.HTML if "<" in string]:
        site.with_body(f"<p>{string}</p>")
        page.goto(site.url)
        with pytest.raises(AssertionError):
            naughty.expect_text_only(page, string)
    checks.WATCHES[page].forget()


def test_strings_that_a_template_swallowed_are_found(page, site):
    page.goto(site.url)
    for string in naughty.TEMPLATES:
        with pytest.raises(AssertionError, match="is not shown"):
            naughty.expect_text_only(page, string)


def test_an_address_that_would_run_is_found(page, site):
    site.with_body('<a href="javascript:naughty()">javascript:naughty()</a>')
    page.goto(site.url)
    with pytest.raises(AssertionError, match="more than text"):
        naughty.expect_text_only(page, "javascript:naughty()")


# --- the house ---


def test_no_process_is_left_behind():
    # In a process of its own, for Playwright runs once in each.
    program = "import chromium\nwith chromium.running() as browser: browser.new_page(); print(chromium.descendants())"
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert b"chrom" in done.stdout
    assert not set(ast.literal_eval(done.stdout.decode())) & set(chromium.processes())


def test_a_process_that_is_left_behind_is_found(monkeypatch):
    monkeypatch.setattr(chromium, "END_SECONDS", 0.2)
    before = set(chromium.descendants())
    with subprocess.Popen(["sleep", "30"]) as sleeper:
        assert chromium.left_behind(before) == {sleeper.pid: "sleep"}
        sleeper.kill()
    assert not chromium.left_behind(before)
    # One whose parent is gone is not ours any more.
    orphan = int(subprocess.run(["sh", "-c", "sleep 30 >&- 2>&- & echo $!"], capture_output=True, check=True).stdout)
    try:
        assert chromium.left_behind(before) == {} and chromium.left_behind(before, {orphan}) == {orphan: "sleep"}
    finally:
        os.kill(orphan, signal.SIGKILL)
