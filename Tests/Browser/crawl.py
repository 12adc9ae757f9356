"""Finds every page of the console by following its links, so that no page is forgotten by the tests."""

import re
from collections import deque
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Error

import checks

PAGES_MAX = 400
PER_PATTERN = 2
# Query parameters by which a page looks another way; all others only choose what stands on it.
SHAPING = {"view", "tab", "kind", "type"}
ID = re.compile(r"^[a-z]{2,4}_[0-9A-Za-z]{6,}$")

LINKS = """
() => [...document.querySelectorAll('a[href], area[href]')].filter(link => !link.hasAttribute('download')).map(link => link.href)
"""


def links_of(page):
    """The addresses that a page leads to, without what says where on a page; files that are to be saved by their link do not count."""
    links = [link.partition("#")[0] for link in page.evaluate(LINKS)]
    # Which language a page speaks is not another page.
    return [link for link in links if "lang" not in dict(parse_qsl(urlsplit(link).query))]


def pattern(url):
    """The address with its ids replaced, so that pages of the same kind count as one."""
    address = urlsplit(url)
    path = "/".join("*" if ID.match(step) or step.isdecimal() else step for step in address.path.split("/"))
    query = "&".join(
        f"{name}={value if name in SHAPING and re.fullmatch('[a-z_-]{1,24}', value) else '*'}"
        for name, value in sorted(parse_qsl(address.query, keep_blank_values=True)))
    return path + (f"?{query}" if query else "")


def opens(page, url):
    """Goes there; False if what is there is no page but a file, which the browser begins to save, and stays where it was."""
    try:
        page.goto(url)
    except Error as error:
        if "Download is starting" not in error.message:
            raise
        return False
    return True


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
        seen = checks.WATCHES[self.page]
        is_page = opens(self.page, url)
        status, kind = seen.document.status, seen.document.headers.get("content-type", "")
        if status < 300 and (not is_page or not kind.startswith("text/html")):
            seen.forget()
            return Visit(url, status, kind if is_page else "a file", [], [])
        if status < 300:
            found = self.look(self.page)
        else:
            found = [f"answered {status}, linked from {self.come_from[url]}"]
            seen.forget()
        links = links_of(self.page)
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
