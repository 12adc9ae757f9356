"""Looks at the page that is open: its shape, light and dark with all that opens on it, in every width, by keyboard, in other languages.

A look takes a page and gives what is wrong with it as sentences.
"""

import re

import checks
from crawl import links_of, pattern
from keyboard import keyboard_findings
from people import NARROW, WIDE

WIDTHS = [{"width": 360, "height": 740}, NARROW, {"width": 768, "height": 1024}, {"width": 1920, "height": 1080}]

# Opens what unfolds, and names what is closed as long as nobody presses anything: dialogs, menus, and what unfolds one at a time.
CLOSED = """
() => {
  for (const details of document.querySelectorAll('details:not([name])')) details.open = true;
  const isHidden = part => !part.checkVisibility();
  const parts = [...document.querySelectorAll('dialog, [popover], details[name]')];
  return parts.filter(part => part.tagName === 'DETAILS' || isHidden(part)).map((part, number) => {
    part.dataset.crawl = number;
    return {selector: `[data-crawl="${number}"]`, isOfFrame: !part.closest('main')};
  });
}
"""
# Axe over the page as it stands, and over each of the parts while it is open. Colours that are still on their way are nobody's fault.
LOOK_AND_OPEN = f"""
async ([parts, chosen, all]) => {{
  const run = {checks.RUN_AXE};
  const still = () => Promise.all(document.getAnimations().map(one => one.finished.catch(() => null)));
  const open = part => {{
    if (part.tagName === 'DETAILS') part.open = true; else if (part.showModal) part.showModal(); else part.showPopover();
  }};
  const close = part => {{
    if (part.tagName === 'DETAILS') part.open = false; else if (part.close) part.close(); else part.hidePopover();
  }};
  await still();
  const found = await run(document, chosen);
  for (const selector of parts) {{
    const part = document.querySelector(selector);
    open(part);
    await still();
    found.push(...(await run(selector, all)).map(text => `open ${{selector}}: ${{text}}`));
    close(part);
  }}
  return found;
}}
"""

# The words of ours on a page: what stands on buttons, labels and headings of tables.
WORDS = """
() => [...document.querySelectorAll('button, label, legend, th, dt, summary')].map(part => {
  const own = part.cloneNode(true);
  for (const theirs of own.querySelectorAll('[translate=no], code, pre, bdi, option')) theirs.remove();
  return part.closest('[translate=no], code, pre, bdi') ? '' : own.textContent.trim().replace(/\\s+/g, ' ');
})
"""


def look_at_shape(language="en", keys=True):
    """A look without axe: for contexts without JavaScript, and where axe has nothing to add."""
    return lambda page: checks.findings(page, language, keys=keys, with_axe=False)


def look_in_themes():
    """A look in light and dark, and at each of its dialogs in both; what stands around all pages is opened at the first."""
    frames = []

    def look(page):
        parts = [part["selector"] for part in page.evaluate(CLOSED) if not part["isOfFrame"] or not frames]
        frames.append(page.url)
        checks.ready_axe(page)
        found = []
        for theme, rules in [("light", None), ("dark", ["color-contrast"])]:
            page.emulate_media(color_scheme=theme)
            said = page.evaluate(LOOK_AND_OPEN, [parts, checks.chosen(rules), checks.chosen()])
            found += [f"{theme}{', ' if text.startswith('open ') else ': '}{text}" for text in said]
        page.emulate_media(color_scheme="light")
        return found + checks.WATCHES[page].findings(200)

    return look


def look_everywhere(language="en", keys=True):
    """The shape, and then both themes: axe looks once all is unfolded, which shows what is folded as well."""
    return look_and(look_at_shape(language, keys), look_in_themes())


def look_and(*looks):
    return lambda page: [finding for look in looks for finding in look(page)]


def read(page):
    """What a person reads there, and the words of it that are ours."""
    return page.locator("body").inner_text(), set(page.evaluate(WORDS))


def left_in_english(language, theirs, ours, of_people):
    """What of a page in another language is as in English, though it should not be: both as `read` gave them."""
    if theirs[0] == ours[0]:
        yield "is the same as in English"
    # One word may be the same in both; a phrase is not, unless a person wrote it.
    phrases = {words for words in theirs[1] & ours[1] if re.search(r"[a-z]{3,} [a-z]{2,}", words)}
    if left := sorted(phrases - of_people):
        yield f"words that are English in {language} as well: {left}"


class Sides:
    """What was found on the pages of a console, by side (a width, a language, the keyboard …) and address."""

    def __init__(self):
        self.found, self.kinds = {}, {}

    def add(self, side, url, findings):
        self.kinds.setdefault(side, set()).add(pattern(url))
        self.found.setdefault(side, {}).setdefault(url, []).extend(findings)

    def add_all(self, side, found):
        for url, findings in found.items():
            self.add(side, url, findings)

    def expect_nothing(self, side, kinds_min):
        """Raises with all that was found on that side; what many pages share stands at the first of them alone."""
        told, found = set(), {}
        for url, findings in self.found.get(side, {}).items():
            if new := [finding for finding in findings if finding not in told]:
                found[url] = new
            told.update(findings)
        assert not found, checks.tell(found)
        kinds = self.kinds.get(side, set())
        assert len(kinds) >= kinds_min, f"only these pages were looked at: {sorted(kinds)}"


class Reader:
    """Somebody who reads in another language, with an account and sessions of its own."""

    def __init__(self, page, language):
        self.page = page
        self.language = language
        self.links = {}

    def visit(self, url, ours, words):
        """What is wrong with that page in this language. What belongs to another person is looked at where this one has the like."""
        like = self.links.get(pattern(url), {url})
        self.page.goto(url if url in like else min(like))
        found = checks.findings(self.page, self.language, with_axe=False)
        for link in links_of(self.page):
            self.links.setdefault(pattern(link), set()).add(link)
        return [*found, *left_in_english(self.language, read(self.page), ours, words)]


class Round:
    """One visit from all sides: of a page that is open wide, in English and light, and of the same address as others are shown it.

    Of pages that differ in ids alone all see the first; the others are not looked at for widths, keys and words.
    """

    def __init__(self, readers, without_scripts, words):
        self.readers = readers
        self.without_scripts = without_scripts
        self.words = words
        self.sides = Sides()
        self.themes = look_in_themes()
        self.kinds = set()

    def __call__(self, page):
        url, is_first = page.url, pattern(page.url) not in self.kinds
        self.kinds.add(pattern(url))
        # While nothing was opened or walked through yet.
        found = checks.findings(page, with_axe=False)
        links = {pattern(link) for link in links_of(page)}
        if is_first:
            ours = read(page)
            self.by_keyboard(page, "wide")
            self.in_widths(page)
            for reader in self.readers:
                self.sides.add(reader.language, url, reader.visit(url, ours, self.words))
        self.without(url, links)
        self.sides.add("themes", url, found + self.themes(page))
        return []

    def by_keyboard(self, page, width):
        self.sides.add(f"keyboard, {width}", page.url, keyboard_findings(page))

    def in_widths(self, page):
        for viewport in WIDTHS:
            page.set_viewport_size(viewport)
            self.sides.add(f"{viewport['width']} px", page.url, checks.shape(page) + checks.WATCHES[page].findings(200))
            if viewport is NARROW:
                self.by_keyboard(page, "narrow")
        page.set_viewport_size(WIDE)

    def without(self, url, links):
        page = self.without_scripts
        page.goto(url)
        found = checks.findings(page, with_axe=False)
        alone = links ^ {pattern(link) for link in links_of(page)}
        self.sides.add("without JavaScript", url, [*found, *(f"a link that is there with or without scripts alone: {it}" for it in sorted(alone))])
