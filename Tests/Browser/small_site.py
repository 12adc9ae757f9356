"""A small server of our own, whose pages are good but for what a test puts into them."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from inlet_server import LOOPBACK

# How soon the server looks whether it is to end.
CLOSING_SECONDS = 0.01
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' http:; connect-src 'self'; form-action 'self'"
PROOF = '<input type="hidden" name="csrf" value="0123456789abcdef0123">'
GOOD = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Webhooks</title>
<link rel="icon" href="/icon.svg"><link rel="stylesheet" href="/style.css"><script type="module" src="/module.js"></script></head>
<body><main><h1>Webhooks</h1><p>There are none yet.</p><!--here-->
<form method="post" action="/">{PROOF}<label>Name <input name="name"></label> <button>Make</button></form></main></body></html>
"""
FILES = {
    "/icon.svg": ("image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"></svg>'),
    "/style.css": ("text/css", ".pale { color: #999; background: #fff } .wide { width: 3000px } "
                   ".unmarked { outline: none } .away { position: absolute; left: -900px } "
                   "@media (prefers-color-scheme: dark) {"
                   " html { background: #000; color: #fff } .dim { color: #333; background: #000 } }"),
    "/module.js": ("text/javascript", "document.body.dataset.ran = 'yes';"),
    "/fetching.js": ("text/javascript", "fetch('/missing');"),
    "/throwing.js": ("text/javascript", "throw new Error('oh');"),
    "/warning.js": ("text/javascript", "console.warn('take care');"),
    "/trapping.js": ("text/javascript", "const trap = document.getElementById('trap');"
                     "trap.addEventListener('keydown', event => { if (event.key === 'Tab') event.preventDefault(); });"),
    "/file": ("text/csv", "a,b"),
    "/calling.js": ("text/javascript", "alert('hello');"),
}


def good_with(more):
    """The good page with something more in it."""
    return GOOD.replace("<!--here-->", more)


class Site:
    """Serves what `html` is at the moment, with the header fields of a strict console."""

    def __init__(self):
        self.html, self.status, self.kind = GOOD, 200, "text/html; charset=utf-8"
        self.more = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/page":
                    self.answer(site.status, site.kind, site.html)
                elif self.path in site.more:
                    self.answer(200, "text/html; charset=utf-8", site.more[self.path])
                elif self.path in FILES:
                    self.answer(200, *FILES[self.path])
                else:
                    self.answer(404, "text/plain", "not here")

            def answer(self, status, kind, text):
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": len(text.encode()),
                                    "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.origin = f"http://{LOOPBACK}:{self.server.server_port}"
        self.url = f"{self.origin}/page"
        threading.Thread(target=self.server.serve_forever, args=[CLOSING_SECONDS], daemon=True).start()

    def with_body(self, more):
        self.html = good_with(more)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
