"""Texts that break what shows them carelessly: for names, descriptions, header fields and bodies."""

# Whatever of it runs calls this; whatever becomes an element is one of these.
CALL = "naughty()"

HTML = [
    f"<script>{CALL}</script>",
    f"</script><script>{CALL}</script>",
    f"<img src=x onerror={CALL}>",
    f"<svg/onload={CALL}>",
    f"\"><x-naughty onmouseover={CALL}>",
    f"' autofocus onfocus={CALL} x='",
    f"</textarea><script>{CALL}</script>",
    "</title><x-naughty>",
    "</style><x-naughty>",
    "--><x-naughty><!--",
    "]]><x-naughty>",
    "<x-naughty>bold</x-naughty>",
    "&lt;x&gt; &amp; &#60;x-naughty&#62;",
    "&quot;&apos;&nbsp;&",
    "<plaintext>",
    "<!-- no end",
    "<a href='javascript:naughty()'>x</a>",
]
# A mark on a quote makes one character of both to whoever counts characters as people do.
MARKED = [
    f"x\"\u0301 autofocus onfocus={CALL} x=",
    f"x'\u0301 autofocus onfocus={CALL} <\u0301x-naughty>",
]
ADDRESSES = [
    f"javascript:{CALL}",
    f"JaVaScRiPt:{CALL}//https://example.com",
    f"data:text/html,<script>{CALL}</script>",
    "//example.com/elsewhere",
    "https://example.com/\u202egpj.exe",
]
TEMPLATES = [
    "{{name}}", "{{{name}}}", "{{&name}}", "{{>layout}}", "{{#list}}x{{/list}}", "{{^none}}x{{/none}}", "{{!comment}}",
    "{{=<% %>=}}", "{{SECRET}}", "{{event.body.id}}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "%s %d %n",
    "\\(name)", "t.webhooks.title",
]
UNICODE = [
    "\u202eright to left\u202c", "\u2067isolate\u2069", "zero\u200bwidth\u200d\u2060joined\ufeff",
    "\u0627\u0644\u0637\u0644\u0628", "注文フック", "👩‍👩‍👧‍👦 🇳🇱 🏳️‍🌈 👍🏽", "Z\u0351\u036b\u0343a\u0354\u0355l\u0310go\u0308 \u0301",
    "e\u0301 is not \u00e9", "İıŞş ß ǆ", "\ufffd", "＜script＞",
]
QUERIES = [
    "'; DROP TABLE webhooks; --", "\" OR 1=1 --", "%' OR '1'='1", "a_%b\\", "NULL", "None", "undefined", "true", "0",
    "-1", "1e309",
]
LONG = ["n" * 100, "W" * 100, "ȩ" * 100, "a-b_c." * 16]
OTHER = [
    "'", '"', "`", "\\", "/", "../../etc/passwd", "a/b", "a?b=c&d#e", "%2e%2e%2f", "CON", "=1+1", "@SUM(1)", "two  blanks", ".",
]

EVERYTHING = HTML + MARKED + ADDRESSES + TEMPLATES + UNICODE + QUERIES + LONG + OTHER
# For tests in which each string costs a page.
A_FEW = [MARKED[0], HTML[1], HTML[4], HTML[6], ADDRESSES[0], TEMPLATES[0], TEMPLATES[3], UNICODE[0], UNICODE[5], LONG[0], QUERIES[0]]

HARM = """
() => {
  const found = [];
  for (const element of document.querySelectorAll('x-naughty, plaintext, [onerror], [onload], [onfocus], [onmouseover]'))
    found.push(element.outerHTML.slice(0, 200));
  for (const script of document.scripts) if (script.textContent.includes('naughty()')) found.push(script.outerHTML.slice(0, 200));
  for (const link of document.querySelectorAll('[href], [action], [formaction], [src]'))
    for (const name of ['href', 'action', 'formaction', 'src'])
      if (/^\\s*(javascript|data:text)/i.test(link.getAttribute(name) || '')) found.push(link.outerHTML.slice(0, 200));
  return found;
}
"""

# What a person can read: text, the contents of fields, and hints.
READABLE = """
() => [
  document.body.textContent,
  ...[...document.querySelectorAll('input, textarea')].map(field => field.value),
  ...[...document.querySelectorAll('[title], [aria-label], [placeholder]')].flatMap(
    element => [element.title || '', element.ariaLabel || '', element.getAttribute('placeholder') || '']),
]
"""


def expect_no_harm(page):
    """Nothing of these texts became an element, a script or an address that is followed."""
    harm = page.evaluate(HARM)
    assert not harm, f"a text became more than text at {page.url}: {harm}"


def expect_text_only(page, string):
    """The page shows the string to the letter, and it did nothing else."""
    expect_no_harm(page)
    folded = " ".join(string.split())
    shown = [" ".join(text.split()) for text in page.evaluate(READABLE)]
    assert any(folded in text for text in shown), f"{string!r} is not shown at {page.url}"
