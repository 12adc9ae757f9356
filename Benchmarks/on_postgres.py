#!/usr/bin/env python3
"""How fast calls are kept on PostgreSQL, beside the embedded database and beside what pgbench inserts with the same batching. See README.md.

One load on one machine, in turn and interleaved: Inlet on SQLite, Inlet on a PostgreSQL of its own, and then pgbench on that same
PostgreSQL, twice: it sends as many rows in a statement as Inlet had calls in a flush, each with its body, as any client must; and it has the
server copy one row as often, which sends nothing and is what the disk and the table allow at most.
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import load
import servers

ROOT = servers.ROOT
BUILT = ROOT / ".build" / "bench"
sys.path.append(str(ROOT / "scripts"))
import postgres  # noqa: E402

RATIO_MIN = 0.5
COLUMNS = (
    "organization, webhook, token, received_at, remote_address, query, content_type, headers, context, basic_user, body_bytes, "
    "body_sha256, body, released_at")


@contextmanager
def moved(launch, binary, is_wanted):
    """Moves what stands in a folder to a PostgreSQL, which the server uses from then on; the seconds it took, `None` if it is not wanted."""
    if not is_wanted:
        yield None
        return
    with postgres.temporary() as cluster:
        begun = time.monotonic()
        subprocess.run(
            [str(binary), "migrate-store", "--from", str(launch.database), "--to", cluster.conninfo],
            env=os.environ | launch.environment, stdin=subprocess.DEVNULL, check=True)
        seconds = round(time.monotonic() - begun, 1)
        launch.environment["INLET_DATABASE"] = cluster.conninfo
        yield seconds


class InletOnPostgres(servers.Inlet):
    name = "inlet-postgres"
    title = "Inlet on PostgreSQL"

    def __init__(self, binary, conninfo):
        super().__init__(binary)
        self.conninfo = conninfo

    def launch(self, folder, port):
        os.environ["INLET_DATABASE"] = self.conninfo
        try:
            launch = super().launch(folder, port)
        finally:
            del os.environ["INLET_DATABASE"]
        launch.environment["INLET_DATABASE"] = self.conninfo
        launch.database = None
        return launch


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    BUILT.mkdir(parents=True, exist_ok=True)
    measured = []
    for round_number in range(1, options.rounds + 1):
        for connections in options.connections:
            figures = {"round": round_number, "connections": connections} | run(options, connections)
            measured.append(figures)
            print(json.dumps(figures), file=sys.stderr, flush=True)
    result = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["python3", "Benchmarks/on_postgres.py"] + sys.argv[1:]),
        "version": postgres.programs().parent.name, "measured": measured,
        "summary": [summary(connections, measured) for connections in options.connections],
    }
    print(text(result))
    options.output.mkdir(parents=True, exist_ok=True)
    name = f"{result['date'][:10]}-postgres"
    (options.output / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.output / f"{name}.md").write_text(text(result))
    return 0 if all(it["of_pgbench"] >= RATIO_MIN for it in result["summary"]) else 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inlet", type=Path, default=ROOT / ".build/release/inlet", help="the program that is measured")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--seconds", type=int, default=8, help="of one measurement")
    parser.add_argument("--connections", type=lambda words: [int(word) for word in words.split(",")], default=[64, 256])
    parser.add_argument("--output", type=Path, default=ROOT / "Benchmarks/results", help="folder of the results")
    return parser.parse_args()


def run(options, connections):
    body = load.json_body()
    with tempfile.TemporaryDirectory(prefix="postgres-", dir=BUILT) as folder:
        folder = Path(folder)
        (folder / "body.json").write_bytes(body)
        with postgres.temporary() as cluster:
            embedded = rate(servers.Inlet(options.inlet.resolve()), folder, "sqlite", connections, options, body)
            before = counters(cluster)
            ours = rate(
                InletOnPostgres(options.inlet.resolve(), cluster.conninfo), folder, "postgres", connections, options, body)
            after = counters(cluster)
            rows = after["rows"] - before["rows"]
            batch = max(1, round(rows / max(1, after["syncs"] - before["syncs"])))
            prepare(cluster)
            sent = pgbench(cluster, sending(batch, body), batch, options.seconds)
            copied = pgbench(cluster, copying(batch), batch, options.seconds)
    return {
        "sqlite": round(embedded), "postgres": round(ours), "batch": batch, "pgbench": round(sent),
        "pgbench_copying": round(copied),
        "wal_bytes_per_event": round((after["wal"] - before["wal"]) / max(1, rows)),
        "table_bytes_per_event": round(after["table"] / max(1, rows)), "index_bytes_per_event": round(after["index"] / max(1, rows)),
    }


def rate(peer, folder, name, connections, options, body):
    home = folder / name
    home.mkdir()
    with servers.running(peer, home, body, {}) as server:
        figures = load.measure(server, connections, options.seconds, folder / "body.json")
    assert not figures["invalid"], figures["invalid"]
    return figures["rate"]


def counters(cluster):
    words = sql(
        cluster,
        "SELECT wal_sync, wal_bytes FROM pg_stat_wal",
        "SELECT coalesce(sum(n_tup_ins), 0) FROM pg_stat_user_tables WHERE relname LIKE 'events\\_%'",
        "SELECT coalesce(sum(pg_table_size(c.oid)), 0), coalesce(sum(pg_indexes_size(c.oid)), 0) FROM pg_class c "
        "WHERE c.relkind = 'r' AND c.relname LIKE 'events\\_%'",
    )
    return dict(zip(["syncs", "wal", "rows", "table", "index"], map(int, words)))


def prepare(cluster):
    sql(
        cluster, "CREATE SEQUENCE bench_ids CACHE 10000",
        f"CREATE TABLE bench_row AS SELECT id, {COLUMNS} FROM events ORDER BY id DESC LIMIT 1")


def copying(batch):
    return f"INSERT INTO events (id, {COLUMNS}) SELECT id + nextval('bench_ids'), {COLUMNS} FROM bench_row, generate_series(1, {batch});\n"


def sending(batch, body):
    """The row's other columns come from the server, its headers and its body are sent."""
    others = COLUMNS.replace(" headers,", "").replace(" body,", "")
    row = f"('Content-Type: application/json', '\\x{body.hex()}'::bytea)"
    return (
        f"INSERT INTO events (id, {others}, headers, body) SELECT id + nextval('bench_ids'), {others}, sent.headers, sent.body "
        f"FROM bench_row, (VALUES {', '.join([row] * batch)}) AS sent (headers, body);\n")


def pgbench(cluster, statement, batch, seconds):
    """Rows a second of one client with that statement, which is parsed each time."""
    script = cluster.folder / "insert.sql"
    script.write_text(statement)
    shown = subprocess.run(
        [postgres.programs() / "pgbench", "--no-vacuum", "--client=1", "--protocol=simple", f"--time={seconds}",
         f"--file={script}", cluster.conninfo],
        capture_output=True, text=True, check=True).stdout
    return float(re.search(r"^tps = ([\d.]+)", shown, re.MULTILINE)[1]) * batch


def sql(cluster, *statements):
    command = [postgres.programs() / "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator= ",
               "--set=ON_ERROR_STOP=1", cluster.conninfo]
    for statement in statements:
        command += ["--command", statement]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def summary(connections, measured):
    mine = [it for it in measured if it["connections"] == connections]
    def middle(name):
        return statistics.median(it[name] for it in mine)
    return {
        "connections": connections, "batch": middle("batch"),
        "of_pgbench": round(statistics.median(it["postgres"] / it["pgbench"] for it in mine), 2),
        "of_copying": round(statistics.median(it["postgres"] / it["pgbench_copying"] for it in mine), 2),
        "of_sqlite": round(statistics.median(it["postgres"] / it["sqlite"] for it in mine), 2),
        "rates": {name: middle(name) for name in ["sqlite", "postgres", "pgbench", "pgbench_copying"]},
        "bytes": {name: middle(name) for name in ["wal_bytes_per_event", "table_bytes_per_event", "index_bytes_per_event"]},
    }


def text(result):
    lines = [
        "# Calls kept on PostgreSQL", "", f"{result['date']}, `{result['command']}`, PostgreSQL {result['version']}", "",
        f"Calls of {load.BODY_BYTES} bytes; server, database and load on one machine. pgbench inserts such events with one client, "
        "as many in a statement as Inlet had calls in a flush; it sends their bodies, or (copying) has the server make them of one row. "
        f"The bound is {RATIO_MIN} of pgbench that sends. Ratios are medians of the ratios within each round.", "",
        "| connections | calls in a flush | of pgbench | of pgbench, copying | of SQLite | calls a second | SQLite | pgbench, rows a second | copying | WAL, bytes an event | "
        "table | indexes |",
        "| --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |"]
    for it in result["summary"]:
        rates, size = it["rates"], it["bytes"]
        lines.append(
            f"| {it['connections']} | {it['batch']:.0f} | {it['of_pgbench']}{'' if it['of_pgbench'] >= RATIO_MIN else ' MISS'} "
            f"| {it['of_copying']} | {it['of_sqlite']} | {rates['postgres']:,.0f} | {rates['sqlite']:,.0f} | {rates['pgbench']:,.0f} "
            f"| {rates['pgbench_copying']:,.0f} "
            f"| {size['wal_bytes_per_event']:.0f} | {size['table_bytes_per_event']:.0f} | {size['index_bytes_per_event']:.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
