"""One server for the whole session, on a fresh data folder; every test speaks to it as a stranger would.

Where several workers share the tests, each has a server of its own.
"""

import pytest

from session_server import bounded_in_time, serving  # noqa: F401, bounded_in_time is a fixture
from target import Target

# The longest go first, so that all workers come to their end at about the same time.
LONGEST = ["test_openapi.py", "test_clients.py", "test_flows.py", "test_hostile.py", "test_attacks.py", "test_commands.py"]


def pytest_configure(config):
    # Known to pytest-xdist alone, and a file can be run without it.
    config.addinivalue_line("markers", "xdist_group(name): tests that stay with one worker")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests of one file share what they set up, so they stay with one worker, unless the file itself says what belongs together."""
    longest = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: longest.get(item.path.name, len(longest)))
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def server(request):
    yield from serving(request, "clients")


@pytest.fixture(scope="session")
def api(server):
    return server.api()


@pytest.fixture
def target(server, api, request):
    return Target(server, api, request.node.name[:80])


@pytest.fixture(scope="module")
def shared_target(server, api, request):
    return Target(server, api, request.module.__name__)
