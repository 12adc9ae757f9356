"""Attacks on the process itself: its stack, its memory, its books. Each one succeeded once."""

import contextlib
import json
import socket
import struct
import subprocess
import threading
from datetime import datetime, timedelta, timezone

import pytest

from inlet_server import HANG_SECONDS, LOOPBACK, call_once, free_port, made_up_secret, own_server, until

REFUSED = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SECONDS = HANG_SECONDS


def in_flight(api):
    return api.expect([200], "GET", "/api/v1/status").json()["bytes_in_flight"]


def until_zero(api):
    """The room that bodies took is given back soon after their connections end, and to the byte."""
    assert until(lambda: in_flight(api) == 0), f"{in_flight(api)} bytes are still on the books"


def good(target, body):
    head = f"POST {target.path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {target.secret}\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("count", [100, 5000])
def test_any_number_of_pipelined_requests_is_answered_one_by_one(target, count):
    with target.wire() as wire:
        # A large body first: the server then reads much at once, and all that follows stands in one read.
        wire.send(good(target, bytes(6_000_000)))
        assert wire.answer().status == 202
        wire.send(good(target, b"1") + REFUSED * count)
        assert wire.answer().status == 202
        for _ in range(count):
            assert wire.answer("GET").status == 404
    target.assert_good_call_works()


def test_who_reads_no_answers_is_read_no_further(target, server):
    with socket.socket() as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        caller.connect((LOOPBACK, server.ingest_port))
        caller.setblocking(False)
        sent, refused_in_a_row = 0, 0
        while refused_in_a_row < 10 and sent < 64_000_000:
            try:
                sent += caller.send(REFUSED * 1000)
                refused_in_a_row = 0
            except BlockingIOError:
                # The server attends to others, so it would to this one.
                target.assert_good_call_works()
                refused_in_a_row += 1
    # What fits into the buffers of both sides, and no more.
    assert sent < 32_000_000
    target.assert_good_call_works()


def test_bodies_that_end_in_an_abort_leave_nothing_on_the_books(target, server, api):
    head = good(target, b"")[: -len(b"Content-Length: 0\r\n\r\n")]
    broken = [
        good(target, b"abc") + head + b"Content-Length: 100000\r\n\r\nabc",
        head + b"Content-Length: 100000\r\n\r\nabc",
        head + b"Transfer-Encoding: chunked\r\n\r\n2710\r\n" + bytes(10_000) + b"\r\nZZZ\r\n",
    ]
    for raw in broken:
        for is_reset in [False, True]:
            for _ in range(40):
                with socket.create_connection(("127.0.0.1", server.ingest_port), timeout=SECONDS) as caller:
                    caller.sendall(raw)
                    if is_reset:
                        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            until_zero(api)


def test_P9_a_tag_that_nests_too_deep_is_given_as_text(target):
    for depth, is_object in [(32, True), (33, False), (500, False)]:
        tag = '{"a":' * depth + "1" + "}" * depth
        event = target.post(b"x", target.bearer | {"Inlet-Context": tag}).json()["id"]
        context = target.api.event(event)["context"]
        assert context == (json.loads(tag) if is_object else tag)


def test_a_request_to_the_REST_API_that_nests_too_deep_is_refused(api):
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}
    answer = call_once(api.port, "POST", "/api/v1/webhooks", b'{"name":' + b"[" * 30_000, headers)
    assert answer.status == 400 and answer.json()["field"] == "body"
    assert answer.json()["title"] == "Bad Request"


@pytest.mark.parametrize("name", ["\u202e", "a\u200bb", "a\u2066b", "\x1b[2J"])
def test_a_name_that_steers_the_terminal_is_refused(api, name):
    answer = api.request("POST", "/api/v1/webhooks", {"name": name})
    assert answer.status == 400 and answer.json()["field"] == "name"


UNDELIVERED = "a warning could not be delivered"


@contextlib.contextmanager
def listener():
    """Takes connections, and hears nothing of what is sent on them before it is asked."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        listening.settimeout(SECONDS)
        yield listening


def notify(server, port, value=None):
    """Has warnings posted to that port, from the next start on."""
    api = server.api()
    headers = {}
    if value is not None:
        api.expect([200, 201], "PUT", "/api/v1/secret-variables/FROM_A_FILE", {"value": value})
        headers = {"Authorization": "Bearer {{FROM_A_FILE}}", "X-Api-Key": "{{FROM_A_FILE}}"}
    setting = {"notification_url": f"http://{LOOPBACK}:{port}/hook", "notification_headers": headers}
    api.expect([200], "PATCH", "/api/v1/organization", setting)


def restart_until_posted(server, flags=()):
    """Sees to it that there is a warning when the server starts, and posts it when it starts once more."""
    soon = (datetime.now(timezone.utc) + timedelta(hours=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    server.api().expect([201], "POST", "/api/v1/tokens", {"kind": "api", "name": "ends soon", "expires_at": soon})
    for _ in range(2):
        assert server.stop() == 0
        server.start(flags=flags)
        assert until(lambda: server.api().expect([200], "GET", "/api/v1/warnings").json()["items"])


class Warned:
    """A server that logs all it can, with a warning that nobody has taken yet."""

    def __init__(self, server):
        self.server = server
        self.values = []
        server.start()
        notify(server, free_port())
        restart_until_posted(server)

    def assert_undelivered(self, port, value, end=""):
        """Has the warning posted to that port, with that value in its header: in vain, and nothing of the value is logged."""
        self.values.append(value)
        notify(self.server, port, value + end)
        assert self.server.stop() == 0
        before = self.server.log.stat().st_size
        self.server.start()
        assert until(lambda: UNDELIVERED.encode() in self.server.log.read_bytes()[before:]), "no warning was tried"
        [warning] = self.server.api().expect([200], "GET", "/api/v1/warnings").json()["items"]
        assert warning.get("delivered_at") is None
        self.assert_not_logged()

    def assert_not_logged(self):
        log = self.server.log.read_bytes()
        assert [piece for value in self.values for piece in pieces(value) if piece in log] == []


@pytest.fixture(scope="module")
def warned():
    with own_server({"INLET_LOG_LEVEL": "trace", "INLET_EGRESS_ALLOW": f"{LOOPBACK}/32"}) as server:
        warned = Warned(server)
        yield warned
        assert server.stop() == 0
        # Nor is it on the way down.
        warned.assert_not_logged()


def pieces(text, length=8):
    return {text[start:start + length].encode() for start in range(len(text) - length + 1)}


@pytest.mark.parametrize("is_heard", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\x7f"])
def test_E11_a_value_that_ends_with_a_line_break_is_neither_sent_nor_logged(warned, end, is_heard):
    with listener() as there:
        warned.assert_undelivered(there.getsockname()[1] if is_heard else free_port(), made_up_secret("z"), end)

        there.setblocking(False)
        with pytest.raises(BlockingIOError):
            there.accept()


@pytest.mark.parametrize("answer", [None, b"", b"HTTP/1.1 200 OK\r\nno header at all\r\n\r\n", b"\x16\x03\x01 no HTTP"])
def test_E11_whatever_goes_wrong_with_a_warning_no_value_is_logged(warned, answer):
    with listener() as there:

        def spoil():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = there.accept()
                    with connection:
                        connection.recv(65_536)
                        connection.sendall(answer)

        # Nobody listens, or who listens speaks no HTTP.
        if answer is not None:
            threading.Thread(target=spoil, daemon=True).start()
        warned.assert_undelivered(free_port() if answer is None else there.getsockname()[1], made_up_secret("z"))


def test_E11_the_networks_that_may_be_reached_are_a_flag_too(server):
    done = subprocess.run([server.binary, "serve", "--help"], env=server.environment, capture_output=True, timeout=SECONDS)
    assert done.returncode == 0 and b"--egress-allow" in done.stdout

    with own_server() as own, listener() as there:
        own.start(flags=["--egress-allow", "127.0.0.0/8"])
        notify(own, there.getsockname()[1])
        restart_until_posted(own, flags=["--egress-allow", "127.0.0.0/8"])
        connection, _ = there.accept()
        with connection:
            connection.settimeout(SECONDS)
            assert connection.recv(65_536).startswith(b"POST /hook HTTP/1.1\r\n")


def test_E11_without_that_flag_the_own_network_is_not_reached(server):
    with own_server() as own, listener() as there:
        own.start()
        notify(own, there.getsockname()[1])
        restart_until_posted(own)
        assert until(lambda: UNDELIVERED in own.log_tail())
        there.setblocking(False)
        with pytest.raises(BlockingIOError):
            there.accept()


def test_half_a_form_does_not_keep_the_server_from_stopping():
    with own_server() as server:
        server.start()
        with socket.create_connection(("127.0.0.1", server.admin_port), timeout=SECONDS) as line:
            line.sendall(b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nlogin=")
            # The server answers others, so it has taken this one too.
            assert server.api().expect([200], "GET", "/api/v1/status").status == 200
            # Less than the server gives those who are under way.
            assert server.stop(timeout=25) == 0
