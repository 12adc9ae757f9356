"""N1: Inlet refuses a PostgreSQL that could lose what was acknowledged, and says which setting to change."""

import subprocess
import tempfile
from pathlib import Path

import pytest

from databases import psql
from inlet_server import binary_path, until
from postgres import Cluster


@pytest.fixture(scope="module")
def cluster():
    # Not in pytest's folder: the path of a socket must be short.
    cluster = Cluster(tempfile.mkdtemp(prefix="inlet-pg-", dir="/tmp"))
    try:
        cluster.make()
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


def set_to(cluster, setting, value):
    psql(cluster.conninfo, f"ALTER SYSTEM SET {setting} = {value}", "SELECT pg_reload_conf()")
    assert until(lambda: psql(cluster.conninfo, f"SHOW {setting}") == value)


def init(cluster, folder):
    return subprocess.run(
        [binary_path(), "init", "--data", str(folder / "data"), "--database", cluster.conninfo],
        env={"HOME": str(folder)}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )


@pytest.mark.parametrize("setting", ["synchronous_commit", "fsync", "full_page_writes"])
def test_n1_a_postgresql_that_may_lose_what_was_acknowledged_is_refused(cluster, tmp_path, setting):
    set_to(cluster, setting, "off")
    refused = init(cluster, tmp_path)
    set_to(cluster, setting, "on")

    assert refused.returncode == 1, refused.stdout + refused.stderr
    [line] = refused.stderr.splitlines()
    assert f"{setting} = off" in line and "Set it to on" in line
    assert not Path(tmp_path, "data", "master.key").exists()
    assert psql(cluster.conninfo, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0"


def test_n1_a_postgresql_that_keeps_what_was_acknowledged_is_taken(cluster, tmp_path):
    taken = init(cluster, tmp_path)

    assert taken.returncode == 0, taken.stderr
