"""Debian's Chromium, kept from every address but the loopback, and gone without a trace afterwards."""

import contextlib
import os
import shutil
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

# Nobody listens on the discard port: what is not for the loopback ends there, names that would have to be looked up too.
NOWHERE = "127.0.0.1:9"
END_SECONDS = 10
STEP_MILLISECONDS = 10_000


def program():
    """The browser under which the tests run: CHROMIUM, or Debian's."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert found, "chromium is missing: scripts/setup.sh test installs it, or name one in CHROMIUM"
    return found


def processes():
    """All processes there are: id to parent and name. Those that only wait to be taken note of (zombies) do not count."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError, IndexError):
                name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
                state, parent = rest.split()[:2]
                if state != "Z":
                    found[int(folder.name)] = (int(parent), name)
    return found


def descendants():
    """The processes that this one has started, and those that they have: id to name."""
    running, ours, grown = processes(), {os.getpid()}, True
    while grown:
        found = {process for process, (parent, _) in running.items() if parent in ours}
        grown = not found <= ours
        ours |= found
    return {process: running[process][1] for process in ours - {os.getpid()}}


def left_behind(before, seen=()):
    """What does not end within `END_SECONDS` of the processes that came since `before`, or were `seen` while they were ours."""
    end = time.monotonic() + END_SECONDS
    while True:
        orphans = {process: name for process, (_, name) in processes().items() if process in seen}
        left = {process: name for process, name in (descendants() | orphans).items() if process not in before}
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.05)


@contextlib.contextmanager
def running():
    """A browser. It, its helpers and Playwright's driver have ended when the block is left, or that is an error."""
    before = set(descendants())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program(),
            args=[f"--proxy-server={NOWHERE}", "--proxy-bypass-list=127.0.0.1;localhost"],
        )
        try:
            yield browser
        finally:
            seen = set(descendants())
            browser.close()
    left = left_behind(before, seen)
    assert not left, f"processes are left behind: {left}"
