#!/usr/bin/env python3
"""A PostgreSQL of one's own for tests, in a folder that goes away with it.

    postgres.py run [--fast] COMMAND …     runs a command with TEST_POSTGRES and TEST_POSTGRES_DURABLE in its environment, and
                                           returns its status
    postgres.py start FOLDER               prints how to connect; libpq takes it as it is
    postgres.py restart FOLDER [SECONDS]   stops it as a crash would, and starts it again after a while
    postgres.py stop FOLDER                ends it and removes the folder

It listens on a socket in its folder alone. What keeps acknowledged rows (fsync and the like) stays as PostgreSQL has it.

With `--fast` there are two: the one in TEST_POSTGRES keeps nothing for certain and lies in memory where there is room, so a server takes
it only with INLET_UNSAFE_SYNCHRONOUS=normal; the one in TEST_POSTGRES_DURABLE is as above, for what claims durability. Without it, both
variables name the same one.
"""

import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

PORT = 54329
CONNECTIONS_MAX = 400
# Of the path of a socket, in bytes; what the system has room for.
SOCKET_BYTES_MAX = 107
START_SECONDS_MAX = 60
# A folder in memory, and the bytes that must be free there before something of a test is put into it.
MEMORY = Path("/dev/shm")
MEMORY_FREE_BYTES_MIN = 4 * 1024**3

# For a cluster whose end nobody will look at: no waiting for a disk, and as little as can be written to a log.
FAST = {
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
    "wal_level": "minimal", "max_wal_senders": 0, "max_wal_size": "256MB", "checkpoint_timeout": "1h",
}


class Unable(Exception):
    """There is no PostgreSQL to be had; why."""


def programs():
    """The folder of the newest PostgreSQL's programs."""
    found = glob.glob("/usr/lib/postgresql/*/bin/pg_ctl")
    if found:
        newest = max(found, key=lambda path: [int(number) for number in re.findall(r"\d+", path)])
    else:
        newest = shutil.which("pg_ctl")
    if not newest:
        raise Unable("no PostgreSQL is installed; scripts/setup.sh test installs it")
    return Path(newest).resolve().parent


def memory_folder():
    """A folder in memory with room for what tests write, or None; what must outlive a crash of the machine does not belong there."""
    try:
        is_roomy = shutil.disk_usage(MEMORY).free >= MEMORY_FREE_BYTES_MIN and os.access(MEMORY, os.W_OK | os.X_OK)
    except OSError:
        return None
    return MEMORY if is_roomy else None


class Cluster:
    def __init__(self, folder, is_fast=False):
        self.folder = Path(folder).resolve()
        self.settings = FAST if is_fast else {}
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else None

    @property
    def conninfo(self):
        return f"postgres:///postgres?host={quote(str(self.folder))}&port={PORT}&user=postgres"

    @property
    def is_made(self):
        return (self.data / "PG_VERSION").exists()

    def make(self):
        socket = self.folder / f".s.PGSQL.{PORT}"
        if len(os.fsencode(socket)) > SOCKET_BYTES_MAX:
            raise Unable(f"{socket} is too long for a socket; take a folder with a shorter name")
        self.folder.mkdir(mode=0o700, exist_ok=True)
        # It goes away with all that is in it.
        if any(self.folder.iterdir()):
            raise Unable(f"{self.folder} is not empty")
        if self.user:
            try:
                shutil.chown(self.folder, self.user)
            except LookupError:
                raise Unable(f"there is no user {self.user}, whom PostgreSQL could run as in the place of root") from None
        # Nobody takes the power from a whole cluster, so what is made here need not have reached the disk.
        self._do(
            "initdb", "--pgdata", self.data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        with open(self.data / "postgresql.conf", "a") as settings:
            settings.write(
                f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\nport = {PORT}\n"
                f"max_connections = {CONNECTIONS_MAX}\n")
            settings.writelines(f"{name} = {value}\n" for name, value in self.settings.items())

    def start(self):
        # Returns when it answers.
        self._control("start", "--log", self.log, "--timeout", START_SECONDS_MAX)

    def crash(self):
        self._control("stop", "--mode=immediate")

    def remove(self):
        if not self.is_made:
            raise Unable(f"{self.folder} holds no PostgreSQL of ours, so it is left as it is")
        if (self.data / "postmaster.pid").exists():
            self.crash()
        shutil.rmtree(self.folder)

    def _control(self, act, *words):
        if not self.is_made:
            raise Unable(f"{self.folder} holds no PostgreSQL of ours")
        self._do("pg_ctl", act, "--pgdata", self.data, "--wait", "--silent", *words)

    def _do(self, program, *words):
        done = subprocess.run(
            [programs() / program, *map(str, words)], cwd=self.folder, user=self.user, group=self.user,
            extra_groups=[] if self.user else None, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace",
            # Ctrl-C is for the command that is run, not for what starts and stops the cluster.
            start_new_session=True,
        )
        if done.returncode != 0:
            log = self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
            raise Unable(f"{program} ended with {done.returncode}:\n{done.stdout}{log}".rstrip())


@contextmanager
def temporary(prepare=lambda cluster: None, is_fast=False):
    """A cluster that runs meanwhile and is gone afterwards; what is to be done before it starts is called with it."""
    # Not where TMPDIR says: the path must be short.
    folder = Path(tempfile.mkdtemp(prefix="inlet-pg-", dir=is_fast and memory_folder() or "/tmp"))
    cluster = Cluster(folder, is_fast)
    try:
        cluster.make()
        prepare(cluster)
        cluster.start()
        yield cluster
    finally:
        if cluster.is_made:
            cluster.remove()
        else:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def clusters(is_fast):
    """What a command finds in its environment, while its clusters run."""
    with ExitStack() as stack:
        if not is_fast:
            durable = fast = stack.enter_context(temporary())
        else:
            made = [temporary(is_fast=is_fast) for is_fast in (False, True)]
            # Side by side: each waits for programs most of the time.
            with ThreadPoolExecutor() as pool:
                starting = [pool.submit(stack.enter_context, one) for one in made]
            durable, fast = (one.result() for one in starting)
        yield {"TEST_POSTGRES": fast.conninfo, "TEST_POSTGRES_DURABLE": durable.conninfo}


def run(command, is_fast):
    """Runs a command beside clusters, which are gone afterwards, whatever becomes of the command."""
    child = None
    stopped_by = []

    def pass_on(number, _):
        stopped_by.append(number)
        # A terminal has told the command itself of Ctrl-C; whoever ends only us by SIGTERM means both.
        if child and number == signal.SIGTERM:
            child.terminate()

    for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]:
        signal.signal(number, pass_on)
    with clusters(is_fast) as environment:
        if stopped_by:
            return 128 + stopped_by[0]
        child = subprocess.Popen(command, env=os.environ | environment)
        status = child.wait()
        return status if status >= 0 else 128 - status


def main(words):
    match words:
        case ["run", "--fast", _, *_]:
            return run(words[2:], is_fast=True)
        case ["run", _, *_] if words[1] != "--fast":
            return run(words[1:], is_fast=False)
        case ["start", folder]:
            cluster = Cluster(folder)
            cluster.make()
            cluster.start()
            print(cluster.conninfo)
        case ["restart", folder, *seconds] if len(seconds) < 2:
            cluster = Cluster(folder)
            cluster.crash()
            time.sleep(float(seconds[0]) if seconds else 0)
            cluster.start()
        case ["stop", folder]:
            Cluster(folder).remove()
        case _:
            print(__doc__.strip(), file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Unable, OSError) as error:
        print(f"==> PostgreSQL cannot be used: {error}", file=sys.stderr)
        sys.exit(1)
