"""What the tests of clients and of browsers share: one server for a whole session, a bound on each test, the mark of some tests."""

import contextlib
import shutil
import signal
import sys

import pytest

from databases import CLUSTER
from inlet_server import Server, complaint_about, new_folder

TEST_SECONDS_MAX = 900

embedded_only = pytest.mark.skipif(CLUSTER is not None, reason="about the embedded database's own files; this is PostgreSQL")
# Servers that share a PostgreSQL go by its time, which no test can move.
machine_time_only = pytest.mark.skipif(CLUSTER is not None, reason="on PostgreSQL the time is the database's")


def serving(request, name, flags=()):
    """A server on a fresh data folder while the fixture lives; it must end well, and its log is shown if a test failed."""
    folder = new_folder(name)
    server = Server(folder, is_durable=False)
    if complaint := complaint_about(server.binary):
        shutil.rmtree(folder)
        pytest.exit(complaint, returncode=2)
    try:
        server.init()
        server.start(flags=flags)
        yield server
        code = server.stop()
        assert code == 0, f"after SIGTERM the server ended with {code}, not 0"
    finally:
        server.kill()
        # sys.exc_info is empty after a test failed (pytest keeps that to itself), so both are asked.
        if request.session.testsfailed or sys.exc_info()[0]:
            print(f"\n--- stderr of the server ---\n{server.log_tail()}\n---", file=sys.__stderr__)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def bounded(seconds):
    """What is done within does not hang: what a socket time-out does not end, the alarm does."""

    def ring(*_):
        raise TimeoutError(f"it took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def bounded_in_time(request):
    """No test hangs. A test may name its own `seconds_max`."""
    marker = request.node.get_closest_marker("seconds_max")
    with bounded(marker.args[0] if marker else TEST_SECONDS_MAX):
        yield
