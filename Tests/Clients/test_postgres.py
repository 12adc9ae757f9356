"""What Inlet asks of a PostgreSQL: N1, that it keeps what was acknowledged, and that it is the one the connection string means."""

import os
import subprocess
from pathlib import Path

import pytest

from databases import psql
from inlet_server import LOOPBACK, Server, binary_path, call_once, free_port, until
from postgres import temporary


def init(conninfo, folder):
    return subprocess.run(
        [binary_path(), "init", "--data", str(folder / "data"), "--database", conninfo],
        env={"HOME": str(folder)}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )


def assert_refused(done, folder, *words):
    assert done.returncode == 1, done.stdout + done.stderr
    [line] = done.stderr.splitlines()
    assert all(word in line for word in words), line
    assert not Path(folder, "data", "master.key").exists()


# MARK: Durability


@pytest.fixture(scope="module")
def cluster():
    with temporary() as cluster:
        yield cluster


def set_to(cluster, setting, value):
    psql(cluster.conninfo, f"ALTER SYSTEM SET {setting} = {value}", "SELECT pg_reload_conf()")
    assert until(lambda: psql(cluster.conninfo, f"SHOW {setting}") == value)


@pytest.mark.parametrize("setting", ["synchronous_commit", "fsync", "full_page_writes"])
def test_n1_a_postgresql_that_may_lose_what_was_acknowledged_is_refused(cluster, tmp_path, setting):
    set_to(cluster, setting, "off")
    refused = init(cluster.conninfo, tmp_path)
    set_to(cluster, setting, "on")

    assert_refused(refused, tmp_path, f"{setting} = off", "Set it to on")
    assert psql(cluster.conninfo, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0"


def test_n1_a_postgresql_that_keeps_what_was_acknowledged_is_taken(cluster, tmp_path):
    taken = init(cluster.conninfo, tmp_path)

    assert taken.returncode == 0, taken.stderr


def test_n1_calls_are_refused_once_a_new_connection_may_lose_what_was_acknowledged(cluster, tmp_path):
    psql(cluster.conninfo, "CREATE DATABASE later")
    conninfo = f"{cluster.conninfo}&dbname=later"
    server = Server(tmp_path, environment={"INLET_DATABASE": conninfo})
    made = server.init()
    server.start()

    def status():
        return call_once(server.ingest_port, "POST", f"/in/{made['webhook']}", b"{}", {"Authorization": f"Bearer {made['api_token']}"}).status

    try:
        before = status()
        set_to(cluster, "synchronous_commit", "off")
        psql(conninfo, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name LIKE 'inlet %'")
        during = status()
        set_to(cluster, "synchronous_commit", "on")
        after = status()
    finally:
        server.stop()

    assert (before, during, after) == (202, 503, 202)


# MARK: TLS


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60)


def authority(folder, name):
    """The certificate of a new authority, and its key."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", f"/CN={name}", "-keyout", key, "-out", certificate)
    return certificate, key


class Remote:
    """A PostgreSQL that takes connections over TLS alone, and calls itself localhost."""

    def __init__(self, folder):
        self.port = free_port()
        self.trusted, self.key = authority(folder, "trusted")
        self.other, _ = authority(folder, "other")
        self.folder = folder

    def prepare(self, cluster):
        request, names = self.folder / "request", self.folder / "names"
        certificate, key = cluster.data / "server.crt", cluster.data / "server.key"
        names.write_text("subjectAltName = DNS:localhost\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", self.folder / "server.key", "-out", request)
        openssl(
            "x509", "-req", "-in", request, "-CA", self.trusted, "-CAkey", self.key, "-CAcreateserial", "-days", 2,
            "-extfile", names, "-out", self.folder / "server.crt")
        with open(cluster.data / "postgresql.conf", "a") as settings:
            settings.write(
                f"listen_addresses = '{LOOPBACK}'\nport = {self.port}\nssl = on\n"
                f"ssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\n")
        rules = cluster.data / "pg_hba.conf"
        rules.write_text("local all all trust\nhostssl all all 127.0.0.1/32 trust\n")
        # PostgreSQL reads no key of somebody else's.
        owner = rules.stat()
        for source, target in [("server.crt", certificate), ("server.key", key)]:
            target.write_bytes((self.folder / source).read_bytes())
            target.chmod(0o600)
            os.chown(target, owner.st_uid, owner.st_gid)

    def conninfo(self, host="localhost", mode="verify-full", root=None):
        address = f"&hostaddr={LOOPBACK}" if host == "localhost" else ""
        return f"postgres://postgres@{host}:{self.port}/postgres?sslmode={mode}&sslrootcert={root or self.trusted}{address}"


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    remote = Remote(tmp_path_factory.mktemp("remote"))
    with temporary(remote.prepare):
        yield remote


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda remote: remote.conninfo(root=remote.other), "certificate verify failed"),
        (lambda remote: remote.conninfo(host=LOOPBACK), "does not match"),
        (lambda remote: remote.conninfo(mode="disable"), "no encryption"),
    ],
    ids=["of another authority", "of another name", "without TLS"],
)
def test_a_postgresql_that_cannot_be_trusted_as_the_connection_string_says_is_refused(remote, tmp_path, wrong, words):
    assert_refused(init(wrong(remote), tmp_path), tmp_path, words)


def test_every_connection_to_a_postgresql_is_encrypted_as_the_connection_string_says(remote, tmp_path):
    server = Server(tmp_path, environment={"INLET_DATABASE": remote.conninfo()})
    server.init()
    server.start()
    try:
        found = psql(
            remote.conninfo(),
            "SELECT count(*) > 3, bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'inlet %'")
    finally:
        server.stop()

    assert found == "t|t"
