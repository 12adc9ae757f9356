"""What the tests of clients and of browsers share: one server for a whole session, a bound on each test, the mark of some tests."""

import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from databases import CLUSTER
from inlet_server import Server, complaint_about

TEST_SECONDS_MAX = 120

embedded_only = pytest.mark.skipif(CLUSTER is not None, reason="about the embedded database's own files; this is PostgreSQL")
# Servers that share a PostgreSQL go by its time, which no test can move.
machine_time_only = pytest.mark.skipif(CLUSTER is not None, reason="on PostgreSQL the time is the database's")


def serving(request, name, flags=()):
    """A server on a fresh data folder while the fixture lives; it must end well, and its log is shown if a test failed."""
    folder = Path(tempfile.mkdtemp(prefix=f"inlet-{name}-"))
    server = Server(folder)
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


@pytest.fixture(autouse=True)
def bounded_in_time(request):
    """No test hangs: what a socket time-out does not end, the alarm does. A test may name its own `seconds_max`."""
    marker = request.node.get_closest_marker("seconds_max")
    seconds = marker.args[0] if marker else TEST_SECONDS_MAX

    def ring(*_):
        raise TimeoutError(f"the test took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
