#!/usr/bin/env python3
"""Measures Inlet beside its peers on loopback, in turn and interleaved. See README.md."""

import argparse
import os
import platform
import shlex
import shutil
import signal
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import load
import report
import servers

ROOT = servers.ROOT
BUILT = ROOT / ".build" / "bench"
SLOW_FSYNC = BUILT / "slowfsync.so"
NAMES = ["nginx-map", "nginx-basic", "webhook", "fastapi", "inlet"]
DEFAULT_INLET = Path(".build/release/inlet")
DEFAULT_OUTPUT = Path("Benchmarks/results")


def main():
    options = parse()
    # Debian keeps nginx in sbin, which is not on everybody's PATH.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    # A polite end (systemd, CI) unwinds like Ctrl-C does, so that servers and folders go away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    peers = chosen_peers(options)
    refuse_what_cannot_work(options, peers)
    started = datetime.now(timezone.utc)
    with tempfile.TemporaryDirectory(prefix="run-", dir=made(BUILT)) as folder:
        machine = describe_machine(Path(folder))
        measurements, machine["fdatasync_ms"] = run(options, peers, Path(folder))

    bench = {
        "date": started.strftime("%Y-%m-%d %H:%M UTC"),
        "command": command_line(options),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "machine": machine,
        "versions": servers.versions(options.inlet),
        "titles": {peer.name: peer.title for peer in peers},
        "measurements": measurements,
    }
    bench |= report.summarize(measurements)
    print()
    print(report.markdown(bench))
    for path in report.write(bench, made(options.output), started.strftime("%Y-%m-%d"), ROOT):
        print(f"written: {shown_path(path)}", file=sys.stderr)
    return 1 if any(it["invalid"] for it in measurements) else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=at_least_one, default=5, help="default 5")
    parser.add_argument("--seconds", type=at_least_one, default=5, help="of one measurement, default 5")
    parser.add_argument("--connections", type=connection_list, default=[64, 1, 256], help="default 64,1,256")
    parser.add_argument("--inlet", type=Path, default=ROOT / DEFAULT_INLET, help=f"default {DEFAULT_INLET}")
    parser.add_argument("--only", type=name_list, default=NAMES, metavar="NAMES", help=f"some of {','.join(NAMES)}")
    parser.add_argument("--skip-slow-fsync", action="store_true", help="leave out the runs with slowed fsync")
    parser.add_argument("--output", type=Path, default=ROOT / DEFAULT_OUTPUT, help=f"default {DEFAULT_OUTPUT}")
    options = parser.parse_args()
    options.inlet = options.inlet.absolute()
    options.output = options.output.absolute()
    return options


def at_least_one(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def connection_list(text):
    return [at_least_one(word) for word in text.split(",")]


def name_list(text):
    names = text.split(",")
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; choose from {', '.join(NAMES)}")
    return names


def chosen_peers(options):
    peers = [servers.NginxMap(), servers.NginxBasic(), servers.Webhook(), servers.FastAPI()]
    peers.append(servers.Inlet(options.inlet))
    return [peer for peer in peers if peer.name in options.only]


def refuse_what_cannot_work(options, peers):
    names = {peer.name for peer in peers}
    problems = []
    if "inlet" in names and not os.access(options.inlet, os.X_OK):
        problems.append(f"{shown_path(options.inlet)} is not there: swift build -c release, or name it with --inlet")
    programs = {"wrk"} | ({"nginx"} if names & {"nginx-map", "nginx-basic"} else set()) | (names & {"webhook"})
    problems += [f"{name} is not installed" for name in sorted(programs) if not shutil.which(name)]
    if "fastapi" in names and not servers.VENV_PYTHON.exists():
        problems.append(".venv-bench is not there")
    if not options.skip_slow_fsync and names & {"fastapi", "inlet"} and not SLOW_FSYNC.exists():
        problems.append("slowfsync.so is not built")
    if file_system(made(BUILT)) in ("tmpfs", "ramfs"):
        problems.append(f"{shown_path(BUILT)} lies in memory, where fsync costs nothing: use a checkout on a disk")
    if problems:
        print("\n".join(problems + ["Benchmarks/setup.sh installs and builds what the peers need"]), file=sys.stderr)
        sys.exit(2)


def run(options, peers, folder):
    """Returns all measurements, and the time of a plain fdatasync at the start of each round."""
    body = load.json_body()
    body_path = folder / "body.json"
    body_path.write_bytes(body)
    measurements, fsyncs = [], []
    for round_number in range(1, options.rounds + 1):
        # The disk of a virtual machine is now fast, now slow; the reader must be able to see it.
        fsyncs.append(load.fsync_milliseconds(folder))
        # Every round begins with another peer, so that none is always first after the pause.
        turn = (round_number - 1) % len(peers)
        in_turn = peers[turn:] + peers[:turn]
        plan = [(peer, 0, options.connections) for peer in in_turn]
        if not options.skip_slow_fsync:
            plan += [
                (peer, milliseconds, [report.TARGET_CONNECTIONS])
                for milliseconds in report.SLOW_FSYNC_MS
                for peer in in_turn if peer.name in ("fastapi", "inlet")
            ]
        for peer, slow_ms, connections in plan:
            for figures in run_peer(peer, slow_ms, connections, options.seconds, body, body_path, folder):
                figures = {"round": round_number, "peer": peer.name, "slow_fsync_ms": slow_ms} | figures
                measurements.append(figures)
                print(report.progress(figures, options.rounds), file=sys.stderr, flush=True)
    return measurements, fsyncs


def run_peer(peer, slow_ms, connections, seconds, body, body_path, folder):
    """Starts one peer in an empty folder and measures it at each number of connections."""
    measured = []
    home = Path(tempfile.mkdtemp(prefix=f"{peer.name}-", dir=folder))
    try:
        counter, environment = None, {}
        if slow_ms:
            counter = load.SyncCounter(home / "fsyncs")
            environment = {
                "LD_PRELOAD": str(SLOW_FSYNC),
                "SLOW_FSYNC_MS": str(slow_ms),
                "SLOW_FSYNC_COUNT": str(counter.path),
            }
        with servers.running(peer, home, body, environment) as server:
            for count in connections:
                measured.append(load.measure(server, count, seconds, body_path, counter))
        check_rows(server.launch.database, measured)
    except servers.PeerFailure as failure:
        measured = [{"connections": count, "invalid": str(failure)} for count in connections]
    finally:
        shutil.rmtree(home, ignore_errors=True)
        # Nothing of this peer may still be on its way to the disk when the next one starts.
        os.sync()
    return measured


def check_rows(database, measured):
    """Every call that was answered with 2xx must be a row now. In the other direction, calls under way may be rows."""
    if not database:
        return
    accepted = sum(figures["accepted_with_warm_up"] for figures in measured)
    rows = load.stored_rows(database)
    for figures in measured:
        figures["rows_after_stop"] = rows
        if rows < accepted:
            lost = f"{accepted} calls accepted, {rows} rows found"
            figures["invalid"] = ", ".join(filter(None, [figures["invalid"], lost]))


def describe_machine(folder):
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return {
        "cores": os.cpu_count(),
        "processor": model,
        "kernel": f"{platform.system()} {platform.release()}",
        "file_system": file_system(folder),
        "load_average_before": os.getloadavg()[0],
    }


def file_system(folder):
    """Type of the file system that holds a folder: the mount with the longest matching path."""
    best = ("", "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split()
        point = point.replace("\\040", " ")
        if folder == Path(point) or Path(point) in folder.parents:
            best = max(best, (point, kind), key=lambda it: len(it[0]))
    return best[1]


def command_line(options):
    """The command as somebody else can repeat it: only what differs from the defaults, paths without this machine."""
    words = ["python3", "Benchmarks/bench.py", "--rounds", options.rounds, "--seconds", options.seconds]
    words += ["--connections", ",".join(map(str, options.connections))]
    if options.only != NAMES:
        words += ["--only", ",".join(options.only)]
    if options.inlet != ROOT / DEFAULT_INLET:
        words += ["--inlet", shown_path(options.inlet)]
    if options.skip_slow_fsync:
        words += ["--skip-slow-fsync"]
    if options.output != ROOT / DEFAULT_OUTPUT:
        words += ["--output", shown_path(options.output)]
    return shlex.join(map(str, words))


def shown_path(path):
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
