"""Finds every page of the console by following its links, so that no page is forgotten by the tests."""

import re
from collections import deque
from urllib.parse import parse_qsl, urlsplit

import checks

PAGES_MAX = 400
PER_PATTERN = 2
# Query parameters by which a page looks another way; all others only choose what stands on it.
SHAPING = {"view", "tab", "kind", "type"}
ID = re.compile(r"^[a-z]{2,4}_[0-9A-Za-z]{6,}$")

LINKS = """
() => [...document.querySelectorAll('a[href], area[href]')].filter(link => !link.hasAttribute('download')).map(link => link.href)
"""
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
# Colours that are still on their way are nobody's fault.
STILL = "() => Promise.all(document.getAnimations().map(one => one.finished.catch(() => null)))"
OPEN = """
selector => {
  const part = document.querySelector(selector);
  if (part.tagName === 'DETAILS') part.open = true; else if (part.showModal) part.showModal(); else part.showPopover();
}
"""
CLOSE = """
selector => {
  const part = document.querySelector(selector);
  if (part.tagName === 'DETAILS') part.open = false; else if (part.close) part.close(); else part.hidePopover();
}
"""


def pattern(url):
    """The address with its ids replaced, so that pages of the same kind count as one."""
    address = urlsplit(url)
    path = "/".join("*" if ID.match(step) or step.isdecimal() else step for step in address.path.split("/"))
    query = "&".join(
        f"{name}={value if name in SHAPING and re.fullmatch('[a-z_-]{1,24}', value) else '*'}"
        for name, value in sorted(parse_qsl(address.query, keep_blank_values=True)))
    return path + (f"?{query}" if query else "")


class Visit:
    """One page, as it was found."""

    def __init__(self, url, status, kind, findings, links):
        self.url = url
        self.status = status
        self.kind = kind
        self.findings = findings
        self.links = links


class Crawl:
    """Goes to every page that can be reached from `start` by links, and looks at each; `visits` has them by pattern.

    Of pages that differ in ids alone it visits `per_pattern`. It follows links only: it presses nothing and sends nothing.
    """

    def __init__(self, page, start, look=None, per_pattern=PER_PATTERN, pages_max=PAGES_MAX):
        self.page = page
        self.origin = "{0.scheme}://{0.netloc}".format(urlsplit(start))
        self.look = look or (lambda page: [])
        self.visits = {}
        self.come_from = {start: "the start"}
        waiting, count = deque([start]), 0
        while waiting:
            url = waiting.popleft()
            of_kind = self.visits.setdefault(pattern(url), [])
            if len(of_kind) >= per_pattern:
                continue
            count += 1
            assert count <= pages_max, f"more than {pages_max} pages: {sorted(self.visits)}"
            visit = self.visit(url)
            of_kind.append(visit)
            for link in visit.links:
                if link not in self.come_from:
                    self.come_from[link] = url
                    waiting.append(link)

    def visit(self, url):
        # Files to save are not opened in the browser, which would begin to save them.
        head = self.page.context.request.get(url, max_redirects=0)
        kind = head.headers.get("content-type", "")
        is_file = "attachment" in head.headers.get("content-disposition", "")
        if head.status < 300 and (is_file or not kind.startswith("text/html")):
            return Visit(url, head.status, kind, [], [])
        self.page.goto(url)
        status = checks.WATCHES[self.page].document.status
        if status < 300:
            found = self.look(self.page)
        else:
            found = [f"answered {status}, linked from {self.come_from[url]}"]
            checks.WATCHES[self.page].forget()
        links = [link.partition("#")[0] for link in self.page.evaluate(LINKS)]
        # Which language a page speaks is not another page.
        links = [link for link in links if "lang" not in dict(parse_qsl(urlsplit(link).query))]
        foreign = [link for link in links if not link.startswith(self.origin + "/") and link.startswith(("http:", "https:"))]
        found += [f"a link out of the house: {link}" for link in foreign if "noreferrer" not in self.rel(link)]
        return Visit(url, status, kind, found, [link for link in links if link.startswith(self.origin + "/")])

    def rel(self, link):
        return self.page.evaluate("link => [...document.links].find(it => it.href.split('#')[0] === link)?.rel || ''", link)

    def pages(self):
        """The kinds of pages that were HTML."""
        return {pattern for pattern, visits in self.visits.items() if any(visit.kind.startswith("text/html") for visit in visits)}

    def findings(self):
        """Address to findings, of all pages that have some; what many pages share stands at the first of them alone."""
        told, found = set(), {}
        for visits in self.visits.values():
            for visit in visits:
                new = [finding for finding in visit.findings if finding not in told]
                told.update(new)
                if new:
                    found[visit.url] = new
        return found


def look_everywhere(language="en", keys=True):
    """A look at a page in light and dark, and at each of its dialogs in both; what stands around all pages is opened at the first."""
    frames = []

    def look(page):
        # Axe looks once all is unfolded, which shows what is folded as well.
        found = checks.findings(page, language, keys=keys, with_axe=False)
        parts = [part["selector"] for part in page.evaluate(CLOSED) if not part["isOfFrame"] or not frames]
        frames.append(page.url)
        for theme in ["light", "dark"]:
            page.emulate_media(color_scheme=theme)
            page.evaluate(STILL)
            found += [f"{theme}: {text}" for text in checks.axe(page, ["color-contrast"] if theme == "dark" else None)]
            for part in parts:
                page.evaluate(OPEN, part)
                page.evaluate(STILL)
                found += [f"{theme}, open {part}: {text}" for text in checks.axe(page, within=part)]
                page.evaluate(CLOSE, part)
        page.emulate_media(color_scheme="light")
        return found + checks.WATCHES[page].findings(200)

    return look


def look_at_shape(language="en", keys=True):
    """A look without axe, for contexts without JavaScript and for other widths."""
    return lambda page: checks.findings(page, language, keys=keys, with_axe=False)
