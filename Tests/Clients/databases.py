"""The database of a server, seen from beside it: the embedded one, or one in the PostgreSQL that TEST_POSTGRES names.

What claims durability is tried out on a database that is durable, in the PostgreSQL that TEST_POSTGRES_DURABLE names; all else on one
that waits for no disk.

Shared by Tests/Clients, Tests/Browser and Tests/Crash. Standard library only, so that the crash scripts need no package.
"""

import atexit
import contextlib
import os
import secrets
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from postgres import Cluster, programs  # noqa: E402

CLUSTER = os.environ.get("TEST_POSTGRES")
DURABLE_CLUSTER = os.environ.get("TEST_POSTGRES_DURABLE", CLUSTER)
# What a program must have in its environment so as not to wait for the disk, and to take a PostgreSQL that does not either.
NOT_DURABLE = {"INLET_UNSAFE_SYNCHRONOUS": "normal"}


def database_for(data, is_durable):
    """The database of a server whose data folder is this one."""
    return PostgresDatabase(is_durable) if CLUSTER else EmbeddedDatabase(data, is_durable)


def durable_cluster():
    """The PostgreSQL of the databases that are durable."""
    [folder] = parse_qs(urlsplit(DURABLE_CLUSTER).query)["host"]
    return Cluster(folder)


class EmbeddedDatabase:
    """The files of SQLite in the data folder."""

    kind = "sqlite"

    def __init__(self, data, is_durable):
        # What a program must have in its environment to use it.
        self.environment = {} if is_durable else NOT_DURABLE
        self.data = data
        self.kept = {}

    def execute(self, statement):
        """Changes rows behind the server's back, while it is down; returns how many."""
        with contextlib.closing(sqlite3.connect(self.data / "inlet.db")) as connection, connection:
            return connection.execute(statement).rowcount

    def keep(self):
        """Remembers all there is, while the server is down."""
        self.kept = {path: path.read_bytes() for path in self.data.glob("inlet.db*")}

    def put_back(self):
        """Makes all as it was kept, while the server is down."""
        for path in self.data.glob("inlet.db*"):
            path.unlink()
        for path, content in self.kept.items():
            path.write_bytes(content)

    def files(self):
        """Where rows stand on the disk."""
        return list(self.data.glob("inlet.db*"))

    def damage(self):
        """What SQLite itself says about every database in the folder, once the server is gone."""
        found = []
        for path in self.data.rglob("*"):
            if not path.is_file():
                continue
            with open(path, "rb") as file:
                if file.read(16) != b"SQLite format 3\x00":
                    continue
            with contextlib.closing(sqlite3.connect(path)) as connection:
                verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
            if verdict != "ok":
                found.append(f"{path.name}: {verdict}")
        return found


class PostgresDatabase:
    """A new database in the cluster, which goes when this process does."""

    kind = "postgres"
    # Those that are still there, and where.
    names = {}

    def __init__(self, is_durable):
        self.cluster = DURABLE_CLUSTER if is_durable else CLUSTER
        self.name = f"inlet_{secrets.token_hex(8)}"
        self.kept_name = f"{self.name}_kept"
        self.names |= {self.name: self.cluster}
        self.began = time.time()
        psql(self.cluster, f"CREATE DATABASE {self.name}")
        self.conninfo = f"{self.cluster}{'&' if '?' in self.cluster else '?'}dbname={self.name}"
        self.environment = {"INLET_DATABASE": self.conninfo} | ({} if is_durable else NOT_DURABLE)

    def execute(self, statement):
        # The answer to a change is the name of the act and a count.
        return int(psql(self.conninfo, statement).split()[-1])

    def keep(self):
        self.names |= {self.kept_name: self.cluster}
        psql(self.cluster, f"DROP DATABASE IF EXISTS {self.kept_name}", f"CREATE DATABASE {self.kept_name} TEMPLATE {self.name}")

    def put_back(self):
        psql(self.cluster, f"DROP DATABASE {self.name} WITH (FORCE)", f"CREATE DATABASE {self.name} TEMPLATE {self.kept_name}")

    def files(self):
        # What is in memory alone would not be seen.
        psql(self.conninfo, "CHECKPOINT")
        data = Path(psql(self.conninfo, "SHOW data_directory"))
        number = psql(self.conninfo, "SELECT oid FROM pg_database WHERE datname = current_database()")
        log = [path for path in (data / "pg_wal").iterdir() if path.is_file() and path.stat().st_mtime >= self.began]
        return [*(data / "base" / number).iterdir(), *log]

    def damage(self):
        done = subprocess.run(
            [programs() / "pg_amcheck", "--install-missing", "--heapallindexed", self.conninfo],
            capture_output=True, text=True, errors="replace",
        )
        return [] if done.returncode == 0 else (done.stdout + done.stderr).splitlines()


def psql_line(conninfo, *statements):
    commands = [word for statement in statements for word in ("--command", statement)]
    return [programs() / "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", *commands, conninfo]


def psql(conninfo, *statements):
    """Runs statements, each in a transaction of its own; returns what psql says, bare."""
    done = subprocess.run(
        psql_line(conninfo, *statements), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# Registered before any server is, so it is done after they have ended.
@atexit.register
def drop_all():
    for cluster in set(PostgresDatabase.names.values()):
        drops = [f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name, there in PostgresDatabase.names.items() if there == cluster]
        # Whoever has stopped the cluster has dropped them all.
        subprocess.run(psql_line(cluster, *drops), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
