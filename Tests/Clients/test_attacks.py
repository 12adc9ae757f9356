"""Attacks on the process itself: its stack, its memory, its books. Each one succeeded once."""

import json
import socket
import struct
import time

import pytest

from inlet_server import call_once

REFUSED = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SECONDS = 20


def in_flight(api):
    return api.expect([200], "GET", "/api/v1/status").json()["bytes_in_flight"]


def until_zero(api):
    """The room that bodies took is given back soon after their connections end, and to the byte."""
    end = time.monotonic() + SECONDS
    while (now := in_flight(api)) != 0:
        assert time.monotonic() < end, f"{now} bytes are still on the books"


def good(target, body):
    head = f"POST {target.path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {target.secret}\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("count", [100, 5000])
def test_any_number_of_pipelined_requests_is_answered_one_by_one(target, count):
    with target.wire(timeout=SECONDS) as wire:
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
        caller.settimeout(3)
        caller.connect(("127.0.0.1", server.ingest_port))
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 64_000_000:
                sent += caller.send(REFUSED * 1000)
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
