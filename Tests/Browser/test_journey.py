"""One full journey in each language, by the words of its catalogue: from the one-time link to a call that was refused, mended and released."""

import json
import subprocess
from pathlib import Path

import pytest

from checks import check_page
from inlet_server import own_server, until
from people import Console

WORDS = Path(__file__).parents[2] / "Sources/ConsoleFiles/Words"
PASSWORD = "seven brown owls at noon"


class Reader:
    """Finds things by what a person of that language reads."""

    def __init__(self, page, console, language):
        self.page = page
        self.console = console
        self.language = language
        self.words = json.loads((WORDS / f"{language}.json").read_text())

    def word(self, key, **values):
        text = self.words[key]
        if isinstance(text, dict):
            text = text["one" if values.get("n") == 1 else "other"]
        for name, value in values.items():
            text = text.replace("{" + name + "}", str(value))
        return text

    def check(self):
        check_page(self.page, language=self.language)

    def goto(self, path):
        self.page.goto(self.console.url + path)

    def fill(self, key, value):
        self.page.get_by_label(self.word(key), exact=False).first.fill(value)

    def press(self, key, **values):
        self.page.get_by_role("button", name=self.word(key, **values), exact=True).first.click()

    def follow(self, key):
        self.page.get_by_role("main").get_by_role("link", name=self.word(key), exact=True).first.click()

    def read(self, key, **values):
        self.page.get_by_text(self.word(key, **values)).first.wait_for()


@pytest.fixture
def console_of_its_own():
    with own_server() as server:
        server.start()
        yield Console(server)
        server.stop()


@pytest.mark.seconds_max(900)
@pytest.mark.parametrize("language", ["en", "nl", "pt-BR"])
def test_D13_a_newcomer_gets_from_the_link_to_a_released_call_in_one_language(new_page, console_of_its_own, language):
    console = console_of_its_own
    reader = Reader(new_page(locale=language), console, language)
    page = reader.page

    set_up(reader)
    webhook, curl = install(reader)
    assert json.loads(run(curl))["id"].startswith("evt_")
    switch_off(reader, webhook)
    assert json.loads(run(curl))["status"] == 401
    mend(reader)
    assert json.loads(run(curl))["id"].startswith("evt_")

    reader.goto("/events")
    assert page.locator("tbody tr[id]").count() == 4
    reader.check()
    reader.goto("/me")
    reader.check()
    page.context.clear_cookies()
    reader.goto("/webhooks")
    page.get_by_role("heading", name=reader.word("sign_in.title")).wait_for()
    reader.check()


def set_up(reader):
    """D13: the link opens in the language that the browser asks for, and it is the organization's from then on."""
    server = reader.console.server
    reader.goto(f"/set-up#{server.info['set_up_code']}")
    reader.check()
    reader.fill("set_up.name", "Robin")
    reader.fill("set_up.login", "robin@example.com")
    reader.fill("set_up.password", PASSWORD)
    reader.fill("set_up.organization", "Oak & Linen")
    reader.page.get_by_label(reader.word("set_up.language")).first.select_option(reader.language)
    reader.press("set_up.button")
    reader.page.wait_for_url(lambda url: "/set-up" not in url)
    reader.check()


def install(reader):
    """D1: the five steps; returns the webhook's page and the line that calls it."""
    page = reader.page
    reader.goto("/webhooks/install")
    reader.fill("install.name", "Pedidos & Bestellingen")
    reader.press("install.next")
    reader.check()
    reader.press("install.make")
    reader.check()
    curl = page.locator(".code", has_text=reader.word("install.curl")).locator("pre").first.inner_text()
    page.get_by_label(reader.word("token.saved")).check()
    reader.press("install.next")
    reader.press("install.send")
    reader.read("install.answer_good", status=202)
    reader.check()
    reader.follow("install.next")
    reader.read("install.done")
    reader.check()
    reader.follow("install.to_webhook")
    reader.check()
    return page.url, curl


def switch_off(reader, webhook):
    """P5 and N5: the token's page asks first and shows what was called with it."""
    page = reader.page
    page.goto(webhook)
    page.locator("main a[href^='/tokens/tok_']").first.click()
    reader.check()
    reader.follow("token.deactivate")
    reader.read("impact.title")
    reader.check()
    reader.press("token.deactivate_button")
    reader.read("done.token_deactivated")


def mend(reader):
    """N2 and N3: the refused call says why, its button mends that, and the call that was held becomes an event."""
    page = reader.page

    def is_listed():
        # Refused calls are written a moment later.
        reader.goto("/calls?cause=token_inactive")
        return page.locator("tbody tr th a").count()

    assert until(is_listed), "the refused call is not listed"
    reader.check()
    page.locator("tbody tr th a").first.click()
    reader.check()
    reader.press("call.activate_token")
    reader.press("held.release")
    reader.read("held.released", n=1)
    reader.check()


def run(line):
    """What a line prints that somebody pastes into a terminal."""
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout
