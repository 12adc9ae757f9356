"""What /proc says about a process and all it started: processor time and memory."""

import os
import signal
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Entry:
    """One process. Its start time tells it from a later process with the same id."""

    pid: int
    parent: int
    start: int
    cpu_ticks: int  # user + system, of itself and of the children that it has waited for
    is_zombie: bool


def entry(pid):
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name stands in brackets and may itself hold spaces and brackets.
    fields = text[text.rindex(")") + 2:].split()
    return Entry(pid, int(fields[1]), int(fields[19]), sum(map(int, fields[11:15])), fields[0] == "Z")


def tree(root):
    """The process and all its descendants, the root first."""
    # /proc/PID/task/TID/children would be shorter, but not every kernel has it.
    children = defaultdict(list)
    for name in os.listdir("/proc"):
        found = entry(int(name)) if name.isdigit() else None
        if found:
            children[found.parent].append(found)
            if found.pid == root:
                children[None].append(found)
    family = list(children[None])
    for member in family:
        family.extend(children[member.pid])
    return family


def cpu_seconds(root):
    """User and system time of the tree. Time of a child that ended is in its parent's account."""
    return sum(member.cpu_ticks for member in tree(root)) / TICKS_PER_SECOND


def memory_bytes(root, key):
    """Sum of one line of /proc/PID/status over the tree: VmRSS (now) or VmHWM (highest). Shared pages count twice."""
    return sum(status_bytes(member.pid, key) for member in tree(root))


def status_bytes(pid, key):
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def reset_peak_memory(root):
    """Sets VmHWM of the tree back to what it holds now, so that a peak belongs to one measurement."""
    for member in tree(root):
        try:
            Path(f"/proc/{member.pid}/clear_refs").write_text("5")
        except OSError:
            pass  # then the peak since the start stands, which is never lower


def wait_until_quiet(root, seconds):
    """Waits until the tree has used less than a twentieth of a core for a while, and says how long it was busy."""
    started = time.monotonic()
    busy_until, quiet_windows = started, 0
    before = cpu_seconds(root)
    # Several windows in a row: a peer with a long backlog can stand still for a moment and go on.
    while quiet_windows < 3 and time.monotonic() - started < seconds:
        time.sleep(0.2)
        now = cpu_seconds(root)
        if now - before <= 0.01:
            quiet_windows += 1
        else:
            busy_until, quiet_windows = time.monotonic(), 0
        before = now
    return busy_until - started


def forks():
    """Processes and threads that the whole machine has started since boot."""
    line = next(it for it in Path("/proc/stat").read_text().splitlines() if it.startswith("processes "))
    return int(line.split()[1])


def kill_if_same(member):
    """Kills a process that was left over, unless its id has passed to somebody else."""
    now = entry(member.pid)
    if now and now.start == member.start and not now.is_zombie:
        try:
            os.kill(member.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it ended by itself just now
