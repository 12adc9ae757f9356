#!/usr/bin/env python3
"""How fast events are delivered while others come in, and whether one receiver that hangs delays ninety-nine others. See README.md.

The receiver is nginx, which takes everything with 204. What deliveries are compared with is a bare loop of the client that Inlet uses,
which posts the same body to the same nginx over as many connections and keeps and decides nothing (BareClient/).
"""

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

import load
import servers

ROOT = servers.ROOT
BUILT = ROOT / ".build" / "bench"
CONCURRENCY = 64
DESTINATIONS = 4
PER_FLOW = 10
HEALTHY = 99
INGEST_CONNECTIONS = 8
BACKLOG_SECONDS = 6
RATIO_MAX = 1.2
NGINX = """
user root;
worker_processes auto;
daemon off;
pid @FOLDER@/nginx.pid;
error_log @FOLDER@/error.log warn;

events { worker_connections 4096; }

http {
    log_format received '$msec $http_inlet_event $uri';
    access_log @LOG@;
    keepalive_requests 100000000;
    client_body_temp_path @FOLDER@/body;
    proxy_temp_path @FOLDER@/proxy;
    fastcgi_temp_path @FOLDER@/fastcgi;
    uwsgi_temp_path @FOLDER@/uwsgi;
    scgi_temp_path @FOLDER@/scgi;

    server {
@LISTEN@
        location = /status { access_log off; stub_status; }
        location / { return 204; }
    }
}
"""


def main():
    options = parse()
    # Debian keeps nginx in sbin, which is not on everybody's PATH.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    BUILT.mkdir(parents=True, exist_ok=True)
    result = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["python3", "Benchmarks/deliver.py"] + sys.argv[1:]),
        "seconds": options.seconds, "problems": [],
    }
    with tempfile.TemporaryDirectory(prefix="deliver-", dir=BUILT) as folder:
        body = Path(folder) / "body.json"
        body.write_bytes(load.json_body())
        rounds = range(options.rounds)
        result["throughput"] = [throughput(options, made(Path(folder), f"a{number}"), body, result) for number in rounds]
        result["isolation"] = [isolation(options, made(Path(folder), f"b{number}"), result) for number in rounds]
    print(text(result))
    options.output.mkdir(parents=True, exist_ok=True)
    name = f"{result['date'][:10]}-deliver"
    (options.output / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.output / f"{name}.md").write_text(text(result))
    return 1 if result["problems"] else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inlet", type=Path, default=ROOT / ".build/release/inlet", help="the program that is measured")
    parser.add_argument("--bare", type=Path, default=ROOT / ".build/release/bare-client", help="the loop it is compared with")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--seconds", type=int, default=10, help="of one measurement, default 10")
    parser.add_argument("--rate", type=int, default=5, help="events a second beside the one that hangs, default 5")
    parser.add_argument("--output", type=Path, default=ROOT / "Benchmarks/results", help="folder of the results")
    return parser.parse_args()


def made(folder, name):
    (folder / name).mkdir()
    return folder / name


# --- throughput ---


def throughput(options, folder, body, result):
    """Deliveries a second out of a backlog, with events coming in beside; and what a bare loop does in its place, alone and beside the same."""
    ports = [servers.free_port() for _ in range(DESTINATIONS)]
    with ExitStack() as stack:
        stack.enter_context(receiving(folder, ports))
        server, admin = stack.enter_context(serving(options, folder))
        aside = aside_of(server, admin)
        bare = [bare_loop(options, ports, options.seconds, body)]
        with ingesting(aside, options.seconds, body):
            bare.append(bare_loop(options, ports, options.seconds, body))

        destinations = [destination(admin, f"receiver {port}", port, concurrency=CONCURRENCY) for port in ports]
        webhook = server.launch.url.rsplit("/", 1)[1]
        flow = admin("POST", "flows", {"name": "bench", "webhook": webhook, "destinations": destinations})
        admin("POST", f"flows/{flow['id']}/pause")
        # Enough to do for the whole measurement, and each event of it once for each destination.
        filled = load.wrk(server, INGEST_CONNECTIONS, BACKLOG_SECONDS, body)
        admin("POST", f"flows/{flow['id']}/resume")
        with ingesting(aside, options.seconds + 1, body) as ingested:
            time.sleep(0.5)
            before, begun = received(ports[0]), time.monotonic()
            time.sleep(options.seconds)
            rate = (received(ports[0]) - before) / (time.monotonic() - begun)
        open_left = min(admin("GET", f"destinations/{one}")["due"] for one in destinations)
        if open_left == 0:
            result["problems"].append("the backlog ran out before the measurement was over: give BACKLOG_SECONDS more")
        if not rate:
            result["problems"].append("nothing was delivered")
    return {
        "deliveries_per_second": round(rate), "ingest_per_second": round(ingested["requests"] / ingested["seconds"]),
        "backlog_events": filled["requests"], "bare_alone_per_second": round(bare[0]), "bare_beside_per_second": round(bare[1]),
        "ratio_alone": round(rate / bare[0], 3), "ratio_beside": round(rate / bare[1], 3),
    }


def aside_of(server, admin):
    """The same server with a webhook that no flow takes from: what comes in beside the deliveries."""
    webhook = admin("POST", "webhooks", {"name": "beside"})["id"]
    secret = admin("POST", "tokens", {"kind": "app", "name": "beside", "webhook": webhook})["secret"]
    launch = servers.Launch(
        command=[], url=server.launch.url.rsplit("/", 1)[0] + f"/{webhook}", authorization=servers.bearer(secret),
        wrong_authorization="")
    return servers.Server(server.process, launch)


@contextmanager
def ingesting(server, seconds, body):
    """Posts events meanwhile; yields what will hold wrk's figures once it is over."""
    figures = {}
    thread = threading.Thread(target=lambda: figures.update(load.wrk(server, INGEST_CONNECTIONS, seconds, body)))
    thread.start()
    try:
        yield figures
    finally:
        thread.join()


def bare_loop(options, ports, seconds, body):
    """Calls a second of the bare client."""
    urls = [f"http://127.0.0.1:{port}/" for port in ports]
    done = subprocess.run(
        [options.bare, str(seconds), str(CONCURRENCY), str(body), *urls], stdin=subprocess.DEVNULL, capture_output=True,
        timeout=seconds + 60, check=True)
    return int(done.stdout)


# --- isolation ---


def isolation(options, folder, result):
    """How late the healthy destinations get their events, without and with one beside them that never answers."""
    figures = {}
    for name in ["alone", "beside"]:
        place = made(folder, name)
        port = servers.free_port()
        log = place / "received.log"
        with ExitStack() as stack:
            hole = stack.enter_context(black_hole())
            stack.enter_context(receiving(place, [port], f"{log} received buffer=64k flush=1s"))
            server, admin = stack.enter_context(serving(options, place))
            ports = [port] * HEALTHY + [hole] * (name == "beside")
            destinations = [destination(admin, f"d{number:02}", port) for number, port in enumerate(ports)]
            webhook = server.launch.url.rsplit("/", 1)[1]
            for start in range(0, len(destinations), PER_FLOW):
                asked = {"name": f"flow {start}", "webhook": webhook, "destinations": destinations[start:start + PER_FLOW]}
                admin("POST", "flows", asked)
            # The first connections and the first look into the tables belong to no measurement.
            warm_up = post(server, options.rate, 2)
            events = post(server, options.rate, options.seconds)
            wait_for_all(log, (len(warm_up) + len(events)) * HEALTHY)
            delays = delays_of(log, admin, set(events))
        if len(delays) != len(events) * HEALTHY:
            result["problems"].append(f"{name}: {len(delays)} of {len(events) * HEALTHY} deliveries came")
        delays.sort()
        figures[name] = {
            "events": len(events), "deliveries": len(delays), "p50_ms": round(statistics.median(delays), 1),
            "p99_ms": round(delays[int(len(delays) * 0.99)], 1), "max_ms": round(delays[-1], 1)}
    return figures | {"ratio_p99": round(figures["beside"]["p99_ms"] / figures["alone"]["p99_ms"], 3)}


@contextmanager
def black_hole():
    """A port that takes connections, as the kernel does for it, and never reads or says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener.getsockname()[1]


def post(server, rate, seconds):
    """Posts events at an even pace and returns their ids."""
    line = http.client.HTTPConnection(server.launch.url.split("/")[2], timeout=30)
    headers = {"Authorization": server.launch.authorization, "Content-Type": "application/json"}
    events, begun = [], time.monotonic()
    for number in range(rate * seconds):
        time.sleep(max(0, begun + number / rate - time.monotonic()))
        line.request("POST", "/" + server.launch.url.split("/", 3)[3], load.json_body(), headers)
        answer = line.getresponse()
        assert answer.status == 202, answer.status
        events.append(json.loads(answer.read())["id"])
    return events


def wait_for_all(log, count, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and len(log.read_text().splitlines()) < count:
        time.sleep(0.2)


def delays_of(log, admin, events):
    """Milliseconds from the moment an event was received to the moment nginx had answered its delivery."""
    came = {event: datetime.fromisoformat(admin("GET", f"events/{event}")["received_at"]).timestamp() for event in events}
    lines = (line.split() for line in log.read_text().splitlines())
    return [(float(at) - came[event]) * 1000 for at, event, _ in lines if event in came]


# --- what takes part ---


@contextmanager
def receiving(folder, ports, log="off"):
    configuration = folder / "nginx.conf"
    words = {"FOLDER": str(folder), "LOG": log, "LISTEN": "\n".join(f"        listen 127.0.0.1:{port};" for port in ports)}
    content = NGINX
    for word, value in words.items():
        content = content.replace(f"@{word}@", value)
    configuration.write_text(content)
    process = subprocess.Popen(
        ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(configuration)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        end = time.monotonic() + 10
        while True:
            try:
                received(ports[0])
                break
            except OSError:
                if time.monotonic() > end or process.poll() is not None:
                    sys.exit(f"nginx did not start: {(folder / 'error.log').read_text()}")
                time.sleep(0.05)
        yield
    finally:
        servers.stop(process)


def received(port):
    """How many requests nginx has had since it started."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.request("GET", "/status")
        # "server accepts handled requests" and below it the three numbers.
        return int(line.getresponse().read().split()[9])
    finally:
        line.close()


@contextmanager
def serving(options, folder):
    """A new server: (it, a function that asks its REST API)."""
    home = made(folder, "inlet")
    launch = servers.Inlet(options.inlet.resolve()).launch(home, servers.free_port())
    launch.command += ["--egress-allow", "127.0.0.0/8"]
    token = json.loads((home / ".config/inlet/profile.json").read_text())["token"]
    with open(home / "server.log", "ab") as log:
        process = subprocess.Popen(
            launch.command, env=os.environ | launch.environment, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)

    def admin(method, path, body=None):
        line = http.client.HTTPConnection(launch.ready_url.split("/")[2], timeout=120)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        line.request(method, f"/api/v1/{path}", json.dumps(body) if body is not None else None, headers)
        answer = line.getresponse()
        content = json.loads(answer.read())
        line.close()
        assert answer.status in (200, 201), content
        return content

    try:
        servers.wait_until_ready(process, launch, b"{}", home)
        yield servers.Server(process, launch), admin
    finally:
        servers.stop(process)


def destination(admin, name, port, **more):
    settings = {"url": f"http://127.0.0.1:{port}/{name.replace(' ', '-')}"}
    return admin("POST", "destinations", {"name": name, "kind": "http", "settings": settings} | more)["id"]


def text(result):
    first, second = result["throughput"], result["isolation"]
    ratio = statistics.median(it["ratio_p99"] for it in second)
    lines = [
        "# Deliveries", "", f"{result['date']}, `{result['command']}`", "",
        f"Out of a backlog to {DESTINATIONS} destinations that take {CONCURRENCY} attempts at once each, at nginx, for "
        f"{result['seconds']} s, while {INGEST_CONNECTIONS} connections post events; and a bare loop of the same client in its place.", "",
        "| deliveries/s | events in/s beside | bare loop alone/s | bare loop beside the same/s | ratio to alone | ratio to beside |",
        "| --: | --: | --: | --: | --: | --: |",
    ]
    lines += [
        f"| {it['deliveries_per_second']:,} | {it['ingest_per_second']:,} | {it['bare_alone_per_second']:,} | "
        f"{it['bare_beside_per_second']:,} | {it['ratio_alone']} | {it['ratio_beside']} |" for it in first]
    lines += [
        "", f"{HEALTHY} healthy destinations, alone and with one that never answers; milliseconds from the receipt of an event to the "
        "end of its delivery.", "",
        "| | deliveries | p50 ms | p99 ms | max ms |", "| :-- | --: | --: | --: | --: |",
    ]
    for it in second:
        for name in ["alone", "beside"]:
            figures = it[name]
            lines.append(
                f"| {name} | {figures['deliveries']:,} | {figures['p50_ms']} | {figures['p99_ms']} | {figures['max_ms']} |")
    verdict = "met" if ratio <= RATIO_MAX else "missed"
    lines += ["", f"Ratio of p99, median of the rounds: {ratio} (target {RATIO_MAX} at most: {verdict})"]
    lines += [f"INVALID: {problem}" for problem in result["problems"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
