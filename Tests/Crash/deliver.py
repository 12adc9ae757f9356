#!/usr/bin/env python3
"""Kills the server with SIGKILL at random moments while it delivers, and proves that nothing acknowledged stays undelivered, and that
nothing is sent twice that was not in flight at a kill (rows N1, P8).

    deliver.py --rounds 20 [--seed N] [--inlet PATH] [--database-kill]

On PostgreSQL if TEST_POSTGRES_DURABLE or TEST_POSTGRES names one. With `--database-kill` it is PostgreSQL that is stopped as by a crash
and started again, and the server must go on by itself.

A moment is a number of acknowledgements: the kill comes as soon as there are so many. One data folder, one database and one receiver for the whole run. The last line is `N passed, M failed`: N deliveries of
acknowledged events are right; M are not, or another promise was broken. Exit code 0 only if M is 0 and N is not.
"""

import argparse
import collections
import concurrent.futures
import http.client
import json
import random
import shutil
import sys
import threading
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Clients"))
from crash import complaint_about_database, kill_database  # noqa: E402
from hostile_receiver import Receiver, answer  # noqa: E402
from inlet_server import (  # noqa: E402
    HANG_SECONDS, LOOPBACK, Connection, Server, ServerError, answers_at, binary_path, complaint_about, new_folder, until)

SENDERS = 8
CHECKERS = 4
# Acknowledgements before a kill, at most.
ACKS_MAX = 60
# What of the acknowledged is on its way to each destination at most, before more is sent: so that all of them keep up, and some of it is
# always under way.
UNDER_WAY_MAX = 40
# Other receipts before the slow destination answers.
SLOW_COUNT = 8
SAMPLE = 100
# The most that a destination can have: no attempt ends by it.
TIMEOUT_SECONDS = "60"
FLAGS = ["--egress-allow", f"{LOOPBACK}/32"]
# A kill uses up an attempt, so there are as many as there may be.
SCHEDULE = ",".join(["0"] + ["1s"] * 19)

Receipt = collections.namedtuple("Receipt", "event attempt status")


class Book:
    """What each destination got, in the order it got it, and what was answered. Outlives every server."""

    def __init__(self):
        self.receiver = Receiver()
        self.receipts = collections.defaultdict(list)
        # Of each destination, the events that it took.
        self.taken = collections.defaultdict(set)
        self.count = 0
        self.acknowledged = 0
        # Once there is no load any more, nothing is held back.
        self.is_load_over = False
        self.more = threading.Condition()
        for name, way in {"quick": self._quick, "slow": self._slow, "moody": self._moody, "ordered": self._moody}.items():
            self.receiver.on(f"/{name}", way)

    def _note(self, receiver, wire, request, status):
        # Before it is answered: a kill may come between the two.
        name = request.path[1:]
        with self.more:
            self.receipts[name].append(Receipt(request.event, request.attempt, status))
            self.count += 1
            if status == 204:
                self.taken[name].add(request.event)
            self.more.notify_all()
        answer(status)(receiver, wire, request)

    def _quick(self, receiver, wire, request):
        self._note(receiver, wire, request, 204)

    def _slow(self, receiver, wire, request):
        """Answers when others have got theirs, so that some attempts are under way at every kill."""
        with self.more:
            until_count = self.count + SLOW_COUNT
            self.more.wait_for(lambda: self.count >= until_count or self.is_load_over, HANG_SECONDS)
        self._note(receiver, wire, request, 204)

    def _moody(self, receiver, wire, request):
        """Refuses the first attempt at one event in ten; always the same ones."""
        refuses = request.attempt == 1 and zlib.crc32(request.event.encode()) % 10 == 0
        self._note(receiver, wire, request, 500 if refuses else 204)

    def acknowledge(self):
        with self.more:
            self.acknowledged += 1

    def wait_until_some_are_taken(self, goes_on):
        """Waits as long as too many of the acknowledged events are still to come to the destination that is slowest."""
        with self.more:
            self.more.wait_for(
                lambda: goes_on() or self.acknowledged - len(self.taken["ordered"]) < UNDER_WAY_MAX, HANG_SECONDS)

    def wait_until_taken(self, ways):
        """Whether each event of (event, destination) was taken there in the end, so long as something still comes."""
        with self.more:
            self.is_load_over = True
            self.more.notify_all()
            left = lambda: [way for way in ways if way[0] not in self.taken[way[1]]]  # noqa: E731
            while left():
                before = self.count
                if not self.more.wait_for(lambda: self.count > before, HANG_SECONDS):  # noqa: B023, asked at once
                    return False
        return True


class Load:
    """Senders that post until told to stop, each with a key of its own, and remember what was acknowledged."""

    def __init__(self, server, webhook, secret, book):
        self.server = server
        self.book = book
        self.path = f"/in/{webhook}"
        self.authorization = f"Bearer {secret}"
        self.acks = collections.defaultdict(list)
        self.count = 0
        self.violations = []
        self.busy = 0
        self.is_free = False
        self.stopping = threading.Event()
        self.more = threading.Condition()
        self.threads = [threading.Thread(target=self._send, args=(number,), daemon=True) for number in range(SENDERS)]

    def acknowledged(self):
        return self.count

    def start(self):
        for thread in self.threads:
            thread.start()

    def wait_for(self, what, is_there):
        """Waits until the answers are such that this holds."""
        with self.more:
            if not self.more.wait_for(is_there, HANG_SECONDS):
                self.violations.append(f"{what} did not come")

    def hold_nobody_back(self):
        """From now on all send as fast as they can, whatever was taken."""
        with self.book.more:
            self.is_free = True
            self.book.more.notify_all()

    def stop(self):
        self.stopping.set()
        self.hold_nobody_back()
        for thread in self.threads:
            thread.join(2 * HANG_SECONDS)
            if thread.is_alive():
                self.violations.append("a sender hangs: the server neither answered nor closed")

    def _wait_while(self, server_is_away):
        """Nobody sends to a server that cannot take it; but nobody waits either once the load is stopped."""
        until(lambda: self.stopping.is_set() or not server_is_away())

    def _send(self, number):
        key = f"sender {number}"
        headers = {"Authorization": self.authorization, "Content-Type": "application/json", "X-Key": key}
        connection, count = None, 0
        while not self.stopping.is_set():
            count += 1
            try:
                connection = connection or Connection(self.server.ingest_port)
                got = connection.request("POST", self.path, json.dumps({"key": key, "count": count}), headers)
            except (OSError, http.client.HTTPException):
                if connection:
                    connection.close()
                connection = None
                self._wait_while(lambda: not answers_at(self.server.ingest_port))
                continue
            self._note(key, got)
            if got.status == 503:
                self._wait_while(lambda: not self.server.is_ready())
            self.book.wait_until_some_are_taken(lambda: self.stopping.is_set() or self.is_free)
        if connection:
            connection.close()

    def _note(self, key, got):
        with self.more:
            self.more.notify()
            if got.status == 202:
                self.acks[key].append(got.json()["id"])
                self.count += 1
            elif got.status in (408, 503):
                self.busy += 1
            else:
                self.violations.append(f"unexpected answer: {got}")
        if got.status == 202:
            self.book.acknowledge()


class Run:
    def __init__(self, rounds, seed, inlet, kills_database):
        self.rounds, self.seed, self.kills_database = rounds, seed, kills_database
        self.rng = random.Random(seed)
        self.folder = new_folder("deliver", is_durable=True)
        self.server = Server(self.folder, binary=inlet)
        self.book = Book()
        self.destinations = {}
        self.acks = collections.defaultdict(list)
        self.violations = []
        self.busy = 0

    def report(self, violations):
        self.violations += violations
        for violation in violations[:10]:
            print(f"  FAILED {violation}", flush=True)
        if len(violations) > 10:
            print(f"  … and {len(violations) - 10} more", flush=True)

    def set_up(self):
        api = self.server.api()
        for name in ["quick", "slow", "moody", "ordered"]:
            asked = {
                "name": name, "kind": "http", "schedule": SCHEDULE, "concurrency": 16,
                "settings": {"url": self.book.receiver.url(f"/{name}"), "timeout_seconds": TIMEOUT_SECONDS}, "ordered_by": "X-Key" if name == "ordered" else None,
            }
            self.destinations[api.expect([201], "POST", "/api/v1/destinations", asked).json()["id"]] = name
        flow = {"name": "to all of them", "webhook": self.server.info["webhook"], "destinations": list(self.destinations)}
        api.expect([201], "POST", "/api/v1/flows", flow)

    def round(self, number):
        load = Load(self.server, self.server.info["webhook"], self.server.info["api_token"], self.book)
        load.start()
        count = self.rng.randint(1, ACKS_MAX)
        load.wait_for(f"acknowledgement {count}", lambda: load.acknowledged() >= count)
        if self.kills_database:
            seconds = kill_database(self.server, load, self.rng)
            load.stop()
        else:
            self.server.kill()
            load.stop()
            seconds = self.server.start(flags=FLAGS)
        for key, events in load.acks.items():
            self.acks[key] += events
        self.busy += load.busy
        print(
            f"round {number:3}: {load.acknowledged():4} acknowledged, {self.book.count:6} received so far, "
            f"ready again after {seconds:.2f} s", flush=True)
        self.report(load.violations)

    def open_deliveries(self):
        api = self.server.api()
        return [
            delivery for state in ["waiting", "due", "running"]
            for delivery in api.expect([200], "GET", f"/api/v1/deliveries?state={state}&limit=1").json()["items"]]

    def all_deliveries(self):
        """All there are, each with its attempts where there were several, and for a sample of the others."""
        api, found, after = self.server.api(), [], ""
        while after is not None:
            page = api.expect([200], "GET", f"/api/v1/deliveries?limit=500&after={after}").json()
            found += page["items"]
            after = page["next"]
        single = [one for one in found if one["attempts"] == 1]
        sampled = {one["id"] for one in self.rng.sample(single, min(SAMPLE, len(single)))}

        def detailed(delivery):
            if delivery["attempts"] == 1 and delivery["id"] not in sampled:
                # What is delivered by its only attempt says it all.
                return delivery | {"attempt_list": [{"number": 1, "outcome": "delivered", "status": 204}]}
            return api.expect([200], "GET", f"/api/v1/deliveries/{delivery['id']}").json()

        with concurrent.futures.ThreadPoolExecutor(CHECKERS) as pool:
            return list(pool.map(detailed, found))

    def finish(self):
        """Waits until all is delivered and checks everything; returns how many deliveries of acknowledged events are right."""
        acknowledged = {event for events in self.acks.values() for event in events}
        ways = {(event, name) for event in acknowledged for name in self.destinations.values()}
        # What was kept without an acknowledgement is not waited for by name.
        if not self.book.wait_until_taken(ways) or not until(lambda: not self.open_deliveries()):
            self.report([f"nothing comes any more, with deliveries on their way such as {self.open_deliveries()[:1]}"])
        # A receipt is noted before it is answered, so nothing is under way any more.
        deliveries = self.all_deliveries()
        by_way = {(one["event"], self.destinations.get(one["destination"])): one for one in deliveries}
        if len(by_way) != len(deliveries):
            self.report([f"{len(deliveries) - len(by_way)} events have two deliveries to one destination"])
        self.receipts_by_way = collections.defaultdict(list)
        for name, receipts in self.book.receipts.items():
            for receipt in receipts:
                self.receipts_by_way[receipt.event, name].append(receipt)
        events = {event for event, _ in by_way}
        wanted = {(event, name) for event in acknowledged | events for name in self.destinations.values()}
        self.report([f"{event} has no delivery to {name}" for event, name in sorted(wanted - set(by_way))])
        bad = set()
        for way, delivery in sorted(by_way.items()):
            if what := self.wrong(delivery):
                bad.add(way)
                self.report([f"{delivery['id']} of {way[0]} to {way[1]}: {what}"])
        self.report(self.strangers(by_way))
        self.report(self.out_of_order())
        twice = sum(len(receipts) - len({one.event for one in receipts}) for receipts in self.book.receipts.values())
        interrupted = sum(one["outcome"] == "interrupted" for delivery in deliveries for one in delivery["attempt_list"])
        print(f"{len(deliveries)} deliveries, {interrupted} attempts interrupted, {twice} received more than once", flush=True)
        # A server that stays up knows what came of its attempts; that the database was away it tells by its 503s.
        if (self.busy if self.kills_database else interrupted) == 0:
            self.report(["no call or attempt was in flight at any kill, so nothing was tried out"])
        code = self.server.stop()
        if code != 0:
            self.report([f"after SIGTERM the server ended with {code}, not 0"])
        self.report(self.server.database.damage())
        return len([way for way in by_way if way[0] in acknowledged and way not in bad])

    def wrong(self, delivery):
        """What is wrong with a delivery, beside what was received of it; None if nothing is."""
        attempts = delivery["attempt_list"]
        if delivery["state"] != "delivered":
            return f"{delivery['state']}, after {[one['outcome'] for one in attempts]}"
        if [one["number"] for one in attempts] != list(range(1, delivery["attempts"] + 1)):
            return f"its attempts are {[one['number'] for one in attempts]}, not 1 to {delivery['attempts']}"
        if any(one["outcome"] not in ("refused", "interrupted") for one in attempts[:-1]) or attempts[-1]["outcome"] != "delivered":
            return f"its attempts came to {[one['outcome'] for one in attempts]}"
        # One that was delivered at once is looked at among the receipts alone.
        return self.wrong_receipts(delivery, attempts) if len(attempts) > 1 else None

    def wrong_receipts(self, delivery, attempts):
        name = self.destinations[delivery["destination"]]
        received = {one.attempt: one.status for one in self.receipts_by_way[delivery["event"], name]}
        for attempt in attempts:
            status = received.get(attempt["number"])
            if attempt["outcome"] != "interrupted" and status != attempt["status"]:
                return f"attempt {attempt['number']} says {attempt['status']}, the receiver says {status}"
        return None

    def strangers(self, by_way):
        """Receipts without a record, and events that were received again without need."""
        found = []
        for (event, name), receipts in self.receipts_by_way.items():
            numbers = [receipt.attempt for receipt in receipts]
            delivery = by_way.get((event, name))
            if delivery is None:
                found.append(f"{name} got {event}, of which there is no delivery")
                continue
            outcomes = {one["number"]: one["outcome"] for one in delivery["attempt_list"]}
            if unknown := [number for number in numbers if number not in outcomes]:
                found.append(f"{name} got {event} by attempt {unknown[0]}, of which there is no record: {outcomes}")
            if len(numbers) != len(set(numbers)):
                found.append(f"{name} got {event} twice by one attempt: {numbers}")
            # Whatever came before the last was refused by the receiver, or in flight at a kill.
            for number in sorted(set(numbers))[:-1]:
                if outcomes.get(number) not in ("refused", "interrupted"):
                    found.append(f"{name} got {event} again after attempt {number} was {outcomes.get(number)}")
        missing = sorted(
            way for way, one in by_way.items() if one["state"] == "delivered" and way[0] not in self.book.taken[way[1]])
        return found + [f"{name} never got {event}, which counts as delivered" for event, name in missing]

    def out_of_order(self):
        """Where a destination in order got an event although an earlier one of its key was still to come."""
        first, last = {}, {}
        for place, receipt in enumerate(self.book.receipts["ordered"]):
            first.setdefault(receipt.event, place)
            if receipt.status == 204:
                last.setdefault(receipt.event, place)
        found = []
        for key, events in self.acks.items():
            for sooner, later in zip(events, events[1:]):
                if sooner in last and later in first and first[later] < last[sooner]:
                    found.append(f"ordered got {later} of {key} before it had taken {sooner}")
        return found

    def main(self):
        kind = self.server.database.kind
        print(f"seed {self.seed}, {self.rounds} rounds, {SENDERS} senders, 4 destinations, {kind}", flush=True)
        passed = 0
        try:
            self.server.init()
            self.server.start(flags=FLAGS)
            self.set_up()
            for number in range(1, self.rounds + 1):
                self.round(number)
            passed = self.finish()
        except (ServerError, OSError, http.client.HTTPException, AssertionError, ValueError, KeyError) as error:
            self.report([f"the run could not go on: {error!r}"])
        finally:
            self.server.kill()
            self.book.receiver.close()
            if self.violations:
                print(f"--- stderr of the server ---\n{self.server.log_tail(5000)}\n---")
            shutil.rmtree(self.folder, ignore_errors=True)
        print(f"{passed} passed, {len(self.violations)} failed")
        return 0 if not self.violations and passed > 0 else 1


def main():
    parser = argparse.ArgumentParser(description="kill -9 while delivering: undelivered 0, sent twice without need 0")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="repeats the moments of an earlier run")
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
