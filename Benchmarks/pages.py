#!/usr/bin/env python3
"""Every page of the console beside a million events: how long the server takes for it. See README.md."""

import argparse
import http.client
import json
import random
import re
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit

import hits
import on_postgres
import search
import servers

ROOT = servers.ROOT
BUILT = ROOT / ".build" / "bench"
BOUND_MS = 300
HOUR = timedelta(minutes=58)
PASSWORD = "a bench of pages 2026"
CAUSES = ["unknown_secret", "token_inactive", "owner_inactive", "body_too_large", "webhook_paused"]
# What only looks different: ids, and where a listing goes on.
ID = re.compile(r"/(?:[a-z]{2,4}_[0-9A-Za-z]+|\d+)(?=/|$)")
SKIPPED = re.compile(r"^/(assets|live|api|health)/|/(body|export|download)$")


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pages-", dir=BUILT) as folder:
        result = run(options, Path(folder))
    result["date"] = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    result["command"] = " ".join(["python3", "Benchmarks/pages.py"] + sys.argv[1:])
    print(text(result))
    options.output.mkdir(parents=True, exist_ok=True)
    name = f"{result['date'][:10]}-pages" + ("-postgres" if options.postgres else "")
    (options.output / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.output / f"{name}.md").write_text(text(result))
    return 0 if all(page["max"] <= BOUND_MS for page in result["pages"]) else 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inlet", type=Path, default=ROOT / ".build/release/inlet", help="the program that is measured")
    parser.add_argument("--events", type=int, default=1_000_000, help="how many events there are")
    parser.add_argument("--hour", type=int, default=300_000, help="how many of them came within the last hour")
    parser.add_argument("--entries", type=int, default=10_000, help="how many entries the audit log has at least")
    parser.add_argument("--refused", type=int, default=200_000, help="how many refused calls there are")
    parser.add_argument("--queries", type=int, default=10, help="how often each page is asked for")
    parser.add_argument("--postgres", action="store_true", help="move it all to a PostgreSQL of its own before it is measured")
    parser.add_argument("--output", type=Path, default=ROOT / "Benchmarks/results", help="folder of the results")
    return parser.parse_args()


def run(options, folder):
    inlet = servers.Inlet(options.inlet.resolve())
    launch = inlet.launch(folder, servers.free_port())
    secret = json.loads((folder / ".config/inlet/profile.json").read_text())["token"]
    with hits.serving(launch, folder):
        organization, webhooks, tokens = furnish(launch, secret)
        for number in range(options.entries):
            hits.admin(launch, secret, "PATCH", f"webhooks/{webhooks[0]}", {"description": f"the {number}th"})
    newest = datetime.now(timezone.utc) - timedelta(minutes=1)
    database = folder / "data" / "inlet.db"
    busy = newest - HOUR
    search.fill(database, options.events - options.hour, organization, webhooks, tokens, busy)
    search.fill(database, options.hour, organization, webhooks, tokens, newest, HOUR)
    refuse(database, options.refused, organization, webhooks, tokens, newest)
    with on_postgres.moved(launch, inlet.binary, options.postgres) as seconds, hits.serving(launch, folder):
        reader = Reader(launch, secret)
        found = crawl(reader, webhooks)
        pages = [measure(reader, pattern, path, options.queries) for pattern, path in sorted(found.items())]
    counts = {name: getattr(options, name) for name in ["events", "hour", "entries", "refused", "queries"]}
    return {**counts, "moved_in_seconds": seconds, "pages": pages}


def furnish(launch, secret):
    """What the events belong to, and one of everything else that has a page."""
    def make(path, body):
        return hits.admin(launch, secret, "POST", path, body)

    organization = hits.get(launch, secret, "organization")["id"]
    webhooks = [make("webhooks", {"name": f"hook {number}"})["id"] for number in range(search.WEBHOOKS)]
    tokens = [
        make("tokens", {"kind": "app", "name": f"t {number}", "webhook": webhooks[number % search.WEBHOOKS]})["id"]
        for number in range(search.TOKENS)]
    make("destinations", {"name": "lines", "kind": "log", "settings": {}})
    make("flows", {"name": "to lines", "webhook": webhooks[0], "destinations": ["lines"]})
    activation = hits.activate(launch, secret)
    objects = [{"resource": "checkout", "hits": 10, "failures": 1}]
    hits.ingest(hits.connection(launch.url), "/hits", activation, json.dumps(objects).encode())
    make("credentials", {"type": "deploy", "name": "pipelines"})
    make("applications", {"name": "shop"})
    return organization, webhooks, tokens


def refuse(file, count, organization, webhooks, tokens, newest):
    chance = random.Random(3)
    first = int((newest - timedelta(days=29)).timestamp() * 1000)
    span = int(newest.timestamp() * 1000) - first

    def rows():
        for number in range(count):
            millisecond = first + span * number // count
            yield (
                millisecond << 21 | number % 2048, organization, millisecond * 1000, chance.choice(webhooks),
                chance.choice(tokens), chance.choice(CAUSES), None, 401, "192.0.2.9", None, 1)

    database = sqlite3.connect(file)
    database.execute("PRAGMA synchronous = OFF")
    with database:
        database.executemany(
            "INSERT INTO refused_calls (id, organization, received_at, webhook, token, cause, cause_at, status, remote_address, "
            "basic_user, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows())
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


class Reader:
    """A person at a browser that follows no redirect by itself."""

    def __init__(self, launch, secret):
        self.launch = launch
        made = hits.admin(
            launch, secret, "POST", "accounts", {"kind": "person", "name": "Bench", "login": "bench", "role": "owner"})
        code = made["invitation"]["code"]
        line = hits.connection(launch.ready_url)
        line.request(
            "POST", "/api/v1/passwords", json.dumps({"code": code, "password": PASSWORD}), {"Content-Type": "application/json"})
        line.getresponse().read()
        line.request(
            "POST", "/sign-in", urlencode({"login": "bench", "password": PASSWORD}),
            {"Content-Type": "application/x-www-form-urlencoded"})
        answer = line.getresponse()
        answer.read()
        assert answer.status == 303, answer.status
        self.cookies = "; ".join(
            value.split(";")[0] for name, value in answer.getheaders() if name.lower() == "set-cookie")
        self.line = line

    def get(self, path):
        """The status, the body and the milliseconds of a page."""
        begun = time.perf_counter()
        try:
            self.line.request("GET", path, headers={"Cookie": self.cookies})
            answer = self.line.getresponse()
        except (http.client.HTTPException, ConnectionError):
            self.line = hits.connection(self.launch.ready_url)
            begun = time.perf_counter()
            self.line.request("GET", path, headers={"Cookie": self.cookies})
            answer = self.line.getresponse()
        body = answer.read()
        return answer.status, body, (time.perf_counter() - begun) * 1000


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        if tag == "a":
            self.found += [value for name, value in attributes if name == "href" and value]


def crawl(reader, webhooks):
    """One address of each kind of page that links lead to, and the searches that look at most."""
    found = {}
    ahead = [
        "/", f"/events?webhook={webhooks[0]}", "/events?text=needle-4711", "/events?text=nowhere", f"/calls?webhook={webhooks[0]}",
        "/calls?cause=token_inactive"]
    while ahead and len(found) < 400:
        path = ahead.pop(0)
        parts = urlsplit(path)
        names = ",".join(sorted({pair.split("=")[0] for pair in parts.query.split("&") if pair}))
        pattern = ID.sub("/*", parts.path) + (f"?{names}" if names else "")
        if path.startswith("/events?text="):
            pattern = path.split("&")[0]
        if pattern in found or SKIPPED.search(parts.path):
            continue
        status, body, _ = reader.get(path)
        if status != 200:
            continue
        found[pattern] = path
        links = Links()
        links.feed(body.decode())
        for link in links.found:
            whole = urlsplit(urljoin(path, link))
            if not whole.netloc:
                ahead.append(whole.path + (f"?{whole.query}" if whole.query else ""))
    return found


def measure(reader, pattern, path, count):
    times = []
    size = 0
    for _ in range(count):
        status, body, milliseconds = reader.get(path)
        assert status == 200, (path, status)
        times.append(milliseconds)
        size = len(body)
    return {
        "page": pattern, "p50": round(statistics.median(times), 1), "max": round(max(times), 1), "kilobytes": round(size / 1000, 1)}


def text(result):
    slowest = sorted(result["pages"], key=lambda page: -page["max"])
    over = [page for page in slowest if page["max"] > BOUND_MS]
    lines = [
        "# Pages of the console" + (" on PostgreSQL" if result["moved_in_seconds"] else ""), "", f"{result['date']}, `{result['command']}`", "",
        f"{len(slowest)} kinds of pages beside {result['events']:,} events, {result['hour']:,} of them within the last hour, "
        f"{result['refused']:,} refused calls of a month and {result['entries']:,} entries of the audit log, each asked for "
        f"{result['queries']} times, in milliseconds from the request to the last byte. The bound is {BOUND_MS} ms: "
        + ("every page keeps it." if not over else f"MISS, {len(over)} pages are over it."),
        "", "| page | p50 | max | kB |", "| :-- | --: | --: | --: |"]
    lines += [f"| `{page['page']}` | {page['p50']} | {page['max']} | {page['kilobytes']} |" for page in slowest]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
