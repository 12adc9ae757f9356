"""Pictures of every page, on a fresh server with a month in the life of a shop, wide and narrow, light and dark.

    python Tests/Browser/screenshots.py --out .build/pictures --chosen docs/pictures
"""

import argparse
import contextlib
import math
import random
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "Clients"))

import checks  # noqa: E402
import chromium  # noqa: E402
import fill  # noqa: E402
from crawl import Crawl  # noqa: E402
from inlet_server import ServerError, call_once, own_server  # noqa: E402
from people import NARROW, WIDE, Console  # noqa: E402

EGRESS = ["--egress-allow", "127.0.0.0/8"]
# What stands in the repository: kind of page to name of the picture. The first one found is taken.
CHOSEN = {
    "home": ["/"],
    "webhook": ["/webhooks/*"],
    "events": ["/events", "/webhooks/*/events"],
    "wizard": ["/webhooks/new", "/webhooks/install"],
}


def file_name(pattern):
    return re.sub(r"[^a-z0-9]+", "-", pattern.replace("*", "one").lower()).strip("-") or "home"


def past_hour(server):
    """Calls a webhook through the last hour, by starts of the server at earlier times: the first page draws a chart of it."""
    dice = random.Random(7)
    for minutes in range(58, 1, -1):
        server.move_clock(f"-{minutes}m")
        server.start()
        for number in range(round(60 + 30 * math.sin(minutes / 9)) + dice.randrange(20)):
            secret = server.info["api_token"] if number % 12 else "inlo_unknown"
            call_once(server.ingest_port, "POST", f"/in/{server.info['webhook']}", b'{"hello":"world"}',
                      {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"})
        # Where the clock is moved, some timers do not run; a stop that waits for one of them is a kill then.
        with contextlib.suppress(ServerError):
            server.stop(timeout=3)
    server.move_clock("+0")


@contextlib.contextmanager
def filled_console():
    with own_server() as server:
        past_hour(server)
        server.start(flags=EGRESS)
        with fill.receiver() as receiver:
            fill.fill(f"http://127.0.0.1:{server.admin_port}", f"http://127.0.0.1:{server.ingest_port}",
                      server.info["management_token"], receiver)
            yield Console(server)
        server.stop()


def signed_in(console, browser, viewport, theme, language):
    context = browser.new_context(viewport=viewport, color_scheme=theme, locale=language, reduced_motion="reduce",
                                  device_scale_factor=1 if viewport is WIDE else 2)
    page = context.new_page()
    checks.watch(page)
    console.speak(context, console.sign_in(context, console.owner()), language)
    return page


def addresses(console, browser, language):
    """One address of each kind of page, those before sign-in among them: pattern to address."""
    page = signed_in(console, browser, WIDE, "light", language)
    done = Crawl(page, f"{console.url}/", per_pattern=1)
    page.context.close()
    found = {pattern: done.visits[pattern][0].url for pattern in sorted(done.pages())}
    return {**found, "/sign-in": f"{console.url}/sign-in"}


def take(console, browser, out, chosen, language):
    pages = addresses(console, browser, language)
    kept = {}
    for name, patterns in CHOSEN.items():
        pattern = next((pattern for pattern in patterns if pattern in pages), None)
        if pattern:
            kept[pattern] = name
    count = 0
    for width, viewport in {"wide": WIDE, "narrow": NARROW}.items():
        for theme in ["light", "dark"]:
            page = signed_in(console, browser, viewport, theme, language)
            for pattern, url in pages.items():
                # The page before sign-in comes last in no order of ours: it is opened by somebody else.
                if pattern == "/sign-in":
                    continue
                count += picture(page, url, out / f"{file_name(pattern)}-{width}-{theme}.png")
                if chosen and pattern in kept and (width, theme) in {("wide", "light"), ("wide", "dark"), ("narrow", "light")}:
                    page.screenshot(path=chosen / f"{kept[pattern]}-{width}-{theme}.png")
            page.context.clear_cookies()
            count += picture(page, pages["/sign-in"], out / f"sign-in-{width}-{theme}.png")
            page.context.close()
    missing = set(CHOSEN) - set(kept.values())
    return count, missing


def picture(page, url, path):
    page.goto(url)
    page.screenshot(path=path, full_page=True)
    return 1


def main():
    arguments = argparse.ArgumentParser(description="Takes pictures of every page of the console.")
    arguments.add_argument("--out", required=True, type=Path, help="the folder for all pictures")
    arguments.add_argument("--chosen", type=Path, help="the folder for the few that documents show")
    arguments.add_argument("--language", default="en", choices=["en", "nl", "pt-BR"])
    given = arguments.parse_args()
    for folder in filter(None, [given.out, given.chosen]):
        folder.mkdir(parents=True, exist_ok=True)
    with chromium.running() as browser, filled_console() as console:
        count, missing = take(console, browser, given.out, given.chosen, given.language)
    print(f"==> {count} pictures in {given.out}" + (f", a few of them in {given.chosen}" if given.chosen else ""))
    if missing:
        sys.exit(f"no page was found for the chosen pictures {', '.join(sorted(missing))}")


if __name__ == "__main__":
    main()
