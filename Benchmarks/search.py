#!/usr/bin/env python3
"""A million events over thirty days in twenty webhooks: how fast they are listed, searched and exported. See README.md."""

import argparse
import hashlib
import json
import random
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote, urlencode

import hits
import on_postgres
import servers

ROOT = servers.ROOT
BUILT = ROOT / ".build" / "bench"
DAYS = 30
WEBHOOKS = 20
TOKENS = 40
# What few events have; so many, spread over the whole time.
RARE = 10
COLUMNS = [
    "id", "organization", "webhook", "token", "received_at", "remote_address", "query", "content_type", "headers", "context",
    "basic_user", "body_bytes", "body_sha256", "body",
]


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="search-", dir=BUILT) as folder:
        result = run(options, Path(folder))
    result["date"] = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    result["command"] = " ".join(["python3", "Benchmarks/search.py"] + sys.argv[1:])
    print(text(result))
    options.output.mkdir(parents=True, exist_ok=True)
    name = f"{result['date'][:10]}-search" + ("-postgres" if options.postgres else "")
    (options.output / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.output / f"{name}.md").write_text(text(result))
    found = all(it["found"] == it["expected"] for it in result["searches"].values())
    return 0 if found and all(it["events"] == options.events for it in result["exports"].values()) else 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inlet", type=Path, default=ROOT / ".build/release/inlet", help="the program that is measured")
    parser.add_argument("--events", type=int, default=1_000_000, help="how many events there are")
    parser.add_argument("--queries", type=int, default=200, help="how often each page is asked for")
    parser.add_argument("--postgres", action="store_true", help="move it all to a PostgreSQL of its own before it is measured")
    parser.add_argument("--output", type=Path, default=ROOT / "Benchmarks/results", help="folder of the results")
    return parser.parse_args()


def run(options, folder):
    inlet = servers.Inlet(options.inlet.resolve())
    launch = inlet.launch(folder, servers.free_port())
    secret = json.loads((folder / ".config/inlet/profile.json").read_text())["token"]
    with hits.serving(launch, folder):
        organization = hits.get(launch, secret, "organization")["id"]
        webhooks = [hits.admin(launch, secret, "POST", "webhooks", {"name": f"hook {it}"})["id"] for it in range(WEBHOOKS)]
        tokens = [
            hits.admin(launch, secret, "POST", "tokens", {"kind": "app", "name": f"t {it}", "webhook": webhooks[it % WEBHOOKS]})
            ["id"] for it in range(TOKENS)]
    # So much younger than its bound that none is dropped while it is measured.
    newest = datetime.now(timezone.utc) - timedelta(hours=2)
    begun = time.monotonic()
    fill(folder / "data" / "inlet.db", options.events, organization, webhooks, tokens, newest)
    print(f"  {options.events:,} events written in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    bytes_kept = hits.size(folder)
    with on_postgres.moved(launch, inlet.binary, options.postgres) as seconds, hits.serving(launch, folder):
        pages = ask(launch, secret, webhooks, tokens, newest, options.queries)
        searches = search(launch, secret, webhooks[0], newest)
        exports = {format: export(launch, secret, format) for format in ["jsonl", "csv"]}
    return {
        "events": options.events, "webhooks": WEBHOOKS, "days": DAYS, "database_bytes": bytes_kept, "queries": options.queries,
        "moved_in_seconds": seconds, "pages": pages, "searches": searches, "exports": exports,
    }


def fill(file, count, organization, webhooks, tokens, newest, span=timedelta(days=DAYS) - timedelta(hours=3)):
    """Writes the events as the server would have, oldest first; it must not run."""
    database = sqlite3.connect(file)
    database.execute("PRAGMA synchronous = OFF")
    statement = f"INSERT INTO events ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
    with database:
        database.executemany(statement, rows(count, organization, webhooks, tokens, newest, span))
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def rows(count, organization, webhooks, tokens, newest, span):
    chance = random.Random(1)
    first = int((newest - span).timestamp() * 1000)
    span = int(newest.timestamp() * 1000) - first
    every = count // RARE
    for number in range(count):
        is_rare = number % every == every // 2
        millisecond = first + span * number // count
        token = chance.randrange(TOKENS)
        body = json.dumps({
            "type": chance.choice(["order.created", "order.paid", "order.shipped", "refund.created"]),
            "order": {
                "id": chance.randrange(10**9), "total": chance.randrange(10**6) / 100, "currency": "EUR",
                "lines": [{"sku": f"sku-{chance.randrange(10**5)}", "count": chance.randrange(1, 5)} for _ in range(2)],
                **({"voucher": "needle-4711"} if is_rare else {}),
            },
            "customer": {"id": chance.randrange(10**6), "country": chance.choice(["nl", "de", "fr", "pl"]), "vip": False},
            "note": f"call {chance.randrange(10**9)} of the shop, sent again if it is not answered in time",
        }).encode()
        headers = f"Host: hooks.example.com\nContent-Type: application/json\nContent-Length: {len(body)}\nUser-Agent: shop/1.0\n"
        if is_rare:
            headers += "X-Rare: yes\n"
        yield (
            millisecond << 21 | number % 2048, organization, webhooks[token % WEBHOOKS], tokens[token], millisecond * 1000,
            "192.0.2.7", None, "application/json", headers, None, None, len(body), hashlib.sha256(body).digest(), body)


def ask(launch, secret, webhooks, tokens, newest, count):
    """Pages that are ranges of an index: the 50 newest."""
    chance = random.Random(2)

    def day():
        start = newest - timedelta(days=chance.randrange(1, DAYS - 1))
        return {"from": moment(start), "to": moment(start + timedelta(days=1))}

    questions = {
        "the newest": lambda: {},
        "of a webhook": lambda: {"webhook": chance.choice(webhooks)},
        "with a token": lambda: {"token": chance.choice(tokens)},
        "of a day": day,
        "of a webhook on a day": lambda: {"webhook": chance.choice(webhooks), **day()},
    }
    answers = {}
    for title, question in questions.items():
        line = hits.connection(launch.ready_url)
        times = []
        for _ in range(count):
            path = "events?" + urlencode(question(), quote_via=quote)
            begun = time.perf_counter()
            page = hits.get(launch, secret, path, line)
            times.append((time.perf_counter() - begun) * 1000)
            assert len(page["items"]) == 50, f"{title}: {len(page['items'])} events; there are too few"
        times.sort()
        answers[title] = {
            "p50": round(statistics.median(times), 2), "p99": round(times[int(len(times) * 0.99)], 2), "max": round(times[-1], 2)}
    return answers


def search(launch, secret, webhook, newest):
    """Searches that look through events, to their end."""
    day = {"from": moment(newest - timedelta(days=1))}
    questions = {
        "text in all": ({"text": "needle-4711"}, RARE),
        "header in all": ({"header": "X-Rare: yes"}, RARE),
        "path that few have, in all": ({"path": "$.order.voucher"}, RARE),
        "path with a value, in all": ({"path": "$.order.voucher", "value": "needle-4711"}, RARE),
        "text that none has, in a webhook": ({"text": "no such text", "webhook": webhook}, 0),
        "filter that none passes, in a webhook": (
            {"filter": '{"path":"$.order.total","less":0}', "webhook": webhook}, 0),
        "filter that none passes, of a day": ({"filter": '{"path":"$.order.total","less":0}', **day}, 0),
    }
    answers = {}
    for title, (question, expected) in questions.items():
        line = hits.connection(launch.ready_url)
        after, found, times = None, 0, []
        while after or not times:
            path = "events?" + urlencode({**question, "limit": 50, **({"after": after} if after else {})}, quote_via=quote)
            begun = time.perf_counter()
            page = hits.get(launch, secret, path, line)
            times.append(time.perf_counter() - begun)
            found += len(page["items"])
            after = page["next"]
        answers[title] = {
            "found": found, "expected": expected, "pages": len(times), "seconds": round(sum(times), 2),
            "slowest_page_ms": round(max(times) * 1000, 1)}
    return answers


def export(launch, secret, format):
    line = hits.connection(launch.ready_url)
    begun = time.perf_counter()
    line.request("GET", f"/api/v1/events/export?format={format}", headers={"Authorization": f"Bearer {secret}"})
    answer = line.getresponse()
    assert answer.status == 200, answer.status
    lines = size = 0
    while piece := answer.read(1 << 20):
        lines += piece.count(b"\n")
        size += len(piece)
    seconds = time.perf_counter() - begun
    events = lines - (format == "csv")
    return {
        "events": events, "megabytes": round(size / 1e6, 1), "seconds": round(seconds, 1),
        "events_per_second": round(events / seconds)}


def moment(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def text(result):
    lines = [
        "# Search and export" + (" on PostgreSQL" if result["moved_in_seconds"] else ""), "", f"{result['date']}, `{result['command']}`", "",
        f"{result['events']:,} events in {result['webhooks']} webhooks over {result['days']} days, bodies of about 300 bytes of "
        f"JSON; a database of {result['database_bytes'] / 1e6:.0f} MB.", "",
        f"| a page of 50, {result['queries']} times each | p50 ms | p99 ms | max ms |", "| :-- | --: | --: | --: |",
    ]
    lines += [f"| {title} | {it['p50']} | {it['p99']} | {it['max']} |" for title, it in result["pages"].items()]
    lines += ["", "| search to its end | found | pages | s | slowest page ms |", "| :-- | --: | --: | --: | --: |"]
    lines += [
        f"| {title} | {it['found']} | {it['pages']} | {it['seconds']} | {it['slowest_page_ms']} |"
        for title, it in result["searches"].items()]
    lines += ["", "| export of all | MB | s | events/s |", "| :-- | --: | --: | --: |"]
    lines += [
        f"| {format} | {it['megabytes']} | {it['seconds']} | {it['events_per_second']:,} |"
        for format, it in result["exports"].items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
