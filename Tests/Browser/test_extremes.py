"""The same pages at both ends: on a server with nothing in it yet, and on one whose names, fields and bodies are as bad as texts get."""

import itertools
import json

import pytest

import checks
import naughty
from crawl import Crawl
from inlet_server import Api, basic, call_once, until
from looks import Sides, look_in_themes
from people import NARROW, WIDE, Console
from session_server import bounded, serving

# A bound against hanging, which proves nothing.
SECONDS = 3_000
# So many kinds of pages can be reached at least.
EMPTY_MIN, HOUSE_MIN = 40, 60
NAMES_MAX = 100
# What a header field can carry at all (RFC 9110): no line breaks; bytes above 127 are opaque, so these are left to bodies.
FIELDS = [text for text in naughty.EVERYTHING if text.isascii() and text.isprintable() and text == text.strip()]


def crawl(console, page, keys=True, reads=lambda page: None):
    """Goes to every page once. Axe looks at the wide pages, in both themes; the narrow ones are the same pages, which must fit."""
    console.sign_in(page.context, console.owner())
    sides, themes = Sides(), look_in_themes()

    def look(page):
        reads(page)
        # The narrow page first, for nothing on it is unfolded yet.
        found = checks.findings(page, keys=keys, with_axe=False)
        page.set_viewport_size(NARROW)
        sides.add("narrow", page.url, checks.shape(page, keys=keys) + checks.WATCHES[page].findings(200))
        page.set_viewport_size(WIDE)
        sides.add("wide", page.url, found + themes(page))
        return []

    with bounded(SECONDS):
        done = Crawl(page, f"{console.url}/", look, per_pattern=1)
    sides.add_all("wide", done.findings())
    return sides


@pytest.fixture(scope="module")
def empty(request, new_page_of_all):
    """What is wrong with the pages of a server that has only its owner and what a set-up makes."""
    for server in serving(request, "empty"):
        yield crawl(Console(server), new_page_of_all())


@pytest.mark.xdist_group("empty")
@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_with_nothing_there_yet_every_page_is_whole_in_light_and_dark(empty, width):
    empty.expect_nothing(width, EMPTY_MIN)


class Naughty:
    """Makes one of everything with every text there is, and knows which of them were taken."""

    def __init__(self, console):
        self.console, self.api, self.taken = console, console.api, set()

    def make(self, path, texts, body, method="POST"):
        """Makes something of each text; one that is refused (a name has rules) is refused with 400 and nothing worse."""
        made = []
        for text in texts:
            answer = self.api.request(method, f"/api/v1{path}", body(text))
            assert answer.status in {200, 201, 400}, (path, text, answer.status, answer.body)
            if answer.status != 400:
                made.append(answer.json())
                # As it was taken: without blanks around it, for example.
                self.taken.add(made[-1]["name"])
        assert len(made) > len(texts) // 2, f"only {len(made)} of {len(texts)} texts were taken by {path}"
        return made


def named(text, **more):
    return {"name": text[:NAMES_MAX], "description": text, **more}


@pytest.fixture(scope="module")
def house(request):
    for server in serving(request, "naughty"):
        console = Console(server)
        house = Naughty(console)
        texts = naughty.EVERYTHING
        # A share for each kind of thing, so that every text stands somewhere and no list is longer than a page.
        shares = {kind: texts[number::6] for number, kind in enumerate(
            ["accounts", "webhooks", "flows", "applications", "destinations", "tokens"])}
        house.make("/organization", [naughty.MARKED[0]], lambda text: {"name": text}, "PATCH")
        house.make("/accounts", shares["accounts"], lambda text: {"kind": "service", "name": text, "role": "member"})
        webhooks = house.make("/webhooks", shares["webhooks"], named)
        tokens = house.make("/tokens", shares["tokens"], lambda text: named(text, kind="app", webhook=webhooks[0]["id"]))
        house.make("/tokens", naughty.A_FEW, lambda text: named(text, kind="api"))
        # The first of them is kept for the event, the second has its calls refused and held.
        destinations = house.make("/destinations", shares["destinations"], lambda text: {
            "name": text, "kind": "http", "settings": {"url": "https://example.com/x", "headers": "X-Note: <x-naughty>"}})
        numbers = itertools.cycle(range(len(webhooks)))
        house.make("/flows", shares["flows"], lambda text: named(
            text, webhook=webhooks[next(numbers)]["id"], destinations=[destinations[0]["id"]],
            filter={"path": "$.text", "equals": text}, template={"text": text, "name": "{{event.body.text}}"}))
        deploys = house.make("/credentials", naughty.A_FEW[:4], lambda text: named(text, type="deploy"))
        hits = house.make("/credentials", naughty.A_FEW[4:], lambda text: named(text, type="hits_failure"))
        applications = house.make("/applications", shares["applications"], lambda text: named(text, credential=deploys[0]["id"]))
        port = server.ingest_port
        for text in naughty.A_FEW:
            answer = Api(port, applications[0]["secret"]).request("POST", "/deploys", {
                "version": text[:60], "environment": text[:60], "status": "succeeded"})
            assert answer.status in {200, 201, 202, 204, 400}, answer.body
        activation = call_once(port, "POST", "/activations", None, {"Authorization": f"Bearer {hits[0]['secret']}"}).json()
        answer = Api(port, activation["activation_token"]).request(
            "POST", "/hits", [{"resource": text, "hits": 9, "failures": 1} for text in naughty.A_FEW[:3]])
        assert answer.status < 500, answer.body
        call(house, port, webhooks[0]["id"], tokens)
        yield house


def call(house, port, webhook, tokens):
    """Every text in a body, each that can be in a header field as one, and calls that are refused and held."""
    path = f"/in/{webhook}"
    whole = {f"x-naughty-{number}": text for number, text in enumerate(FIELDS[:40])}
    body = json.dumps({"text": naughty.EVERYTHING, **{text: text for text in naughty.A_FEW}}, ensure_ascii=False).encode()
    answer = call_once(port, "POST", path, body, {
        **whole, "Authorization": f"Bearer {tokens[0]['secret']}", "Content-Type": "application/json",
        "User-Agent": naughty.HTML[0], "Inlet-Context": json.dumps({"a": naughty.HTML[2]})})
    assert answer.status == 202, answer.body
    for text in naughty.HTML:
        answer = call_once(port, "POST", path, text.encode(), {
            "Authorization": f"Bearer {tokens[0]['secret']}", "Content-Type": text, "Inlet-Context": text})
        assert answer.status in {202, 400, 415}, answer.body
        assert call_once(port, "POST", path, b"x", {"Authorization": basic(text, "x")}).status == 401
    house.api.expect([200], "POST", f"/api/v1/tokens/{tokens[1]['id']}/deactivate")
    assert call_once(port, "POST", path, b"<plaintext>", {"Authorization": f"Bearer {tokens[1]['secret']}"}).status == 401
    assert until(lambda: house.api.expect([200], "GET", "/api/v1/held").json()["items"])


@pytest.fixture(scope="module")
def shown(house, new_page_of_all):
    """What is wrong with the pages of that house, and what could be read on them."""
    texts = []

    def reads(page):
        naughty.expect_no_harm(page)
        texts.extend(" ".join(text.split()) for text in page.evaluate(naughty.READABLE))

    shown = crawl(house.console, new_page_of_all(), keys=False, reads=reads)
    shown.texts = texts
    return shown


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_whatever_a_name_a_field_or_a_body_says_is_shown_as_text_and_fits(house, shown, width):
    shown.expect_nothing(width, HOUSE_MIN)
    missing = [text for text in house.taken if not any(" ".join(text.split()) in one for one in shown.texts)]
    assert not missing, f"nowhere shown to the letter: {missing}"
    assert len(house.taken) > len(naughty.EVERYTHING) * 0.7, f"most texts were refused: {house.taken}"
