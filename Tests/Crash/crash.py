#!/usr/bin/env python3
"""Kills the server with SIGKILL at random moments under load and proves that nothing acknowledged was lost (row N1).

    crash.py --rounds 20 [--seed N] [--inlet PATH] [--database-kill]

On PostgreSQL if TEST_POSTGRES_DURABLE or TEST_POSTGRES names one. With `--database-kill` it is PostgreSQL that is stopped as by a crash
and started again, and the server must go on by itself.

A moment is a number of acknowledgements: the kill comes as soon as there are so many. One data folder and one database for the whole
run, and at its end one export of all events tells what was kept: what one kill took, no later start brings back.

The last line is `N passed, M failed`: N acknowledged events were read back and are right; M acknowledged events are missing or wrong,
or another promise was broken. Exit code 0 only if M is 0 and N is not.
"""

import argparse
import base64
import collections
import concurrent.futures
import http.client
import json
import math
import random
import shutil
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Clients"))
from databases import DURABLE_CLUSTER, durable_cluster  # noqa: E402
from inlet_server import (  # noqa: E402
    HANG_SECONDS, Connection, Server, ServerError, answers_at, binary_path, complaint_about, new_folder, sha256, until)

SENDERS = 16
CHECKERS = 4
# Acknowledgements before a kill, at most.
ACKS_MAX = 400
READY_SECONDS_MAX = 2.0

Ack = collections.namedtuple("Ack", "event sha256")
Keyed = collections.namedtuple("Keyed", "key body")


def random_body(rng, bytes_max):
    """0 B to bytes_max, small ones as often as large ones; now and then 1 MiB."""
    chance = rng.random()
    if chance < 0.03:
        return b""
    if chance < 0.04 and bytes_max >= 65_536:
        return rng.randbytes(1_048_576)
    return rng.randbytes(int(math.exp(rng.uniform(0, math.log(bytes_max)))))


class Load:
    """Senders that post until told to stop, and remember what was acknowledged and what was left without an answer."""

    def __init__(self, server, webhook, secret, seed, bytes_max=65_536):
        self.server = server
        self.path = f"/in/{webhook}"
        self.authorization = f"Bearer {secret}"
        self.bytes_max = bytes_max
        self.acks = []
        self.unanswered = []        # Keyed calls: nobody knows whether they were kept
        self.sent = set()           # sha256 of all bodies that were begun
        self.violations = []
        self.busy = 0               # 503, or 408 on a busy machine: allowed, as long as nothing is lost
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.more = threading.Condition(self.lock)
        self.threads = [
            threading.Thread(target=self._send_until_stopped, args=(random.Random(f"{seed}-{number}"),), daemon=True)
            for number in range(SENDERS)
        ]

    def start(self):
        for thread in self.threads:
            thread.start()

    def acknowledged(self):
        return len(self.acks)

    def wait_for(self, what, is_there):
        """Waits until the answers are such that this holds."""
        with self.more:
            if not self.more.wait_for(is_there, HANG_SECONDS):
                self.violations.append(f"{what} did not come")

    def hold_nobody_back(self):
        """All send as fast as they can, as here they do anyway."""

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(2 * HANG_SECONDS)
            if thread.is_alive():
                self.violations.append("a sender hangs: the server neither answered nor closed")

    def _wait_while(self, server_is_away):
        """Nobody sends to a server that cannot take it; but nobody waits either once the load is stopped."""
        until(lambda: self.stopping.is_set() or not server_is_away())

    def _send_until_stopped(self, rng):
        connection = None
        while not self.stopping.is_set():
            key, body = None, random_body(rng, self.bytes_max)
            if rng.random() < 0.3:
                # At least 32 bytes, so that the body names the key: that is how its events are counted later.
                key, body = rng.randbytes(16).hex(), rng.randbytes(32) + body
            digest = sha256(body)
            headers = {"Authorization": self.authorization, "Content-Type": "application/octet-stream"}
            if key:
                headers["Idempotency-Key"] = key
            with self.lock:
                self.sent.add(digest)
            try:
                connection = connection or Connection(self.server.ingest_port)
                answer = connection.request("POST", self.path, body, headers)
            except (OSError, http.client.HTTPException):
                # Not fully read is not acknowledged.
                if key:
                    with self.lock:
                        self.unanswered.append(Keyed(key, body))
                if connection:
                    connection.close()
                connection = None
                self._wait_while(lambda: not answers_at(self.server.ingest_port))
                continue
            self._note(answer, key, body, digest)
            if answer.status == 503:
                self._wait_while(lambda: not self.server.is_ready())
        if connection:
            connection.close()

    def _note(self, answer, key, body, digest):
        with self.more:
            self.more.notify()
            if answer.status == 202:
                event = answer.json()["id"]
                if answer.header("Inlet-Event") != event:
                    self.violations.append(f"Inlet-Event differs from the id in the body: {answer}")
                self.acks.append(Ack(event, digest))
            elif answer.status in (408, 503):
                self.busy += 1
                if answer.status == 503 and not answer.header("Retry-After"):
                    self.violations.append(f"503 without Retry-After: {answer}")
                if key:
                    self.unanswered.append(Keyed(key, body))
            else:
                self.violations.append(f"unexpected answer: {answer}")
                if key:
                    self.unanswered.append(Keyed(key, body))


def resend(server, load, calls):
    """Sends keyed calls again whose answer was lost, twice each; returns (acknowledgements, violations).

    Afterwards each key has one event, whether or not the crash had kept it.
    """
    acks, violations = [], []

    def send_again(part):
        connection = Connection(server.ingest_port)
        for call in part:
            headers = {"Authorization": load.authorization, "Idempotency-Key": call.key}
            try:
                first = connection.request("POST", load.path, call.body, headers)
                second = connection.request("POST", load.path, call.body, headers)
            except (OSError, http.client.HTTPException) as error:
                violations.append(f"key {call.key}: sent again, no answer: {error!r}")
                connection.close()
                continue
            if first.status not in (200, 202) or second.status != 200:
                violations.append(f"key {call.key}: sent again, expected 200 or 202 and then 200, got {first}, {second}")
            elif first.json()["id"] != second.json()["id"]:
                violations.append(f"key {call.key}: two events, {first.json()['id']} and {second.json()['id']}")
            else:
                acks.append(Ack(first.json()["id"], sha256(call.body)))
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(CHECKERS) as pool:
        list(pool.map(send_again, [calls[start::CHECKERS] for start in range(min(CHECKERS, len(calls)))]))
    return acks, violations


class Kept:
    """All events of a webhook as the server has them, read back in one export with their bytes: by id, the sha256 of the bytes."""

    def __init__(self, api, webhook, **query):
        self.digests, self.violations = {}, []
        answer = api.request("GET", "/api/v1/events/export?" + urlencode({"webhook": webhook, **query}))
        if answer.status != 200 or not (answer.body == b"" or answer.body.endswith(b"\n")):
            self.violations.append(f"the events could not be read back: {answer.status}, {len(answer.body)} bytes")
            return
        # Not splitlines(), for which other characters end a line as well.
        for line in answer.body.split(b"\n")[:-1]:
            self._add(json.loads(line))

    def _add(self, event):
        bytes_ = base64.b64decode(event["body_base64"]) if "body_base64" in event else event["body"].encode()
        digest = sha256(bytes_)
        if (event["body_sha256"], event["body_bytes"]) != (digest, len(bytes_)):
            self.violations.append(f"{event['id']} has other bytes than it says: {len(bytes_)} instead of {event['body_bytes']}")
        if event["id"] in self.digests:
            self.violations.append(f"{event['id']} is there twice")
        self.digests[event["id"]] = digest

    def wrong(self, acks):
        """What is wrong with acknowledged events: [(ack, what)], empty if all are there with the bytes that were sent."""
        found = ((ack, self.digests.get(ack.event)) for ack in acks)
        return [(ack, "WRONG BYTES" if digest else "LOST") for ack, digest in found if digest != ack.sha256]

    def violations_of_the_whole(self, keyed, sent):
        """What can only be seen over all events: one event per key, none twice, none with bytes that nobody sent."""
        # Kept, but the answer did not get through: allowed, as long as it is whole.
        halves = [f"{event} was kept with bytes nobody sent" for event, digest in self.digests.items() if digest not in sent]
        counts = collections.Counter(self.digests.values())
        several = [(call.key, counts[sha256(call.body)]) for call in keyed]
        return self.violations + halves + [f"key {key} has {count} events, not one" for key, count in several if count != 1]


def kill_database(server, load, rng):
    """Stops PostgreSQL as a crash would, and starts it again at once or after some calls were refused; returns the seconds until the
    server, left alone, takes calls again."""
    busy = load.busy + rng.choice([0, rng.randint(1, len(load.threads))])
    cluster = durable_cluster()
    cluster.crash()
    load.hold_nobody_back()
    load.wait_for("a refusal while the database was away", lambda: load.busy >= busy)
    cluster.start()
    began, before = time.monotonic(), load.acknowledged()
    load.wait_for("an acknowledgement after the database was back", lambda: load.acknowledged() > before)
    seconds = time.monotonic() - began
    if not until(server.is_ready):
        load.violations.append("the server takes calls again, but does not say it is ready")
    if server.process.poll() is not None:
        raise ServerError(f"the server ended with {server.process.returncode} when the database went away")
    return seconds


def complaint_about_database(kills_database):
    """Why the database cannot be killed, in words; None if it can or need not be."""
    return "--database-kill is for PostgreSQL: use scripts/postgres.py run" if kills_database and not DURABLE_CLUSTER else None


class Run:
    def __init__(self, rounds, seed, inlet, kills_database):
        self.rounds, self.seed, self.kills_database = rounds, seed, kills_database
        self.rng = random.Random(seed)
        self.folder = new_folder("crash", is_durable=True)
        self.server = Server(self.folder, binary=inlet)
        self.acks, self.keyed, self.sent, self.violations = [], [], set(), []
        # Of each event, the round in which it was acknowledged.
        self.rounds_of = {}
        self.ready_seconds = []

    def report(self, violations):
        self.violations += violations
        for violation in violations[:10]:
            print(f"  FAILED {violation}", flush=True)
        if len(violations) > 10:
            print(f"  … and {len(violations) - 10} more", flush=True)

    def round(self, number):
        load = Load(self.server, self.server.info["webhook"], self.server.info["api_token"], f"{self.seed}-{number}")
        load.start()
        count = self.rng.randint(1, ACKS_MAX)
        load.wait_for(f"acknowledgement {count}", lambda: load.acknowledged() >= count)
        if self.kills_database:
            seconds = kill_database(self.server, load, self.rng)
            load.stop()
        else:
            self.server.kill()
            load.stop()
            seconds = self.server.start()
        self.ready_seconds.append(seconds)
        again, violations = resend(self.server, load, load.unanswered)
        self.acks += load.acks + again
        self.rounds_of |= dict.fromkeys((ack.event for ack in load.acks + again), number)
        self.keyed += load.unanswered
        self.sent |= load.sent
        print(
            f"round {number:3}: {len(load.acks):5} acknowledged, {len(again):2} of {len(load.unanswered):2} keyed calls resent, "
            f"{load.busy} busy, ready again after {self.ready_seconds[-1]:.2f} s",
            flush=True,
        )
        self.report(load.violations + violations)

    def finish(self):
        """Checks everything and returns how many acknowledged events are right."""
        kept = Kept(self.server.api(), self.server.info["webhook"])
        bad = kept.wrong(self.acks)
        self.report([f"{ack.event} of round {self.rounds_of[ack.event]}: {what}" for ack, what in bad])
        self.report(kept.violations_of_the_whole(self.keyed, self.sent))
        print(f"{len(kept.digests)} events read back, {len(bad)} of {len(self.acks)} acknowledged ones lost or wrong", flush=True)
        code = self.server.stop()
        if code != 0:
            self.report([f"after SIGTERM the server ended with {code}, not 0"])
        self.report(self.server.database.damage())
        return len(self.acks) - len(bad)

    def main(self):
        print(f"seed {self.seed}, {self.rounds} rounds, {SENDERS} senders, {self.server.database.kind}", flush=True)
        passed = 0
        try:
            self.server.init()
            self.ready_seconds.append(self.server.start())
            for number in range(1, self.rounds + 1):
                self.round(number)
            passed = self.finish()
        except (ServerError, OSError, http.client.HTTPException, AssertionError, ValueError, KeyError) as error:
            self.report([f"the run could not go on: {error!r}"])
        finally:
            self.server.kill()
            if self.violations:
                print(f"--- stderr of the server ---\n{self.server.log_tail(5000)}\n---")
            shutil.rmtree(self.folder, ignore_errors=True)
        if self.ready_seconds:
            slow = sum(seconds > READY_SECONDS_MAX for seconds in self.ready_seconds)
            print(f"ready again: worst {max(self.ready_seconds):.2f} s, over {READY_SECONDS_MAX:.0f} s: {slow} of {len(self.ready_seconds)}")
        failed = len(self.violations)
        print(f"{passed} passed, {failed} failed")
        return 0 if failed == 0 and passed > 0 else 1


def main():
    parser = argparse.ArgumentParser(description="kill -9 under load: acknowledged events lost 0, wrong bytes 0")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="repeats the sizes and moments of an earlier run")
    parser.add_argument("--inlet", default=None, help="the program (default: INLET_BIN, or the debug build)")
    parser.add_argument("--database-kill", action="store_true", help="stops PostgreSQL and starts it again; the server stays up")
    arguments = parser.parse_args()
    if complaint := complaint_about(arguments.inlet or binary_path()) or complaint_about_database(arguments.database_kill):
        print(complaint, file=sys.stderr)
        return 1
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(2**32)
    return Run(arguments.rounds, seed, arguments.inlet, arguments.database_kill).main()


if __name__ == "__main__":
    sys.exit(main())
