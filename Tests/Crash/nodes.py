#!/usr/bin/env python3
"""Three servers on one PostgreSQL behind HAProxy, and what must hold when one of them, the database or the way between them goes away.

    nodes.py [--inlet PATH] [--seed N] [--revocations 50] [--rounds 6] [--seconds 12] [--timed] [--only NAME …]

It starts a PostgreSQL of its own and HAProxy with docs/haproxy.cfg. Each claim has a name, and is told in a line of its own:

    revoked    a token deactivated at one server is refused by the others within 5 s; with --timed also 99 of 100 times within 1 s
    unheard    the same while nobody can LISTEN, so that only asking now and then is left
    cut        the same for a server that is cut off from the database, for --seconds; it serves again by itself
    behind     the same, where it can read again before it can write: calls that waited were let in by what it knew before
    deaf       the same for a server that can still write to the database, but learns nothing from it
    killed     kill -9 of one server after the other, and PostgreSQL stopped as by a crash: acknowledged events lost 0
    delivered  kill -9 while delivering: each acknowledged event has one delivery, with one attempt that succeeded
    rolled     SIGTERM to one server after the other: failed calls 0

The 5 s are counted from when a call began to when it was revoked, so a busy machine cannot break them; the 1 s it can.

A moment is a number of acknowledgements: what is killed is killed as soon as there are so many. Exit code 0 only if all hold.
"""

import argparse
import asyncio
import collections
import concurrent.futures
import contextlib
import csv
import http.client
import math
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

# These tests have a PostgreSQL of their own, which they may kill.
for name in ["TEST_POSTGRES", "TEST_POSTGRES_DURABLE"]:
    os.environ.pop(name, None)
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Clients"))
from crash import Ack, Kept, Keyed, random_body, resend  # noqa: E402
from hostile_receiver import Receiver, answer  # noqa: E402
from inlet_server import (  # noqa: E402
    HANG_SECONDS, LOOPBACK, REPOSITORY, Connection, Server, ServerError, answers_at, binary_path, call_once, complaint_about, free_port,
    sha256, until)
from postgres import PORT, Cluster, Unable, programs  # noqa: E402

P99_SECONDS_MAX = 1.0
SECONDS_MAX = 5.0
# Long enough that something may be wrong, and not so long that a place ends.
SHORT_SECONDS = SECONDS_MAX + 1.5
SENDERS = 6
# Acknowledgements before a kill, at most.
ACKS_MAX = 60
# Calls with a revoked token that must be refused once one was.
REFUSALS_MIN = 3
# Deliveries on their way at most before more is sent, so that what is sent keeps up.
UNDER_WAY_MAX = 120
# The body of calls that only ask whether they are taken.
QUESTION = b"?"
CONFIGURATION = REPOSITORY / "docs" / "haproxy.cfg"
FAULTS = (OSError, http.client.HTTPException)


# MARK: The ways that can be cut

class Relay:
    """A way to PostgreSQL by TCP that can be frozen: nothing gets through, nothing is closed, as when a network is gone.

    A process of its own, so that a signal stops all of it at once.
    """

    def __init__(self, cluster):
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--relay", str(self.port), str(cluster.folder / f".s.PGSQL.{PORT}")], stdout=subprocess.PIPE)
        if not until(lambda: answers_at(self.port)):
            raise ServerError("the relay does not listen")

    def conninfo(self):
        return f"postgres://postgres@{LOOPBACK}:{self.port}/postgres"

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def hold_or_let_go_readers(self):
        """From now on nothing gets through on connections that read; or all gets through that waited."""
        self.process.send_signal(signal.SIGUSR1)

    def has_let_go_readers(self):
        """Waits until what the database said meanwhile to those that read has gone through; whether it has."""
        return bool(select.select([self.process.stdout], [], [], HANG_SECONDS)[0]) and self.process.stdout.readline() != b""

    def hold_or_let_go_writers(self):
        self.process.send_signal(signal.SIGUSR2)

    def close(self):
        self.process.kill()
        self.process.wait()


async def relay(port, path):
    """What runs in the process of a relay."""
    readers, writers = asyncio.Event(), asyncio.Event()
    # Whether it is still to be told that something has got through to those that read.
    news = asyncio.Event()
    loop = asyncio.get_running_loop()

    def turn(gate):
        if gate.is_set():
            return gate.clear()
        gate.set()
        if gate is readers:
            news.set()

    for number, gate in {signal.SIGUSR1: readers, signal.SIGUSR2: writers}.items():
        gate.set()
        loop.add_signal_handler(number, turn, gate)

    async def pump(source, drain, link, is_answer):
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 16):
                # A connection of Inlet says first what it is for.
                link["reads"] |= b"'reader'" in data or b"'listener'" in data
                await (readers if link["reads"] else writers).wait()
                drain.write(data)
                await drain.drain()
                if is_answer and link["reads"] and news.is_set():
                    news.clear()
                    print("let go", flush=True)
        drain.close()

    async def serve(reader, writer):
        link = {"reads": False}
        try:
            there = await asyncio.open_unix_connection(path)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, there[1], link, False), pump(there[0], writer, link, True))

    async with await asyncio.start_server(serve, LOOPBACK, port) as server:
        await server.serve_forever()


class Unheard:
    """Cuts all connections that LISTEN, again and again."""

    def __init__(self, conninfo, folder):
        self.said = folder / "unheard"
        with open(self.said, "w") as said:
            self.process = subprocess.Popen(
                [programs() / "psql", "--no-psqlrc", "--tuples-only", "--no-align", conninfo],
                stdin=subprocess.PIPE, stdout=said, text=True)
        self.process.stdin.write(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'inlet listener%' \\watch 0.1\n")
        self.process.stdin.flush()

    def close(self):
        """Ends it, and says how many were cut."""
        self.process.kill()
        self.process.wait()
        return self.said.read_text().splitlines().count("t")


# MARK: The servers

class Node(Server):
    """One of the servers."""

    def __init__(self, name, folder, key_file, conninfo, inlet):
        folder.mkdir()
        super().__init__(folder, binary=inlet, environment={
            "INLET_DATABASE": conninfo, "INLET_MASTER_KEY_FILE": str(key_file), "INLET_EGRESS_ALLOW": f"{LOOPBACK}/32"})
        self.name = name

    def inside(self):
        """Where the server can be reached from."""
        return contextlib.nullcontext()

    def takes(self, path, secret):
        """The status of one call."""
        with self.inside(), contextlib.suppress(*FAULTS):
            return call_once(self.ingest_port, "POST", path, QUESTION, {"Authorization": f"Bearer {secret}"}).status


class HAProxy:
    """HAProxy with the very text that is recommended, but for the addresses."""

    def __init__(self, folder, nodes):
        self.port = free_port()
        self.socket = folder / "haproxy.sock"
        self.log = folder / "haproxy.log"
        file = folder / "haproxy.cfg"
        file.write_text(self._configuration(nodes))
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [self.program(), "-db", "-f", file], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not until(lambda: self.socket.exists() and all(self.is_up(node) for node in nodes)):
            raise ServerError(f"HAProxy does not find the servers\n{self.log.read_text()[-3000:]}")

    @staticmethod
    def program():
        return shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")

    def _configuration(self, nodes):
        text = CONFIGURATION.read_text()
        changes = {"bind :80\n": f"bind {LOOPBACK}:{self.port}\n", "stats socket /run/haproxy/inlet.sock": f"stats socket {self.socket}"}
        for node, host in zip(nodes, ["10.0.0.11", "10.0.0.12", "10.0.0.13"]):
            # All are on one machine here, so each has ports of its own.
            changes[f"server {node.name} {host}:8080\n"] = f"server {node.name} {LOOPBACK}:{node.ingest_port} port {node.admin_port}\n"
        for old, new in changes.items():
            assert text.count(old) == 1, f"{CONFIGURATION.name} does not say {old!r} once"
            text = text.replace(old, new)
        return text

    def is_up(self, node):
        """Whether it gives calls to a server."""
        with socket.socket(socket.AF_UNIX) as wire:
            wire.connect(str(self.socket))
            wire.sendall(b"show stat\n")
            with wire.makefile() as stream:
                rows = csv.DictReader(stream.read().splitlines())
        return any(row["# pxname"] == "inlet" and row["svname"] == node.name and row["status"].startswith("UP") for row in rows)

    def close(self):
        self.process.kill()
        self.process.wait()


class House:
    """PostgreSQL, three servers on it, the last of them by a relay, and HAProxy."""

    def __init__(self, inlet):
        # Not where TMPDIR says: the path of a socket must be short.
        self.folder = Path(tempfile.mkdtemp(prefix="inlet-nodes-", dir="/tmp"))
        self.things = contextlib.ExitStack()
        self.things.callback(shutil.rmtree, self.folder, ignore_errors=True)
        # Who PostgreSQL runs as must get through.
        self.folder.chmod(0o711)
        self.inlet = inlet
        self.cluster = Cluster(self.folder / "pg")
        self.nodes = []

    def open(self):
        self.cluster.make()
        self.things.callback(self.cluster.remove)
        self.prepare()
        self.cluster.start()
        key_file = self.folder / "master.key"
        for name, conninfo in zip("abc", [self.cluster.conninfo, self.cluster.conninfo, self.way()]):
            node = self.make_node(name, key_file, conninfo)
            self.things.callback(node.kill)
            self.nodes.append(node)
        self.a, self.b, self.c = self.nodes
        info = self.a.init()
        for node in self.nodes:
            node.info = info
            with node.inside():
                node.start()
        self.api = self.a.api()
        self.start_proxy()

    def prepare(self):
        """Settings of PostgreSQL, before it starts."""

    def make_node(self, name, key_file, conninfo):
        return Node(name, self.folder / name, key_file, conninfo, self.inlet)

    def way(self):
        """How the last server gets to PostgreSQL."""
        self.relay = Relay(self.cluster)
        self.things.callback(self.relay.close)
        return self.relay.conninfo()

    def cut(self):
        self.relay.freeze()

    def heal(self):
        self.relay.thaw()

    def start_proxy(self):
        self.proxy = HAProxy(self.folder, self.nodes)
        self.things.callback(self.proxy.close)

    def new_webhook(self, name):
        """A webhook of one claim's own: (its id, a secret for it that every server knows)."""
        webhook = self.api.new_webhook(name)
        secret = self.api.new_token("app", name, webhook)["secret"]
        if not until(lambda: all(node.takes(f"/in/{webhook}", secret) == 202 for node in self.nodes)):
            raise ServerError(f"{name}: a new token was not accepted everywhere within 10 s")
        return webhook, secret

    def ended(self):
        """What is wrong with servers that should have gone on by themselves."""
        return [
            f"server {node.name} ended with {node.process.returncode} by itself" for node in self.nodes
            if node.process and node.process.poll() is not None]

    def close(self):
        self.things.close()


# MARK: Calls

class Prober(threading.Thread):
    """Calls one server with one token, without pause."""

    def __init__(self, node, path, secret):
        super().__init__(daemon=True)
        self.node, self.path, self.secret = node, path, secret
        self.accepted_at, self.others = None, []
        # How often since it was last asked for.
        self.accepted, self.refused = 0, 0
        self.stopping = threading.Event()
        self.start()

    def run(self):
        with self.node.inside(), contextlib.closing(Connection(self.node.ingest_port)) as connection:
            while not self.stopping.is_set():
                began = time.monotonic()
                try:
                    status = connection.request("POST", self.path, QUESTION, {"Authorization": f"Bearer {self.secret}"}).status
                except FAULTS as error:
                    self.others.append(repr(error))
                    connection.close()
                    continue
                if status == 202:
                    self.accepted_at = began
                    self.accepted += 1
                elif status == 401:
                    self.refused += 1
                else:
                    self.others.append(f"status {status}")


class Pacer:
    """Calls one server with one token at a steady pace, however long each call takes; each on a connection of its own.

    The pace is what makes the calls: they must begin although those before them hang, and not be so many that they drown the server.
    """

    PACE_SECONDS = 0.05

    def __init__(self, node, path, secret):
        self.node, self.path, self.secret = node, path, secret
        # When each began, and what came of it: a status, or None.
        self.results = []
        self.began_at = time.monotonic()
        self.stopping = threading.Event()
        self.calls = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping.wait(self.PACE_SECONDS):
            self.began_at = time.monotonic()
            call = threading.Thread(target=self._call, daemon=True)
            self.calls.append(call)
            call.start()

    def _call(self):
        began = time.monotonic()
        status = self.node.takes(self.path, self.secret)
        self.results.append((began, status))

    def stop(self):
        self.stopping.set()
        self.thread.join()
        for call in self.calls:
            call.join(2 * HANG_SECONDS)

    def has(self, status, count=1):
        return sum(found == status for _, found in list(self.results)) >= count

    def statuses(self):
        return dict(collections.Counter(status for _, status in self.results))


class Load:
    """Senders that post through HAProxy until told to stop, each call with a key; half of them on a new connection each time."""

    def __init__(self, house, webhook, secret, seed, bytes_max, has_room=lambda load: True):
        """`has_room` says of a load whether it may send more now."""
        self.house, self.port, self.bytes_max, self.has_room = house, house.proxy.port, bytes_max, has_room
        self.path = f"/in/{webhook}"
        self.authorization = f"Bearer {secret}"
        self.acks, self.unanswered, self.failures = [], [], []
        self.sent = set()
        # The longest time without an acknowledgement.
        self.acked_at, self.gap = time.monotonic(), 0
        self.failures_told = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self._send, args=(random.Random(f"{seed}-{number}"), number % 2 == 0), daemon=True)
            for number in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def acknowledged(self):
        return len(self.acks)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(2 * HANG_SECONDS)

    def _send(self, rng, is_kept_alive):
        connection = Connection(self.port)
        while self._may_send():
            # The body names the key: that is how its events are counted later.
            key, body = rng.randbytes(16).hex(), rng.randbytes(32) + random_body(rng, self.bytes_max)[:self.bytes_max]
            with self.lock:
                self.sent.add(sha256(body))
            headers = {"Authorization": self.authorization, "Idempotency-Key": key}
            try:
                self._note(connection.request("POST", self.path, body, headers), key, body)
            except FAULTS as error:
                self._fail(repr(error), key, body)
                connection.close()
                continue
            if not is_kept_alive:
                connection.close()
        connection.close()

    def _may_send(self):
        until(lambda: self.stopping.is_set() or self.has_room(self))
        return not self.stopping.is_set()

    def _note(self, got, key, body):
        # 200: HAProxy sent it a second time, and the first had been kept.
        if got.status not in (200, 202):
            self._fail(f"{got}", key, body)
            return
        with self.lock:
            self.acks.append(Ack(got.json()["id"], sha256(body)))
            self._note_time()

    def _note_time(self):
        now = time.monotonic()
        self.gap, self.acked_at = max(self.gap, now - self.acked_at), now

    def _fail(self, what, key, body):
        with self.lock:
            self.failures.append(what)
            self.unanswered.append(Keyed(key, body))
        until(lambda: self.stopping.is_set() or any(node.is_ready() for node in self.house.nodes))

    def failures_and_gap(self):
        """How many calls failed since that was last asked, and the longest time without an acknowledgement."""
        with self.lock:
            self._note_time()
            count, gap = len(self.failures) - self.failures_told, self.gap
            self.failures_told, self.gap = len(self.failures), 0
        return f"{count} calls failed, no acknowledgement for {gap:.2f} s at most"


# MARK: The claims

class Run:
    def __init__(self, house, seed, revocations, rounds, seconds, is_timed=False):
        self.house, self.seed, self.revocations, self.rounds, self.seconds = house, seed, revocations, rounds, seconds
        self.is_timed = is_timed
        self.rng = random.Random(seed)
        self.violations = []

    def claims(self):
        return {
            "revoked": self.revoked, "unheard": self.unheard, "cut": self.cut, "behind": self.behind, "deaf": self.deaf,
            "killed": self.killed, "delivered": self.delivered, "rolled": self.rolled}

    def report(self, violations):
        violations = list(violations)
        self.violations += violations
        for violation in violations[:10]:
            print(f"  FAILED {violation}", flush=True)
        if len(violations) > 10:
            print(f"  … and {len(violations) - 10} more", flush=True)

    def check(self, name):
        began = time.monotonic()
        said = self.claims()[name]()
        self.report(self.house.ended())
        print(f"{name:9} {said} ({time.monotonic() - began:.0f} s)", flush=True)

    # Revocations

    def revoked(self):
        lags = self.lags("revoked")
        return self.said_of(lags)

    def unheard(self):
        cutter = Unheard(self.house.cluster.conninfo, self.house.folder)
        try:
            lags = self.lags("unheard")
        finally:
            cut = cutter.close()
        if cut < self.revocations:
            self.report([f"only {cut} connections that LISTEN were cut"])
        return f"{self.said_of(lags)}; {cut} connections that LISTEN were cut"

    def said_of(self, lags):
        if not lags:
            return "nothing was measured"
        lags = sorted(lags)
        p50, p99 = (lags[math.ceil(len(lags) * part) - 1] for part in (0.5, 0.99))
        if lags[-1] > SECONDS_MAX or self.is_timed and p99 > P99_SECONDS_MAX:
            self.report([f"p99 may be {P99_SECONDS_MAX} s and the longest {SECONDS_MAX} s"])
        return f"{len(lags)} times refused after p50 {p50:.3f} s, p99 {p99:.3f} s, max {lags[-1]:.3f} s"

    def lags(self, name):
        """For each revocation and each other server, how long it still accepted calls after the answer."""
        webhook = self.house.api.new_webhook(name)
        return [lag for number in range(self.revocations) for lag in self.lags_of_one(webhook, f"{name} {number}")]

    def lags_of_one(self, webhook, name):
        token = self.house.api.new_token("app", name, webhook)
        probers = [Prober(node, f"/in/{webhook}", token["secret"]) for node in self.house.nodes[1:] for _ in range(2)]
        try:
            # At any moment between two looks of the others.
            count = self.rng.randint(1, 8)
            if not until(lambda: all(prober.accepted >= count for prober in probers)):
                self.report([f"{name}: a new token was not accepted everywhere"])
                return []
            # A call may have been refused while the token was not known yet.
            for prober in probers:
                prober.refused = 0
            self.house.api.deactivate(token["id"])
            answered = time.monotonic()
            # Who refused once must not accept again.
            if not until(lambda: all(prober.refused >= REFUSALS_MIN for prober in probers)):
                self.report([f"{name}: still accepted"])
        finally:
            for prober in probers:
                prober.stopping.set()
            for prober in probers:
                prober.join(2 * HANG_SECONDS)
        self.report(f"{name}: {what}" for prober in probers for what in prober.others)
        by_node = collections.defaultdict(list)
        for prober in probers:
            by_node[prober.node.name].append(prober.accepted_at - answered)
        return [max(0, *lags) for lags in by_node.values()]

    def cut(self):
        """For shorter than a place is held without a word, and for longer."""
        return "; ".join(
            self.away(f"cut, {seconds:.0f} s", self.house.cut, self.house.heal, seconds) for seconds in (SHORT_SECONDS, self.seconds))

    def behind(self):
        relay = self.house.relay

        def cut():
            relay.hold_or_let_go_readers()
            relay.hold_or_let_go_writers()

        def heal():
            relay.hold_or_let_go_readers()
            if not relay.has_let_go_readers():
                self.report(["behind: nothing got through to the server"])
            relay.hold_or_let_go_writers()

        return self.away("behind", cut, heal, SHORT_SECONDS)

    def deaf(self):
        toggle = self.house.relay.hold_or_let_go_readers
        return self.away("deaf", toggle, toggle, SHORT_SECONDS)

    def away(self, name, cut, heal, seconds):
        """Revokes a token while the last server is cut off, for so long; calls go on all the while."""
        node = self.house.c
        webhook, good = self.house.new_webhook(name)
        path = f"/in/{webhook}"
        token = self.house.api.new_token("app", f"{name}, revoked", webhook)
        if not until(lambda: node.takes(path, token["secret"]) == node.takes(path, good) == 202):
            self.report([f"{name}: the server did not take calls before"])
        pacer = Pacer(node, path, token["secret"])
        until(lambda: pacer.has(202, 5))
        cut()
        try:
            began = time.monotonic()
            self.house.api.deactivate(token["id"])
            answered = time.monotonic()
            # Until calls have been begun for so long after the revocation.
            until(lambda: pacer.began_at - answered >= seconds)
        finally:
            heal()
        healed = time.monotonic()
        if not until(lambda: node.takes(path, good) == 202):
            self.report([f"{name}: the server did not serve again"])
        again = time.monotonic() - healed
        if not until(lambda: node.takes(path, token["secret"]) == 401):
            self.report([f"{name}: the token is not refused with 401 afterwards"])
        pacer.stop()
        late = [start - answered for start, status in pacer.results if status is not None and status < 300]
        last = max(late)
        if last > SECONDS_MAX:
            count = sum(lag > SECONDS_MAX for lag in late)
            self.report([f"{name}: {count} calls accepted that began over {SECONDS_MAX} s after the revocation, up to {last:.3f} s"])
        return (
            f"away {seconds:.1f} s: last accepted call began {last:+.3f} s from the revocation, which took {answered - began:.3f} s, "
            f"served again after {again:.2f} s, answers {pacer.statuses()}")

    # Nothing is lost

    def killed(self):
        webhook, secret = self.house.new_webhook("killed")
        load = Load(self.house, webhook, secret, f"{self.seed}-killed", bytes_max=65_536)
        try:
            self.acknowledges(load, "at first")
            for number in range(self.rounds):
                self.kill_one(number, load)
            servers = load.failures_and_gap()
            seconds = [self.crash_database(load, secret, number) for number in range(max(3, self.rounds // 2))]
            databases = load.failures_and_gap()
        finally:
            load.stop()
        again, violations = resend(self.entrance(), load, load.unanswered)
        self.report(violations)
        acks = load.acks + again
        lost = self.lost(webhook, acks, load)
        return (
            f"{len(acks)} acknowledged events, {lost} lost or wrong; {self.rounds} kills of servers: {servers}; "
            f"{len(seconds)} kills of PostgreSQL: {databases}, all servers at work {max(seconds):.2f} s after it was back at most")

    def entrance(self):
        """What takes calls at one port, as `resend` wants it."""
        return argparse.Namespace(ingest_port=self.house.proxy.port)

    def acknowledges(self, load, when):
        """Whether calls are acknowledged that were not yet."""
        before = load.acknowledged()
        if not until(lambda: load.acknowledged() > before + SENDERS):
            self.report([f"no calls were acknowledged {when}"])

    def kill_one(self, number, load):
        node = self.house.nodes[number % len(self.house.nodes)]
        count = load.acknowledged() + self.rng.randint(1, ACKS_MAX)
        if not until(lambda: load.acknowledged() >= count):
            self.report([f"no calls were acknowledged before server {node.name} was killed"])
        node.kill()
        self.acknowledges(load, f"while server {node.name} was down")
        node.start()
        self.back_in_proxy(node)

    def back_in_proxy(self, node):
        if not until(lambda: self.house.proxy.is_up(node)):
            self.report([f"HAProxy did not find server {node.name} again"])

    def crash_database(self, load, secret, number):
        """Returns how long it took until every server, left alone, took calls again."""
        failures = len(load.failures) + [0, 1, SENDERS][number % 3]
        self.house.cluster.crash()
        if not until(lambda: len(load.failures) >= failures):
            self.report(["no call failed while PostgreSQL was away"])
        self.house.cluster.start()
        began = time.monotonic()
        for node in self.house.nodes:
            if not until(lambda: node.takes(load.path, secret) == 202 and node.is_ready()):  # noqa: B023, asked at once
                self.report([f"server {node.name} was not ready again after PostgreSQL was back"])
        for node in self.house.nodes:
            self.back_in_proxy(node)
        self.acknowledges(load, "after PostgreSQL was back")
        return time.monotonic() - began

    def lost(self, webhook, acks, load):
        """Reads all events of a webhook back; returns how many acknowledged ones are lost or wrong."""
        kept = Kept(self.house.api, webhook)
        bad = kept.wrong(acks)
        self.report(f"{ack.event} {what}" for ack, what in bad)
        self.report(kept.violations_of_the_whole(load.unanswered, load.sent | {sha256(QUESTION)}))
        return len(bad)

    # Deliveries

    def delivered(self):
        book = Book()
        try:
            return self.delivered_to(book)
        finally:
            book.receiver.close()

    def delivered_to(self, book):
        webhook, secret = self.house.new_webhook("delivered")
        names = ["one", "two", "three"]
        destinations = {}
        for name in names:
            asked = {
                "name": name, "kind": "http", "schedule": ",".join(["0"] + ["1s"] * 19), "concurrency": 16,
                "settings": {"url": book.receiver.url(f"/{name}"), "timeout_seconds": "60"}}
            destinations[self.house.api.expect([201], "POST", "/api/v1/destinations", asked).json()["id"]] = name
        flow = {"name": "to all of them", "webhook": webhook, "destinations": list(destinations)}
        self.house.api.expect([201], "POST", "/api/v1/flows", flow)
        # A server that does not know the flow yet makes no deliveries, and rightly so.
        for node in self.house.nodes:
            if not until(lambda: self.makes_deliveries(node, webhook, secret)):  # noqa: B023, asked at once
                self.report([f"server {node.name} makes no deliveries for a new flow"])
        load = Load(
            self.house, webhook, secret, f"{self.seed}-delivered", bytes_max=2_000,
            # Each event goes to all of them.
            has_room=lambda load: len(load.acks) - book.count() / len(names) < UNDER_WAY_MAX)
        try:
            self.acknowledges(load, "at first")
            for number in range(self.rounds):
                self.kill_one(number, load)
        finally:
            load.stop()
        again, violations = resend(self.entrance(), load, load.unanswered)
        self.report(violations)
        began = time.monotonic()
        acknowledged = {ack.event for ack in load.acks + again}
        if not book.wait_for({(event, name) for event in acknowledged for name in names}) or not until(lambda: not self.open_deliveries()):
            self.report([f"nothing comes any more, with deliveries on their way such as {self.open_deliveries()[:1]}"])
        seconds = time.monotonic() - began
        return self.right_deliveries(webhook, acknowledged, destinations, book, seconds)

    def makes_deliveries(self, node, webhook, secret):
        answer = call_once(node.ingest_port, "POST", f"/in/{webhook}", QUESTION, {"Authorization": f"Bearer {secret}"})
        return answer.status == 202 and self.house.api.expect([200], "GET", f"/api/v1/deliveries?event={answer.json()['id']}").json()["items"]

    def open_deliveries(self):
        return [
            delivery for state in ["waiting", "due", "running"]
            for delivery in self.house.api.expect([200], "GET", f"/api/v1/deliveries?state={state}&limit=1").json()["items"]]

    def all_deliveries(self):
        found, after = [], ""
        while after is not None:
            page = self.house.api.expect([200], "GET", f"/api/v1/deliveries?limit=500&after={after}").json()
            found += page["items"]
            after = page["next"]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return list(pool.map(
                lambda one: self.house.api.expect([200], "GET", f"/api/v1/deliveries/{one['id']}").json(), found))

    def right_deliveries(self, webhook, acknowledged, destinations, book, seconds):
        deliveries = [one for one in self.all_deliveries() if one["destination"] in destinations]
        by_way = {(one["event"], destinations[one["destination"]]): one for one in deliveries}
        if len(by_way) != len(deliveries):
            self.report([f"{len(deliveries) - len(by_way)} events have two deliveries to one destination"])
        wanted = {(event, name) for event in acknowledged for name in destinations.values()}
        self.report(f"{event} has no delivery to {name}" for event, name in sorted(wanted - set(by_way)))
        interrupted, twice = 0, 0
        for way, delivery in sorted(by_way.items()):
            outcomes = [one["outcome"] for one in delivery["attempt_list"]]
            if delivery["state"] != "delivered" or outcomes.count("delivered") != 1 or outcomes[-1] != "delivered":
                self.report([f"{delivery['id']} of {way[0]} to {way[1]} is {delivery['state']}, its attempts came to {outcomes}"])
            interrupted += outcomes.count("interrupted")
            # Whoever is sent something once more without need does not want that.
            received = book.attempts[way]
            twice += len(received) > 1
            if unneeded := [n for n in sorted(received)[:-1] if n > len(outcomes) or outcomes[n - 1] != "interrupted"]:
                self.report([f"{way[1]} got {way[0]} again after attempt {unneeded[0]}, its attempts came to {outcomes}"])
            if len(set(received)) != len(received):
                self.report([f"{way[1]} got {way[0]} twice by one attempt: {received}"])
        if interrupted == 0:
            self.report(["no attempt was under way at any kill, so nothing was tried out"])
        return (
            f"{len(acknowledged)} acknowledged events, {len(deliveries)} deliveries, after {self.rounds} kills; {interrupted} attempts "
            f"interrupted, {twice} received more than once, all delivered {seconds:.1f} s after the last call")

    # Restarts without a failed call

    def rolled(self):
        webhook, secret = self.house.new_webhook("rolled")
        # Small enough to be sent again.
        load = Load(self.house, webhook, secret, f"{self.seed}-rolled", bytes_max=16_000)
        try:
            self.acknowledges(load, "at first")
            for number in range(2 * self.rounds):
                node = self.house.nodes[number % len(self.house.nodes)]
                code = node.stop()
                if code != 0:
                    self.report([f"after SIGTERM server {node.name} ended with {code}, not 0"])
                node.start()
                self.back_in_proxy(node)
                self.acknowledges(load, f"after server {node.name} was back")
        finally:
            load.stop()
        said = load.failures_and_gap()
        self.report(load.failures)
        return f"{len(load.acks)} calls acknowledged, {self.lost(webhook, load.acks, load)} lost or wrong, during {2 * self.rounds} restarts: {said}"

    def main(self, names):
        print(f"seed {self.seed}, 3 servers", flush=True)
        # So that nothing stays behind whoever ends it.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        try:
            self.house.open()
            for name in names:
                self.check(name)
            for node in self.house.nodes:
                code = node.stop()
                if code != 0:
                    self.report([f"after SIGTERM server {node.name} ended with {code}, not 0"])
        except (ServerError, Unable, OSError, http.client.HTTPException, AssertionError, ValueError, KeyError) as error:
            self.report([f"the run could not go on: {error!r}"])
        finally:
            if self.violations:
                for node in self.house.nodes:
                    print(f"--- stderr of server {node.name} ---\n{node.log_tail(5000)}\n---")
            self.house.close()
        print(f"{len(self.violations)} failed")
        return 0 if not self.violations else 1


class Book:
    """What each destination got. Takes its time, so that attempts are under way when a server is killed."""

    def __init__(self):
        self.receiver = Receiver()
        # By event and destination.
        self.attempts = collections.defaultdict(list)
        self.total = 0
        # Once there is no load any more, nothing is held back.
        self.is_load_over = False
        self.more = threading.Condition()
        for name in ["one", "two", "three"]:
            self.receiver.on(f"/{name}", self._take)

    def _take(self, receiver, wire, request):
        with self.more:
            self.attempts[request.event, request.path[1:]].append(request.attempt)
            self.total += 1
            self.more.notify_all()
            # Answered when others have got theirs.
            until_total = self.total + 6
            self.more.wait_for(lambda: self.total >= until_total or self.is_load_over, HANG_SECONDS)
        answer(204)(receiver, wire, request)

    def count(self):
        return self.total

    def wait_for(self, ways):
        """Whether each event of (event, destination) came there in the end, so long as something still comes."""
        with self.more:
            self.is_load_over = True
            self.more.notify_all()
            while any(way not in self.attempts for way in ways):
                before = self.total
                if not self.more.wait_for(lambda: self.total > before, HANG_SECONDS):  # noqa: B023, asked at once
                    return False
        return True


def main():
    parser = argparse.ArgumentParser(description="several servers on one PostgreSQL, when some of it goes away")
    parser.add_argument("--revocations", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=6, help="kills and restarts for each claim about them")
    parser.add_argument("--seconds", type=float, default=12, help="how long a server is cut off")
    parser.add_argument("--timed", action="store_true", help="also holds revocations to what they take on a machine that does nothing else")
    parser.add_argument("--seed", type=int, default=None, help="repeats the sizes and moments of an earlier run")
    parser.add_argument("--inlet", default=None, help="the program (default: INLET_BIN, or the debug build)")
    parser.add_argument("--only", nargs="+", default=None, help="claims to check")
    parser.add_argument("--relay", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.relay:
        asyncio.run(relay(int(arguments.relay[0]), arguments.relay[1]))
        return 0
    complaint = complaint_about(arguments.inlet or binary_path()) or (
        None if HAProxy.program() else "there is no haproxy; scripts/setup.sh test installs it")
    if complaint:
        print(complaint, file=sys.stderr)
        return 1
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(2**32)
    run = Run(House(arguments.inlet), seed, arguments.revocations, arguments.rounds, arguments.seconds, arguments.timed)
    names = arguments.only or list(run.claims())
    if unknown := set(names) - set(run.claims()):
        parser.error(f"there is no claim {min(unknown)}")
    return run.main(names)


if __name__ == "__main__":
    sys.exit(main())
