#!/usr/bin/env python3
"""Takes the network between one of three servers and PostgreSQL away, and proves that it accepts no revoked token for longer than it
may, and that it serves again by itself.

    partition.py [--inlet PATH] [--seed N] [--rounds 2] [--seconds 30]

Needs root: the server runs in a network namespace and reaches PostgreSQL by TCP over a pair of virtual interfaces, which is taken
down. What is checked is the claim `cut` of nodes.py. Exit code 0 only if it holds.
"""

import argparse
import contextlib
import ctypes
import os
import random
import subprocess
import sys

from nodes import House, Node, Run, binary_path, complaint_about
from postgres import PORT

NAMESPACE_OF_NETWORKS = 0x40000000
# Out of a range that is reserved for examples, so that it is hardly in use.
HERE, THERE = "198.51.100.1", "198.51.100.2"


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=30)


class Namespace:
    """A network of its own, joined to this one by a pair of interfaces."""

    def __init__(self):
        self.name = f"inlet-{os.getpid()}"
        # At most 15 letters.
        self.near, self.far = f"inl{os.getpid()}a", f"inl{os.getpid()}b"

    def open(self):
        ip("netns", "add", self.name)
        ip("link", "add", self.near, "type", "veth", "peer", "name", self.far, "netns", self.name)
        ip("address", "add", f"{HERE}/30", "dev", self.near)
        ip("link", "set", self.near, "up")
        for words in [("address", "add", f"{THERE}/30", "dev", self.far), ("link", "set", self.far, "up"), ("link", "set", "lo", "up")]:
            ip("-netns", self.name, *words)

    def close(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            # The pair goes with it once nothing runs in it; here at once.
            ip("link", "delete", self.near)
        with contextlib.suppress(subprocess.CalledProcessError):
            ip("netns", "delete", self.name)

    @contextlib.contextmanager
    def inside(self):
        """What this thread opens and starts meanwhile is in the namespace."""
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            self._enter(there)
            try:
                yield
            finally:
                self._enter(back)
        finally:
            os.close(there)
            os.close(back)

    @staticmethod
    def _enter(namespace):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(namespace, NAMESPACE_OF_NETWORKS) != 0:
            raise OSError(ctypes.get_errno(), "the network namespace cannot be entered")


class Apart(Node):
    """The server in the namespace."""

    def __init__(self, namespace, *words):
        super().__init__(*words)
        self.inside = namespace.inside


class HouseApart(House):
    """The last server gets to PostgreSQL over the interfaces."""

    def __init__(self, inlet):
        super().__init__(inlet)
        self.namespace = Namespace()

    def prepare(self):
        self.things.callback(self.namespace.close)
        self.namespace.open()
        with open(self.cluster.data / "postgresql.conf", "a") as settings:
            settings.write(f"listen_addresses = '{HERE}'\n")
        with open(self.cluster.data / "pg_hba.conf", "a") as who:
            who.write(f"host all all {THERE}/32 trust\n")

    def way(self):
        return f"postgres://postgres@{HERE}:{PORT}/postgres"

    def make_node(self, name, *words):
        words = [name, self.folder / name, *words, self.inlet]
        return Apart(self.namespace, *words) if name == "c" else Node(*words)

    def start_proxy(self):
        """None: it would not get to the server in the namespace."""

    def cut(self):
        ip("link", "set", self.namespace.near, "down")

    def heal(self):
        ip("link", "set", self.namespace.near, "up")


def main():
    parser = argparse.ArgumentParser(description="a server without a network to its database: revoked tokens accepted late 0")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30, help="how long the network is away, beside a short time")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--inlet", default=None, help="the program (default: INLET_BIN, or the debug build)")
    arguments = parser.parse_args()
    complaint = complaint_about(arguments.inlet or binary_path()) or (None if os.geteuid() == 0 else "network namespaces need root")
    if complaint:
        print(complaint, file=sys.stderr)
        return 1
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(2**32)
    run = Run(HouseApart(arguments.inlet), seed, revocations=0, rounds=0, seconds=arguments.seconds)
    return run.main(["cut"] * arguments.rounds)


if __name__ == "__main__":
    sys.exit(main())
