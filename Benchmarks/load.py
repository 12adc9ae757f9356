"""One measurement: wrk against a started peer, with what the peer used meanwhile."""

import json
import os
import re
import resource
import sqlite3
import statistics
import struct
import subprocess
import time
from contextlib import closing
from pathlib import Path

import processes

HERE = Path(__file__).resolve().parent

BODY_BYTES = 512
WARM_UP_SECONDS = 1
SAMPLE_SECONDS = 0.5
# Far above any sensible latency: a slow peer must show as slow, not as broken.
ANSWER_SECONDS = 30
QUIET_SECONDS = 60


def json_body():
    """A JSON object of exactly `BODY_BYTES` bytes."""
    event = {"type": "order.paid", "order": 18734, "amount": 4995, "currency": "EUR", "note": ""}
    event["note"] = "x" * (BODY_BYTES - len(json.dumps(event)))
    body = json.dumps(event).encode()
    assert len(body) == BODY_BYTES
    return body


class SyncCounter:
    """Counts the fsyncs of a program that runs under slowfsync.so."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(8))

    def value(self):
        return struct.unpack("=Q", self.path.read_bytes())[0]


def measure(server, connections, seconds, body_path, counter=None):
    """Returns the figures of one run; `invalid` holds the reason when they must not be used, else None."""
    root = server.process.pid
    warm_up = wrk(server, connections, WARM_UP_SECONDS, body_path)
    processes.wait_until_quiet(root, QUIET_SECONDS)

    processes.reset_peak_memory(root)
    syncs = counter.value() if counter else 0
    cpu = processes.cpu_seconds(root)
    forks = processes.forks()
    run = wrk(server, connections, seconds, body_path)
    syncs = counter.value() - syncs if counter else 0
    # A peer may answer first and work later; that work belongs to the calls that were just counted.
    drain_seconds = processes.wait_until_quiet(root, QUIET_SECONDS)
    cpu = processes.cpu_seconds(root) - cpu
    forks = processes.forks() - forks
    peak = max(run["sampled_rss_bytes"], processes.memory_bytes(root, "VmHWM"))

    requests = run["requests"]
    # When wrk stops, every connection has one call under way that it no longer counts, but that the peer works off too.
    worked_off = requests + connections
    figures = {
        "connections": connections,
        "requests": requests,
        "rate": requests / run["seconds"],
        "p50_ms": run["p50_ms"],
        "p99_ms": run["p99_ms"],
        "max_ms": run["max_ms"],
        "cpu_us_per_call": cpu / worked_off * 1e6 if requests else None,
        "peak_rss_mb": peak / 1e6,
        "load_cpu_share": run["load_cpu_share"],
        "drain_seconds": drain_seconds,
        "commands_per_call": forks / worked_off if server.launch.forks_per_call else None,
        "calls_per_fsync": None,
        "errors": run["errors"],
        "accepted_with_warm_up": sum(it["requests"] - it["errors"]["non_2xx"] for it in (warm_up, run)),
    }
    problems = [f"{count} {kind}" for kind, count in run["errors"].items() if count]
    if not requests:
        problems.append("no answers")
    if counter:
        figures["calls_per_fsync"] = requests / syncs if syncs else None
        if not syncs:
            problems.append("slowfsync.so saw no fsync")
    if drain_seconds > QUIET_SECONDS - 1:
        problems.append(f"still busy {QUIET_SECONDS} s after the load")
    if server.process.poll() is not None:
        problems.append(f"the server ended with {server.process.returncode}")
    figures["invalid"] = ", ".join(problems) or None
    return figures


def wrk(server, connections, seconds, body_path):
    """Runs wrk with one thread, the same for every peer, and samples the peer's memory meanwhile."""
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    command += ["--timeout", f"{ANSWER_SECONDS}s", "--script", str(HERE / "post.lua"), server.launch.url]
    environment = os.environ | {
        "BENCH_BODY": str(body_path),
        "BENCH_AUTHORIZATION": server.launch.authorization,
    }
    sampled = 0
    used = children_cpu_seconds()
    # wrk is the only child that ends in this window: the peer is still up, so the difference is wrk's own time.
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        try:
            while True:
                try:
                    shown, _ = process.communicate(timeout=SAMPLE_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    sampled = max(sampled, processes.memory_bytes(server.process.pid, "VmRSS"))
        except BaseException:
            process.kill()
            raise
    used = children_cpu_seconds() - used

    line = re.search(r"^BENCH (.*)$", shown, re.MULTILINE)
    if not line:
        errors = {"non_2xx": 0, "wrk failed: " + " ".join(shown.split())[-200:]: 1}
        return {"requests": 0, "seconds": seconds, "p50_ms": None, "p99_ms": None, "max_ms": None,
                "load_cpu_share": None, "sampled_rss_bytes": sampled, "errors": errors}
    number = {key: int(value) for key, value in (pair.split("=") for pair in line[1].split())}
    return {
        "requests": number["requests"],
        "seconds": number["duration_us"] / 1e6,
        "p50_ms": number["p50_us"] / 1e3,
        "p99_ms": number["p99_us"] / 1e3,
        "max_ms": number["max_us"] / 1e3,
        "load_cpu_share": used / (number["duration_us"] / 1e6),
        "sampled_rss_bytes": sampled,
        "errors": {key: number[key] for key in ["non_2xx", "connect", "read", "write", "timeout"]},
    }


def children_cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def stored_rows(place):
    """Rows of the fullest table in the SQLite databases at a place, whatever their names; the server must be down.

    Tables of one name in several files count together.
    """
    rows = {}
    files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
    # All are looked at before any is opened: SQLite removes the -wal and -shm beside a database when it closes it.
    for path in [path for path in files if is_database(path)]:
        with closing(sqlite3.connect(path)) as database:
            tables = database.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
            ).fetchall()
            for (table,) in tables:
                (count,) = database.execute('SELECT count(*) FROM "{}"'.format(table.replace('"', '""'))).fetchone()
                rows[table] = rows.get(table, 0) + count
    return max(rows.values(), default=0)


def is_database(path):
    with open(path, "rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def fsync_milliseconds(folder, writes=50):
    """Median time of one 4 KiB append with fdatasync: what the disk asks of a durable peer."""
    times = []
    path = folder / "fsync-probe"
    with open(path, "wb", buffering=0) as file:
        for _ in range(writes):
            file.write(bytes(4096))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - started) * 1e3)
    path.unlink()
    return statistics.median(times)
