#!/usr/bin/env python3
"""Kills the server with SIGKILL at random moments under load and proves that nothing acknowledged was lost (row N1).

    crash.py --rounds 20 [--seed N] [--inlet PATH] [--database-kill]

On PostgreSQL if TEST_POSTGRES names one. With `--database-kill` it is PostgreSQL that is stopped as by a crash and started again,
and the server must go on by itself.

One data folder and one database for the whole run. The last line is `N passed, M failed`: N acknowledged events were read back
and are right; M acknowledged events are missing or wrong, or another promise was broken. Exit code 0 only if M is 0 and N is not.
"""

import argparse
import collections
import concurrent.futures
import http.client
import math
import random
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Clients"))
from databases import CLUSTER, restart_cluster  # noqa: E402
from inlet_server import Connection, Server, ServerError, binary_path, complaint_about, sha256, until  # noqa: E402

SENDERS = 16
CHECKERS = 8
READY_SECONDS_MAX = 2.0
# Until a server has found the database again that was gone.
AGAIN_SECONDS_MAX = 20

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
        self.busy = 0               # 503: allowed, as long as nothing is lost
        self.first_ack = threading.Event()
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.threads = [
            threading.Thread(target=self._send_until_stopped, args=(random.Random(f"{seed}-{number}"),), daemon=True)
            for number in range(SENDERS)
        ]

    def acknowledged(self):
        return len(self.acks)

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
            if thread.is_alive():
                self.violations.append("a sender hangs: the server neither answered nor closed within 30 s")

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
                time.sleep(0.005)
                continue
            self._note(answer, key, body, digest)
            if answer.status == 503:
                time.sleep(0.05)
        if connection:
            connection.close()

    def _note(self, answer, key, body, digest):
        with self.lock:
            if answer.status == 202:
                event = answer.json()["id"]
                if answer.header("Inlet-Event") != event:
                    self.violations.append(f"Inlet-Event differs from the id in the body: {answer}")
                self.acks.append(Ack(event, digest))
                self.first_ack.set()
            elif answer.status == 503:
                self.busy += 1
                if not answer.header("Retry-After"):
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

    def once_more(call):
        headers = {"Authorization": load.authorization, "Idempotency-Key": call.key}
        connection = Connection(server.ingest_port)
        try:
            first = connection.request("POST", load.path, call.body, headers)
            second = connection.request("POST", load.path, call.body, headers)
        except (OSError, http.client.HTTPException) as error:
            return None, f"key {call.key}: sent again, no answer: {error!r}"
        finally:
            connection.close()
        if first.status not in (200, 202) or second.status != 200:
            return None, f"key {call.key}: sent again, expected 200 or 202 and then 200, got {first}, {second}"
        if first.json()["id"] != second.json()["id"]:
            return None, f"key {call.key}: two events, {first.json()['id']} and {second.json()['id']}"
        return Ack(first.json()["id"], sha256(call.body)), None

    with concurrent.futures.ThreadPoolExecutor(CHECKERS) as pool:
        results = list(pool.map(once_more, calls))
    return [ack for ack, _ in results if ack], [violation for _, violation in results if violation]


def wrong(api, acks, bodies=lambda ack: True):
    """Reads acknowledged events back; returns [(ack, what is wrong)], empty if all are right."""

    def look(ack):
        try:
            answer = api.request("GET", f"/api/v1/events/{ack.event}")
            if answer.status != 200:
                return ack, "LOST" if answer.status == 404 else f"not readable: {answer}"
            if answer.json()["body_sha256"] != ack.sha256:
                return ack, "WRONG: body_sha256 differs"
            if bodies(ack):
                body = api.request("GET", f"/api/v1/events/{ack.event}/body")
                if body.status != 200 or sha256(body.body) != ack.sha256:
                    return ack, f"WRONG BYTES: {body.status}, {len(body.body)} bytes"
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            return ack, f"not readable: {error!r}"
        return None

    with concurrent.futures.ThreadPoolExecutor(CHECKERS) as pool:
        return [result for result in pool.map(look, acks) if result]


def violations_of_the_whole(api, webhook, acks, keyed, sent):
    """What can only be seen over all events: one event per key, none twice, none that nobody sent."""
    found = []
    ids = [item["id"] for item in api.all_events(webhook)]
    if len(ids) != len(set(ids)):
        found.append(f"the list of events names {len(ids) - len(set(ids))} of them twice")
    missing = {ack.event for ack in acks} - set(ids)
    if missing:
        found.append(f"{len(missing)} acknowledged events are not in the list, such as {min(missing)}")
    known = {ack.event: ack.sha256 for ack in acks}
    # Kept, but the answer did not get through: allowed, as long as it is whole.
    strangers = [event for event in set(ids) if event not in known]
    with concurrent.futures.ThreadPoolExecutor(CHECKERS) as pool:
        for event, detail in zip(strangers, pool.map(api.event, strangers)):
            known[event] = detail["body_sha256"]
    halves = [event for event in strangers if known[event] not in sent]
    found += [f"{event} was kept with bytes nobody sent" for event in halves]
    found += [f"{ack.event} (unacknowledged): {what}" for ack, what in wrong(api, [Ack(e, known[e]) for e in strangers])]
    events_of = collections.defaultdict(set)
    for event, digest in known.items():
        events_of[digest].add(event)
    for call in keyed:
        count = len(events_of[sha256(call.body)])
        if count != 1:
            found.append(f"key {call.key} has {count} events, not one")
    return found


def kill_database(server, load, rng):
    """Stops PostgreSQL as a crash would and starts it again; returns the seconds until the server, left alone, takes calls again."""
    restart_cluster(rng.choice([0, rng.uniform(0, 2)]))
    began, before = time.monotonic(), load.acknowledged()
    if not until(lambda: load.acknowledged() > before, AGAIN_SECONDS_MAX):
        load.violations.append(f"no call was acknowledged within {AGAIN_SECONDS_MAX} s after the database was back")
    seconds = time.monotonic() - began
    if not until(server.is_ready):
        load.violations.append("the server takes calls again, but does not say it is ready")
    if server.process.poll() is not None:
        raise ServerError(f"the server ended with {server.process.returncode} when the database went away")
    return seconds


def complaint_about_database(kills_database):
    """Why the database cannot be killed, in words; None if it can or need not be."""
    return "--database-kill is for PostgreSQL: use scripts/postgres.py run" if kills_database and not CLUSTER else None


class Run:
    def __init__(self, rounds, seed, inlet, kills_database):
        self.rounds, self.seed, self.kills_database = rounds, seed, kills_database
        self.rng = random.Random(seed)
        self.folder = Path(tempfile.mkdtemp(prefix="inlet-crash-"))
        self.server = Server(self.folder, binary=inlet)
        self.acks, self.keyed, self.sent, self.violations = [], [], set(), []
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
        if not load.first_ack.wait(15):
            load.violations.append("no call was acknowledged within 15 s")
        time.sleep(self.rng.uniform(0.2, 1.5))
        if self.kills_database:
            seconds = kill_database(self.server, load, self.rng)
            load.stop()
        else:
            self.server.kill()
            load.stop()
            seconds = self.server.start()
        self.ready_seconds.append(seconds)
        again, violations = resend(self.server, load, load.unanswered)
        acks = load.acks + again
        api = self.server.api()
        sample = set(self.rng.sample(load.acks, min(100, len(load.acks))))
        wrong_now = wrong(api, acks, bodies=lambda ack: ack in sample)

        self.acks += acks
        self.keyed += load.unanswered
        self.sent |= load.sent
        print(
            f"round {number:3}: {len(load.acks):5} acknowledged, {len(again):2} of {len(load.unanswered):2} keyed calls resent, "
            f"{load.busy} busy, {len(wrong_now)} lost or wrong, ready again after {self.ready_seconds[-1]:.2f} s",
            flush=True,
        )
        # The same events are counted again at the end; here they only tell in which round it happened.
        for ack, what in wrong_now[:10]:
            print(f"  {ack.event} {what}", flush=True)
        self.report(load.violations + violations)

    def finish(self):
        """Checks everything once more and returns (passed, failed)."""
        api = self.server.api()
        bad = wrong(api, self.acks)
        self.report([f"{ack.event} {what}" for ack, what in bad])
        self.report(violations_of_the_whole(api, self.server.info["webhook"], self.acks, self.keyed, self.sent))
        code = self.server.stop()
        if code != 0:
            self.report([f"after SIGTERM the server ended with {code}, not 0"])
        self.report(self.server.database.damage())
        return len(self.acks) - len(bad), len(self.violations)

    def main(self):
        print(f"seed {self.seed}, {self.rounds} rounds, {SENDERS} senders, {self.server.database.kind}", flush=True)
        passed = 0
        try:
            self.server.init()
            self.ready_seconds.append(self.server.start())
            for number in range(1, self.rounds + 1):
                self.round(number)
            passed, _ = self.finish()
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
