"""Chromium, kept from every address but the loopback, and gone without a trace afterwards."""

import contextlib
import os
import shutil
from pathlib import Path

from inlet_server import until
from playwright.sync_api import sync_playwright

# Nobody listens on the discard port: what is not for the loopback ends there, names that would have to be looked up too.
NOWHERE = "127.0.0.1:9"
END_SECONDS = 60
# Bounds against hanging, which prove nothing: the machine may be busy with other things as well.
STEP_MILLISECONDS = 60_000


def program():
    """The browser under which the tests run: CHROMIUM, or Debian's.

    Its shell without a window is the same engine, and makes a profile and a page in a fifth of the time.
    """
    found = os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell") or shutil.which("chromium")
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
    left = {}

    def is_gone():
        nonlocal left
        orphans = {process: name for process, (_, name) in processes().items() if process in seen}
        left = {process: name for process, name in (descendants() | orphans).items() if process not in before}
        return not left

    until(is_gone, END_SECONDS)
    return left


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
