#!/usr/bin/env python3
"""A million reports of hits over thirty days: how the database grows, and how fast availability is answered. See README.md."""

import argparse
import glob
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import servers

ROOT = servers.ROOT
BUILT = ROOT / ".build" / "bench"
DAYS = 30
# A report may be a week old, so the month is sent in slices, each to a server whose clock stands at the end of its slice.
SLICE_DAYS = 6
OBJECTS = 1000
LIBRARIES = ["/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1"]


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hits-", dir=BUILT) as folder:
        result = run(options, Path(folder))
    result["date"] = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    result["command"] = " ".join(["python3", "Benchmarks/hits.py"] + sys.argv[1:])
    print(text(result))
    options.output.mkdir(parents=True, exist_ok=True)
    name = f"{result['date'][:10]}-hits"
    (options.output / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.output / f"{name}.md").write_text(text(result))
    return 0 if result["kept"] == result["reports"] else 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inlet", type=Path, default=ROOT / ".build/release/inlet", help="the program that is measured")
    parser.add_argument("--resources", type=int, default=24, help="each reports once a minute; 24 make a million (default)")
    parser.add_argument("--queries", type=int, default=300, help="how often each question is asked")
    parser.add_argument("--output", type=Path, default=ROOT / "Benchmarks/results", help="folder of the results")
    return parser.parse_args()


def run(options, folder):
    inlet = servers.Inlet(options.inlet.resolve())
    launch = inlet.launch(folder, servers.free_port())
    made = json.loads((folder / ".config/inlet/profile.json").read_text())
    token = made["token"]
    now = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    names = [f"resource {number:02}" for number in range(options.resources)]
    reports = 0
    with serving(launch, folder):
        activation = activate(launch, token)
    empty = size(folder)
    seconds = 0.0
    for first in range(DAYS, 0, -SLICE_DAYS):
        last = max(first - SLICE_DAYS, 0)
        with serving(launch, folder, days_ago=last):
            begun = time.monotonic()
            reports += send(launch, activation, names, now - timedelta(days=first), now - timedelta(days=last))
            seconds += time.monotonic() - begun
        print(f"  {reports} reports sent, {last} days to go", file=sys.stderr)
    grown = size(folder) - empty
    with serving(launch, folder):
        kept = sum(get(launch, token, availability(name, now, DAYS + 1, "1d"))["hits"] for name in names) // 10
        answers = ask(launch, token, names, now, options.queries)
    return {
        "resources": options.resources, "days": DAYS, "reports": reports, "kept": kept,
        "reports_per_second": round(reports / seconds), "bytes_grown": grown, "bytes_per_report": round(grown / reports, 1),
        "queries": options.queries, "milliseconds": answers,
    }


@contextmanager
def serving(launch, folder, days_ago=0):
    environment = dict(launch.environment)
    if days_ago:
        library = next((path for pattern in LIBRARIES for path in glob.glob(pattern)), None)
        if library is None:
            sys.exit("libfaketime is missing; Benchmarks/setup.sh installs it")
        environment |= {
            "LD_PRELOAD": library, "FAKETIME": f"-{days_ago}d", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Without a name libfaketime makes one and adds it to the environment, and Swift then finds no arguments.
            "FAKETIME_SHARED": "/inlet-none /inlet-none",
        }
    with open(folder / "server.log", "ab") as log:
        process = subprocess.Popen(
            launch.command, env=os.environ | environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)
    try:
        servers.wait_until_ready(process, launch, b"{}", folder)
        yield
    finally:
        servers.stop(process)


def activate(launch, token):
    made = admin(launch, token, "POST", "credentials", {"type": "hits_failure", "name": "bench"})
    status, answer = ingest(connection(launch.url), "/activations", made["secret"], b"")
    assert status == 201, answer
    return answer["activation_token"]


def send(launch, activation, names, first, last):
    """Every resource reports 10 hits a minute; now and then one of them failed."""
    generator = random.Random(first.timestamp())
    minutes = int((last - first).total_seconds()) // 60
    bodies = []
    for start in range(0, minutes, OBJECTS):
        for name in names:
            bodies.append((name, start, min(start + OBJECTS, minutes)))
    seeds = [generator.random() for _ in bodies]

    def post(work):
        (name, start, end), seed = work
        chance = random.Random(seed)
        objects = [
            {"resource": name, "hits": 10, "failures": int(chance.random() < 0.01),
             "at": (first + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:00Z")}
            for minute in range(start, end)]
        status, answer = ingest(connection(launch.url), "/hits", activation, json.dumps(objects).encode())
        assert status == 202, answer
        return len(objects)

    with ThreadPoolExecutor(4) as pool:
        return sum(pool.map(post, zip(bodies, seeds)))


def ask(launch, token, names, now, count):
    questions = {
        "availability, 24 hours by 5 minutes": lambda name: f"resources/{quoted(name)}/availability",
        "availability, 7 days by the hour": lambda name: availability(name, now, 7, "1h"),
        "availability, 30 days by the hour": lambda name: availability(name, now, DAYS, "1h"),
        "availability, 30 days by the day": lambda name: availability(name, now, DAYS, "1d"),
        "one resource with its budget": lambda name: f"resources/{quoted(name)}",
        "list of all resources": lambda name: "resources?limit=500",
    }
    answers = {}
    chance = random.Random(1)
    for title, path in questions.items():
        line = connection(launch.ready_url)
        times = []
        for _ in range(count):
            begun = time.perf_counter()
            get(launch, token, path(chance.choice(names)), line)
            times.append((time.perf_counter() - begun) * 1000)
        times.sort()
        answers[title] = {
            "p50": round(statistics.median(times), 2), "p99": round(times[int(len(times) * 0.99)], 2),
            "max": round(times[-1], 2)}
    return answers


def availability(name, now, days, step):
    start = (now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"resources/{quoted(name)}/availability?from={start}&step={step}"


def quoted(name):
    return name.replace(" ", "%20")


def connection(url):
    return http.client.HTTPConnection(url.split("/")[2], timeout=60)


def ingest(line, path, secret, body):
    line.request("POST", path, body, {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"})
    answer = line.getresponse()
    return answer.status, json.loads(answer.read())


def admin(launch, token, method, path, body=None, line=None):
    line = line or connection(launch.ready_url)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    line.request(method, f"/api/v1/{path}", json.dumps(body) if body is not None else None, headers)
    answer = line.getresponse()
    content = json.loads(answer.read())
    assert answer.status in (200, 201), content
    return content


def get(launch, token, path, line=None):
    return admin(launch, token, "GET", path, line=line)


def size(folder):
    """The stopped database: nothing is left in the write-ahead log."""
    return sum(path.stat().st_size for path in (folder / "data").glob("inlet.db*"))


def text(result):
    lines = [
        "# Reports of hits", "", f"{result['date']}, `{result['command']}`", "",
        f"{result['reports']:,} reports of {result['resources']} resources over {result['days']} days, one a minute each, sent as "
        f"arrays of {OBJECTS}; {result['kept']:,} of them are in the sums.", "",
        f"- sent and on disk: {result['reports_per_second']:,} reports/s",
        f"- growth of the database: {result['bytes_grown'] / 1e6:.1f} MB, {result['bytes_per_report']} bytes a report; a report "
        "into a minute that is there already adds nothing", "",
        f"| question, {result['queries']} times each | p50 ms | p99 ms | max ms |", "| :-- | --: | --: | --: |",
    ]
    lines += [f"| {title} | {it['p50']} | {it['p99']} | {it['max']} |" for title, it in result["milliseconds"].items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
