"""Malformed and hostile requests: refused with a clear 4xx or a close, never a 5xx, never a crash, never a second request.

Every raw request here is followed, on the same connection, by a good call with the body SMUGGLED. If that one is kept,
the server saw a boundary where a stricter reader (a proxy before it) would not have seen it.
"""

import base64
import random
import select
import socket
import struct
import time

import pytest

from inlet_server import BODY_BYTES_MAX, HANG_SECONDS, basic

LINE = b"POST @PATH@ HTTP/1.1\r\n"
HOST = b"Host: @HOST@\r\n"
AUTH = b"Authorization: Bearer @SECRET@\r\n"
HEAD = LINE + HOST + AUTH
GOOD = HEAD + b"Content-Length: 4\r\n\r\ngood"
SMUGGLED = HEAD + b"Content-Length: 8\r\n\r\nSMUGGLED"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"\r\n"

CLOSED = None  # the server closed without an answer


def by_name(cases):
    return pytest.mark.parametrize("raw", cases.values(), ids=cases.keys())


def assert_refused(target, raw, statuses, followed_by=SMUGGLED, closes=True):
    """Sends the raw request and a good one behind it: the first is refused, the second never carried out."""
    before = target.newest()
    with target.wire() as wire:
        wire.send(target.fill(raw + followed_by))
        answer = wire.answer()
        status = answer.status if answer else CLOSED
        assert status in statuses, answer
        if answer and closes:
            assert wire.answers() == [], "the server answered once more after the error"
    assert_nothing_was_kept_since(target, before)


def assert_nothing_was_kept_since(target, before):
    """Neither now, nor before a good call that begins now is kept."""
    good = target.assert_good_call_works()
    items, _ = target.api.events(target.webhook, limit=2)
    assert [item["id"] for item in items] == [good] + ([before] if before else []), "something was kept"


# --- where does the body end? ---

FRAMING = {
    "length and chunked": HEAD + b"Content-Length: 5\r\n" + CHUNKED + END + b"0\r\n\r\n",
    "chunked and length": HEAD + CHUNKED + b"Content-Length: 5\r\n" + END + b"0\r\n\r\n",
    "length 0 and chunked": HEAD + b"Content-Length: 0\r\n" + CHUNKED + END + b"0\r\n\r\n",
    "length and an unknown coding": HEAD + b"Content-Length: 0\r\nTransfer-Encoding: x\r\n" + END,
    "TE.TE: chunked, then identity": HEAD + CHUNKED + b"Transfer-Encoding: identity\r\n" + END + b"0\r\n\r\n",
    "TE.TE: identity, then chunked": HEAD + b"Transfer-Encoding: identity\r\n" + CHUNKED + END + b"0\r\n\r\n",
    "TE.TE: chunked twice": HEAD + CHUNKED + CHUNKED + END + b"0\r\n\r\n",
    "chunked, chunked": HEAD + b"Transfer-Encoding: chunked, chunked\r\n" + END + b"0\r\n\r\n",
    "identity, chunked": HEAD + b"Transfer-Encoding: identity, chunked\r\n" + END + b"0\r\n\r\n",
    "gzip, chunked: a coding we do not undo": HEAD + b"Transfer-Encoding: gzip, chunked\r\n" + END + b"0\r\n\r\n",
    "an unknown coding, chunked": HEAD + b"Transfer-Encoding: x, chunked\r\n" + END + b"0\r\n\r\n",
    "chunked is not last": HEAD + b"Transfer-Encoding: chunked, gzip\r\n" + END + b"0\r\n\r\n",
    "a coding we do not know": HEAD + b"Transfer-Encoding: xchunked\r\n" + END + b"0\r\n\r\n",
    "identity": HEAD + b"Transfer-Encoding: identity\r\n" + END,
    "quoted chunked": HEAD + b'Transfer-Encoding: "chunked"\r\n' + END + b"0\r\n\r\n",
    "chunked with a parameter": HEAD + b"Transfer-Encoding: chunked;q=1\r\n" + END + b"0\r\n\r\n",
    "chunked behind a vertical tab": HEAD + b"Transfer-Encoding: \x0bchunked\r\n" + END + b"0\r\n\r\n",
    # RFC 9112, 6.3: the field is there and chunked is not its last coding, so the length is not known.
    "empty Transfer-Encoding": HEAD + b"Transfer-Encoding:\r\n" + END,
    "empty Transfer-Encoding and a length": HEAD + b"Transfer-Encoding:\r\nContent-Length: 0\r\n" + END,
    "space before the colon of Transfer-Encoding": HEAD + b"Transfer-Encoding : chunked\r\n" + END + b"0\r\n\r\n",
    "chunked in HTTP/1.0 with a length": LINE.replace(b"1.1", b"1.0") + AUTH + CHUNKED + b"Content-Length: 5\r\n" + END + b"0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 0\r\nContent-Length: 5\r\n" + END,
    "two lengths, the same": HEAD + b"Content-Length: 0\r\nContent-Length: 0\r\n" + END,
    "two lengths in one field": HEAD + b"Content-Length: 0, 5\r\n" + END,
    "two lengths in one field, the same": HEAD + b"Content-Length: 0, 0\r\n" + END,
    "plus sign": HEAD + b"Content-Length: +0\r\n" + END,
    "minus sign": HEAD + b"Content-Length: -0\r\n" + END,
    "negative": HEAD + b"Content-Length: -1\r\n" + END,
    "space within": HEAD + b"Content-Length: 0 0\r\n" + END,
    "space before the colon": HEAD + b"Content-Length : 0\r\n" + END,
    "hexadecimal": HEAD + b"Content-Length: 0x0\r\n" + END,
    "fraction": HEAD + b"Content-Length: 0.0\r\n" + END,
    "exponent": HEAD + b"Content-Length: 0e1\r\n" + END,
    "no number": HEAD + b"Content-Length: none\r\n" + END,
    "empty length": HEAD + b"Content-Length:\r\n" + END,
    "underscore": HEAD + b"Content-Length: 0_0\r\n" + END,
    "fullwidth digits": HEAD + "Content-Length: ０\r\n".encode() + END,
}


@by_name(FRAMING)
def test_an_ambiguous_body_length_is_400_and_closes(shared_target, raw):
    assert_refused(shared_target, raw, [400])


@by_name({
    "more digits than fit": HEAD + b"Content-Length: 99999999999999999999999999\r\n" + END,
    "2 to the 64": HEAD + b"Content-Length: 18446744073709551616\r\n" + END,
    "2 to the 64, less one": HEAD + b"Content-Length: 18446744073709551615\r\n" + END,
    "2 to the 63": HEAD + b"Content-Length: 9223372036854775808\r\n" + END,
    "Int.max": HEAD + b"Content-Length: 9223372036854775807\r\n" + END,
    "2 to the 32": HEAD + b"Content-Length: 4294967296\r\n" + END,
})
def test_an_absurd_length_is_refused_and_does_not_wrap_around(shared_target, raw):
    assert_refused(shared_target, raw, [400, 413])


@by_name({
    "overflow": b"FFFFFFFFFFFFFFFFF\r\n",
    "wraps to 5 in 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "plus sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "space before": b" 5\r\nhello\r\n0\r\n\r\n",
    "empty": b"\r\nhello\r\n0\r\n\r\n",
    "no hexadecimal": b"g\r\nhello\r\n0\r\n\r\n",
    "underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "two numbers": b"5 5\r\nhello\r\n0\r\n\r\n",
    "bare LF after the size": b"5\nhello\r\n0\r\n\r\n",
    "bare CR after the size": b"5\rhello\r\n0\r\n\r\n",
    "data longer than the size": b"5\r\nhelloXX\r\n0\r\n\r\n",
    "data shorter than the size": b"5\r\nhell\r\n0\r\n\r\n",
    "bare LF after the data": b"5\r\nhello\n0\r\n\r\n",
    "bare LF in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "bare CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "NUL in the size": b"5\x00\r\nhello\r\n0\r\n\r\n",
    "a trailer that is none": b"5\r\nhello\r\n0\r\nno colon here\r\n\r\n",
    "a folded trailer": b"5\r\nhello\r\n0\r\nX-A: 1\r\n 2\r\n\r\n",
})
def test_a_malformed_chunk_is_400_and_closes(shared_target, raw):
    assert_refused(shared_target, HEAD + CHUNKED + END + raw, [400])


@by_name({
    "16 MiB": b"1000000\r\n",
    "Int.max": b"7FFFFFFFFFFFFFFF\r\n",
    "UInt64.max": b"FFFFFFFFFFFFFFFF\r\n",
})
def test_a_chunk_that_promises_more_than_it_sends_is_never_kept(shared_target, raw):
    before = shared_target.newest()
    with shared_target.wire() as wire:
        wire.send(shared_target.fill(HEAD + CHUNKED + END + raw + b"short"))
        wire.until_read()
    assert_nothing_was_kept_since(shared_target, before)


def test_a_credential_in_a_trailer_is_none(shared_target):
    raw = LINE + HOST + CHUNKED + END + b"5\r\nhello\r\n0\r\n" + AUTH + END
    assert_refused(shared_target, raw, [401], followed_by=b"", closes=False)


def test_a_key_in_a_trailer_is_none(target):
    raw = target.fill(HEAD + CHUNKED + END + b"1\r\na\r\n0\r\nIdempotency-Key: trailer\r\n\r\n")
    with target.wire() as wire:
        for _ in range(2):
            wire.send(raw)
            assert wire.answer().status == 202


@pytest.mark.parametrize("what", ["extensions", "trailers"])
def test_bytes_beside_the_body_are_bounded_too(shared_target, what):
    with shared_target.wire() as wire:
        wire.send(shared_target.fill(HEAD + CHUNKED + END))
        if what == "extensions":
            wire.send(b"1;" + b"a" * 8_000_000 + b"\r\nx\r\n0\r\n\r\n")
        else:
            wire.send(b"1\r\nx\r\n0\r\n" + b"X-A: " + b"a" * 8_000_000 + b"\r\n\r\n")
        answer = wire.answer()
    assert answer is None or 400 <= answer.status < 500, answer
    shared_target.assert_good_call_works()


def test_ten_thousand_trailers_are_refused(shared_target):
    trailers = b"".join(b"X-%d: 1\r\n" % number for number in range(10_000))
    assert_refused(shared_target, HEAD + CHUNKED + END + b"1\r\nx\r\n0\r\n" + trailers + END, [400, 413, 431, CLOSED])


# --- the header block ---

HEADER_BLOCK = {
    "bare CR in a value": HEAD + b"X-A: one\rX-B: two\r\nContent-Length: 0\r\n\r\n",
    "bare CR at the end of a value": HEAD + b"X-A: one\r\r\nContent-Length: 0\r\n\r\n",
    "bare CR as line end": HEAD.replace(b"\r\n", b"\r") + b"Content-Length: 0\r\r",
    "bare CR in the request line": b"POST @PATH@\rX HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "bare LF as line end": (HEAD + b"Content-Length: 0\r\n\r\n").replace(b"\r\n", b"\n"),
    "one bare LF among CRLFs": LINE + HOST + AUTH.replace(b"\r\n", b"\n") + b"Content-Length: 0\r\n\r\n",
    "bare LF hides a length": HEAD + b"X-A: one\nContent-Length: 5\r\nContent-Length: 0\r\n\r\n",
    "LF CR": HEAD + b"X-A: one\n\rContent-Length: 0\r\n\r\n",
    "folded with a space": HEAD + b"X-A: one\r\n two\r\nContent-Length: 0\r\n\r\n",
    "folded with a tab": HEAD + b"X-A: one\r\n\ttwo\r\nContent-Length: 0\r\n\r\n",
    "folded Content-Length": HEAD + b"Content-Length:\r\n 0\r\n\r\n",
    "folded Transfer-Encoding": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "folded before the first field": LINE + b" folded\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "no colon": HEAD + b"no colon here\r\nContent-Length: 0\r\n\r\n",
    "no name": HEAD + b": no name\r\nContent-Length: 0\r\n\r\n",
    "space in a name": HEAD + b"X A: 1\r\nContent-Length: 0\r\n\r\n",
    "space before the colon": HEAD + b"X-A : 1\r\nContent-Length: 0\r\n\r\n",
    "tab before the colon": HEAD + b"X-A\t: 1\r\nContent-Length: 0\r\n\r\n",
    "brackets in a name": HEAD + b"X(A): 1\r\nContent-Length: 0\r\n\r\n",
    "UTF-8 in a name": HEAD + "X-Ä: 1\r\nContent-Length: 0\r\n\r\n".encode(),
    "NUL in a name": HEAD + b"X\x00A: 1\r\nContent-Length: 0\r\n\r\n",
    "NUL in a value": HEAD + b"X-A: 1\x002\r\nContent-Length: 0\r\n\r\n",
    "no Host": LINE + AUTH + b"Content-Length: 0\r\n\r\n",
    "two Hosts": HEAD + HOST + b"Content-Length: 0\r\n\r\n",
    "two different Hosts": HEAD + b"Host: elsewhere.example\r\nContent-Length: 0\r\n\r\n",
    "two Hosts in one field": LINE + b"Host: a.example, b.example\r\n" + AUTH + b"Content-Length: 0\r\n\r\n",
    "space in Host": LINE + b"Host: a b\r\n" + AUTH + b"Content-Length: 0\r\n\r\n",
    "path in Host": LINE + b"Host: a.example/in\r\n" + AUTH + b"Content-Length: 0\r\n\r\n",
    "user in Host": LINE + b"Host: user@a.example\r\n" + AUTH + b"Content-Length: 0\r\n\r\n",
    "query in Host": LINE + b"Host: a.example?b\r\n" + AUTH + b"Content-Length: 0\r\n\r\n",
    "no number as port in Host": LINE + b"Host: a.example:b\r\n" + AUTH + b"Content-Length: 0\r\n\r\n",
    "half an IPv6 address in Host": LINE + b"Host: [::1\r\n" + AUTH + b"Content-Length: 0\r\n\r\n",
    "high bytes in Host": LINE + b"Host: a\xff\r\n" + AUTH + b"Content-Length: 0\r\n\r\n",
}


@by_name(HEADER_BLOCK)
def test_a_malformed_header_block_is_400_and_closes(shared_target, raw):
    assert_refused(shared_target, raw, [400])


@by_name({
    "one field of 40 KiB": HEAD + b"X-A: " + b"a" * 40_960 + b"\r\nContent-Length: 0\r\n\r\n",
    "40 fields of 1 KiB": HEAD + b"".join(b"X-%d: " % n + b"a" * 1024 + b"\r\n" for n in range(40)) + b"Content-Length: 0\r\n\r\n",
    "a name of 40 KiB": HEAD + b"X" * 40_960 + b": 1\r\nContent-Length: 0\r\n\r\n",
    "1 MiB": HEAD + b"X-A: " + b"a" * 1_048_576 + b"\r\nContent-Length: 0\r\n\r\n",
    "a header that never ends": HEAD + b"X-A: " + b"a" * 4_194_304,
    "a name that never ends": HEAD + b"X" * 4_194_304,
    "101 fields": HEAD + b"".join(b"X-%d: 1\r\n" % n for n in range(98)) + b"Content-Length: 0\r\n\r\n",
    "1,000 fields": HEAD + b"".join(b"X-%d: 1\r\n" % n for n in range(1000)) + b"Content-Length: 0\r\n\r\n",
    "10,000 fields of the same name": HEAD + b"A:\r\n" * 10_000 + b"Content-Length: 0\r\n\r\n",
})
def test_a_header_block_that_is_too_big_is_refused_and_closes(shared_target, raw):
    assert_refused(shared_target, raw, [400, 431])


@by_name({
    "30 KiB": HEAD + b"X-A: " + b"a" * 30_720 + b"\r\nContent-Length: 4\r\n\r\ngood",
    "100 fields": HEAD + b"".join(b"X-%d: 1\r\n" % n for n in range(97)) + b"Content-Length: 4\r\n\r\ngood",
    "fields without a value": HEAD + b"X-A:\r\nX-B: \r\nX-C: \t \r\nContent-Length: 4\r\n\r\ngood",
    "no space after the colon": LINE + b"Host:@HOST@\r\nAuthorization:Bearer @SECRET@\r\nContent-Length:4\r\n\r\ngood",
    "spaces and tabs around a value": HEAD + b"X-A: \t one \t \r\nContent-Length: \t  4  \r\n\r\ngood",
    "names in other case": HEAD.replace(b"Host", b"hOST").replace(b"Authorization", b"AUTHORIZATION") + b"content-LENGTH: 4\r\n\r\ngood",
    "an empty line before the request": b"\r\n" + GOOD,
    "a tab in a value": HEAD + b"X-A: one\ttwo\r\nContent-Length: 4\r\n\r\ngood",
    "Chunked in other case": HEAD + b"Transfer-Encoding: cHUNKED\r\n\r\n4\r\ngood\r\n0\r\n\r\n",
    "a chunk size with zeros before": HEAD + CHUNKED + END + b"00000004\r\ngood\r\n0\r\n\r\n",
    "a chunk extension": HEAD + CHUNKED + END + b'4;name="a;b";other\r\ngood\r\n0;last\r\n\r\n',
    "an upgrade to h2c is not taken": HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 4\r\n\r\ngood",
    "an upgrade to WebSocket is not taken": HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\ngood",
    "a method override is not taken": HEAD + b"X-HTTP-Method-Override: DELETE\r\nContent-Length: 4\r\n\r\ngood",
    "another Host": LINE + b"Host: hooks.example:8443\r\n" + AUTH + b"Content-Length: 4\r\n\r\ngood",
    "an IPv6 Host": LINE + b"Host: [::1]:80\r\n" + AUTH + b"Content-Length: 4\r\n\r\ngood",
})
def test_what_is_unusual_but_right_is_accepted(shared_target, raw):
    with shared_target.wire() as wire:
        wire.send(shared_target.fill(raw))
        answer = wire.answer()
    assert answer is not None and answer.status == 202, answer
    shared_target.assert_kept(answer.json()["id"], b"good")


@by_name({
    # RFC 9110, 5.5: CR, LF and NUL are dangerous; other control characters may be let through.
    "a control character in a value": HEAD + b"X-A: 1\x012\r\nContent-Length: 4\r\n\r\ngood",
    "DEL in a value": HEAD + b"X-A: 1\x7f2\r\nContent-Length: 4\r\n\r\ngood",
    "Latin-1 in a value": HEAD + b"X-A: caf\xe9\r\nContent-Length: 4\r\n\r\ngood",
    "broken UTF-8 in a value": HEAD + b"X-A: \xff\xfe\xc3\x28\r\nContent-Length: 4\r\n\r\ngood",
    "broken UTF-8 in the context": HEAD + b"Inlet-Context: \xff\xfe\xc3\x28\r\nContent-Length: 4\r\n\r\ngood",
    "broken UTF-8 in the content type": HEAD + b"Content-Type: \xff\xfe\r\nContent-Length: 4\r\n\r\ngood",
    "broken UTF-8 in the key": HEAD + b"Idempotency-Key: \xff\xfe\r\nContent-Length: 4\r\n\r\ngood",
    "an empty key": HEAD + b"Idempotency-Key:\r\nContent-Length: 4\r\n\r\ngood",
    "a key of 20 KiB": HEAD + b"Idempotency-Key: " + b"k" * 20_480 + b"\r\nContent-Length: 4\r\n\r\ngood",
    "two keys": HEAD + b"Idempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: 4\r\n\r\ngood",
    "both kinds of key": HEAD + b"Idempotency-Key: c\r\nwebhook-id: d\r\nContent-Length: 4\r\n\r\ngood",
    "a context of 20 KiB": HEAD + b"Inlet-Context: " + b"c" * 20_480 + b"\r\nContent-Length: 4\r\n\r\ngood",
    "two contexts": HEAD + b"Inlet-Context: a\r\nInlet-Context: b\r\nContent-Length: 4\r\n\r\ngood",
    "both contexts": HEAD + b"Inlet-Context: a\r\nX-PENDULA-CUSTOM-CONTEXT: b\r\nContent-Length: 4\r\n\r\ngood",
    "a context 10,000 deep": HEAD + b"Inlet-Context: " + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"\r\nContent-Length: 4\r\n\r\ngood",
    "two content types": HEAD + b"Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 4\r\n\r\ngood",
    "a header name of SQL": HEAD + b"X'--: '; drop table events; --\r\nContent-Length: 4\r\n\r\ngood",
    # Right by RFC 9110 (5.5), but written by nobody; common parsers refuse it.
    "a tab behind the length": HEAD + b"Content-Length: 4\t\r\n\r\ngood",
    "leading zeros in the length": HEAD + b"Content-Length: 00004\r\n\r\ngood",
    "an unknown expectation": HEAD + b"Expect: 200-ok\r\nContent-Length: 4\r\n\r\ngood",
    "spaces after the chunk size": HEAD + CHUNKED + END + b"4  \r\ngood\r\n0\r\n\r\n",
    "HTTP/1.2": HEAD.replace(b"1.1", b"1.2") + b"Content-Length: 4\r\n\r\ngood",
    "two spaces after Bearer": LINE + HOST + b"Authorization: Bearer  @SECRET@\r\nContent-Length: 4\r\n\r\ngood",
})
def test_what_may_be_accepted_or_refused_is_kept_exactly_or_gets_a_4xx(shared_target, raw):
    before = shared_target.newest()
    with shared_target.wire() as wire:
        wire.send(shared_target.fill(raw))
        answer = wire.answer()
    assert answer is not None
    if answer.status == 202:
        shared_target.assert_kept(answer.json()["id"], b"good")
    else:
        assert 400 <= answer.status < 500, answer
        assert shared_target.newest() == before
    shared_target.assert_good_call_works()


# --- the request line ---


@by_name({
    "no version": b"POST @PATH@\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "HTTP/0.9": b"POST @PATH@ HTTP/0.9\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "HTTP/2.0": b"POST @PATH@ HTTP/2.0\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "HTTP/11": b"POST @PATH@ HTTP/11\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "HTTP/1.1x": b"POST @PATH@ HTTP/1.1x\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "http/1.1": b"POST @PATH@ http/1.1\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "another protocol": b"POST @PATH@ ICY/1.1\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "a space in the target": b"POST @PATH@ x HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "a NUL in the target": b"POST @PATH@\x00 HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "a space before the method": b" " + HEAD + b"Content-Length: 0\r\n\r\n",
    "no method": b"@PATH@ HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "no target": b"POST HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "TLS ClientHello": bytes.fromhex("16030100c8010000c40303") + bytes(range(190)),
    "SSLv2 hello": bytes.fromhex("802e0100020015000000100100800200800300800600400400800500800700c0"),
    "SOCKS5": b"\x05\x01\x00\x05\x01\x00\x03\x09localhost\x00\x50",
    "PROXY protocol": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    "PROXY protocol 2": b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12),
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "NULs": bytes(1000),
    "random bytes": random.Random(1).randbytes(1000),
    "more random bytes": random.Random(2).randbytes(100_000),
    "high bytes": b"\xff" * 1000,
    "a JSON body alone": b'{"hello": "world"}\r\n',
    "a response": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "an endless method": b"A" * 1_000_000,
})
def test_what_is_no_request_of_HTTP_1_is_refused_or_closed(shared_target, raw):
    assert_refused(shared_target, raw, [400, 431, CLOSED])


@by_name({
    "lower case": b"post @PATH@ HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "unknown": b"HOOK @PATH@ HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "a prefix of POST": b"POS @PATH@ HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "longer than POST": b"POSTX @PATH@ HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
    "CONNECT": b"CONNECT @HOST@ HTTP/1.1\r\n" + HOST + AUTH + b"\r\n",
    "OPTIONS *": b"OPTIONS * HTTP/1.1\r\n" + HOST + AUTH + b"\r\n",
    "POST *": b"POST * HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n",
})
def test_another_method_is_refused(shared_target, raw):
    assert_refused(shared_target, raw, [400, 404, 405], followed_by=b"", closes=False)


PATHS = {
    "dot dot out and in again": b"/x/..@PATH@",
    "dot dot at the end": b"@PATH@/..",
    "dot dot within": b"/in/../in/x",
    "encoded dot dot": b"/in/%2e%2e%2fapi%2fv1%2fevents",
    "encoded slash": b"/in%2fwhk",
    "dots to a file": b"/in/../../../../etc/passwd",
    "dot": b"/./in/x",
    "two slashes": b"//in//x",
    "slash at the end": b"@PATH@/",
    "one more part": b"@PATH@/x",
    "encoded NUL": b"@PATH@%00",
    "encoded newline": b"@PATH@%0d%0aX-A:%201",
    "half an encoding": b"@PATH@%",
    "no hexadecimal": b"@PATH@%zz",
    "broken UTF-8": b"/in/%ff%fe%c3%28",
    "overlong encoding": b"/in/%c0%ae%c0%ae/x",
    "no webhook": b"/in/",
    "nothing after in": b"/in",
    "other case": b"/IN/x",
    "backslash": b"\\in\\x",
    "semicolon": b"@PATH@;v=1",
    "16 KiB": b"/in/" + b"x" * 16_384,
    "16 KiB of encodings": b"/in/" + b"%41" * 5_461,
    "16 KiB of slashes": b"/in" + b"/" * 16_384,
    "a query of 16 KiB to nowhere": b"/in/x?" + b"q" * 16_384,
    "SQL": b"/in/x'%20or%201=1--",
    "brackets": b"/in/{webhook}",
    "high bytes": b"/in/\xff\xfe",
    "fragment": b"@PATH@#x",
    "another scheme": b"ftp://@HOST@@PATH@x",
    "empty target host": b"http:///in/x",
    "port out of range": b"http://127.0.0.1:99999/in/x",
    "only a scheme": b"http://",
}


@by_name(PATHS)
def test_a_path_that_is_no_webhooks_is_refused(shared_target, raw):
    request = b"POST " + raw + b" HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 0\r\n\r\n"
    assert_refused(shared_target, request, [400, 401, 404, 405, 414, 431], followed_by=b"", closes=False)


@by_name({
    "absolute form": b"POST http://@HOST@@PATH@ HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 4\r\n\r\ngood",
    "absolute form, another host": b"POST http://elsewhere.example@PATH@ HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 4\r\n\r\ngood",
    "percent-encoded letter": b"POST /%69n@REST@ HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 4\r\n\r\ngood",
    "percent-encoded webhook": b"POST /in/%77@REST@ HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 4\r\n\r\ngood",
    "a query that means nothing": b"POST @PATH@?source=shop&x=%ff HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 4\r\n\r\ngood",
    "an empty query": b"POST @PATH@? HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: 4\r\n\r\ngood",
})
def test_another_way_to_write_the_same_path_is_kept_exactly_or_gets_a_4xx(shared_target, raw):
    rest = shared_target.webhook[1:] if b"%77" in raw else "/" + shared_target.webhook
    with shared_target.wire() as wire:
        wire.send(shared_target.fill(raw.replace(b"@REST@", rest.encode())))
        answer = wire.answer()
    assert answer is not None
    if answer.status == 202:
        shared_target.assert_kept(answer.json()["id"], b"good")
    else:
        assert 400 <= answer.status < 500, answer
        # Only POST to this webhook with this credential: a query alone is no reason to refuse.
        assert b"?" not in raw, answer
    shared_target.assert_good_call_works()


# --- the credential ---


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEARER"])
def test_P2_the_name_Bearer_is_read_in_any_case(shared_target, scheme):
    assert shared_target.post(b"", {"Authorization": f"{scheme} {shared_target.secret}"}).status == 202


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "bASIC"])
def test_P2_the_name_Basic_is_read_in_any_case(shared_target, scheme):
    value = basic("x", shared_target.secret).replace("Basic", scheme)
    assert shared_target.post(b"", {"Authorization": value}).status == 202


def encoded(data):
    return b"Basic " + base64.b64encode(data)


@by_name({
    "bad base64": b"Basic !!!!",
    "base64 with a hole": b"Basic QWxh ZGRpbg==",
    "base64 with too much padding": b"Basic QQ======",
    "nothing after Basic": b"Basic",
    "only spaces after Basic": b"Basic    ",
    "no colon": encoded(b"@SECRET@"),
    "only a colon": encoded(b":"),
    "not UTF-8": encoded(b"\xff\xfe:\xff\xfe"),
    "NULs": encoded(b"\x00:\x00"),
    "the secret with a NUL behind": encoded(b"x:@SECRET@\x00"),
    "the secret with a newline behind": encoded(b"x:@SECRET@\n"),
    "the secret behind a second colon": encoded(b"x:y:@SECRET@"),
    "the secret as user with another password": encoded(b"@SECRET@:x"),
    "10 KiB of base64": encoded(b"x:" + b"y" * 10_000),
    "the secret itself, not encoded": b"Basic @SECRET@",
    "Bearer alone": b"Bearer",
    "Bearer and something behind": b"Bearer @SECRET@ x",
    "Bearer with a tab": b"Bearer\t@SECRET@",
    "Bearer in quotes": b'Bearer "@SECRET@"',
    "Bearer=": b"Bearer=@SECRET@",
    "BearerX": b"BearerX @SECRET@",
    "Bearer with base64": b"Bearer " + base64.b64encode(b"x:y"),
    "high bytes": b"Bearer \xff\xfe\xfd",
    "only high bytes": b"\xff\xfe\xfd",
    "fullwidth letters": "Bearer ｉｎｌａ_".encode() + b"0" * 38,
})
def test_a_malformed_credential_is_401(shared_target, raw):
    before = shared_target.newest()
    # Basic credentials are encoded above with the placeholder in them: fill it in before encoding.
    if raw.startswith(b"Basic ") and b"@SECRET@" not in raw:
        try:
            inner = base64.b64decode(raw[6:], validate=True)
        except ValueError:
            inner = b""
        if b"@SECRET@" in inner:
            raw = encoded(shared_target.fill(inner))
    with shared_target.wire() as wire:
        wire.send(shared_target.fill(LINE + HOST + b"Authorization: " + raw + b"\r\nContent-Length: 4\r\n\r\nnope"))
        answer = wire.answer()
    assert answer is not None and answer.status == 401, answer
    assert "basic" in answer.header("WWW-Authenticate").lower()
    assert shared_target.newest() == before
    shared_target.assert_good_call_works()


@by_name({
    "the same twice": HEAD + AUTH,
    "good, then bad": HEAD + b"Authorization: Bearer wrong\r\n",
    "bad, then good": LINE + HOST + b"Authorization: Bearer wrong\r\n" + AUTH,
    "empty, then good": LINE + HOST + b"Authorization:\r\n" + AUTH,
    "Bearer and Basic": HEAD + b"Authorization: @BASIC@\r\n",
    "names in different case": HEAD + AUTH.replace(b"Authorization", b"authorization"),
})
def test_two_credentials_are_400(shared_target, raw):
    raw = raw.replace(b"@BASIC@", basic("x", shared_target.secret).encode())
    assert_refused(shared_target, raw + b"Content-Length: 0\r\n\r\n", [400], followed_by=b"", closes=False)


@pytest.mark.parametrize("first, second", [("good", "good"), ("good", "bad"), ("bad", "good")])
def test_two_credentials_joined_by_a_comma_open_nothing(shared_target, first, second):
    values = {"good": b"Bearer @SECRET@", "bad": b"Bearer wrong"}
    joined = b"Authorization: " + values[first] + b", " + values[second] + b"\r\n"
    raw = LINE + HOST + joined + b"Content-Length: 0\r\n\r\n"
    assert_refused(shared_target, raw, [400, 401], followed_by=b"", closes=False)


@pytest.mark.parametrize("query", [
    "token={}", "access_token={}", "a=1&token={}", "token={}&a=1", "TOKEN={}", "api_key={}", "a=1;access_token={}", "{}", "%74oken={}",
])
@pytest.mark.parametrize("header", [True, False], ids=["and in the header", "alone"])
def test_a_token_in_the_query_is_400_even_if_it_is_right(target, query, header):
    path = target.path + "?" + query.format(target.secret)
    answer = target.post(b"", target.bearer if header else {}, path)
    assert answer.status == 400, answer
    assert target.newest() is None


def test_a_bad_credential_with_a_body_that_is_too_large_is_refused(shared_target):
    with shared_target.wire() as wire:
        wire.send(shared_target.fill(
            LINE + HOST + b"Authorization: Bearer wrong\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES_MAX * 10)
        ))
        answer = wire.answer()
    assert answer.status in (401, 413)


# --- pipelines and partial requests ---


MALFORMED = HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"


def test_after_an_error_the_calls_behind_it_are_not_carried_out(target):
    with target.wire() as wire:
        wire.send(target.fill(GOOD + GOOD + MALFORMED + SMUGGLED + SMUGGLED))
        answers = wire.answers()

    # A call that was carried out was answered, and the other way round; a call without an answer can be sent again.
    kept = [answer.json()["id"] for answer in answers if answer.status == 202]
    assert sorted(target.event_ids()) == sorted(kept)
    assert answers and len(kept) <= 2
    assert "close" in (answers[-1].header("Connection") or "").lower()
    for event in kept:
        target.assert_kept(event, b"good")


@pytest.mark.parametrize("is_apart", [False, True], ids=["in one piece", "one after the other"])
def test_the_calls_before_an_error_are_answered_and_the_malformed_one_gets_its_400(target, is_apart):
    with target.wire() as wire:
        wire.send(target.fill(GOOD + GOOD))
        if is_apart:
            wire.until_read()
        wire.send(target.fill(MALFORMED))
        statuses = [answer.status for answer in wire.answers()]

    assert statuses == [202, 202, 400]


def test_every_call_of_a_pipeline_that_got_202_is_kept_and_no_other(target):
    unknown = (HEAD + b"Content-Length: 3\r\n\r\nbad").replace(b"@SECRET@", b"wrong")
    with target.wire() as wire:
        wire.send(target.fill(GOOD + unknown + GOOD + unknown))
        answers = [wire.answer() for _ in range(4)]
    statuses = [answer.status for answer in answers if answer]

    # Closing after a refusal is the server's right; answering out of order is not.
    assert statuses[:2] == [202, 401]
    assert statuses == [202, 401, 202, 401][:len(statuses)]
    assert len(target.event_ids()) == statuses.count(202)


def test_the_body_of_a_refused_call_is_not_read_as_a_request(target):
    inner = target.fill(SMUGGLED)
    head = LINE + HOST + b"Authorization: Bearer wrong\r\nContent-Length: %d\r\n\r\n" % len(inner)
    with target.wire() as wire:
        wire.send(target.fill(head) + inner + target.fill(GOOD))
        assert wire.answer().status == 401
        following = wire.answer()
        assert following is None or following.status == 202
    for event in target.event_ids():
        target.assert_kept(event, b"good")


def test_the_body_of_a_GET_is_not_read_as_a_request(target):
    inner = target.fill(SMUGGLED)
    head = b"GET @PATH@ HTTP/1.1\r\n" + HOST + AUTH + b"Content-Length: %d\r\n\r\n" % len(inner)
    with target.wire() as wire:
        wire.send(target.fill(head) + inner)
        assert wire.answer().status == 405
        wire.send(target.fill(GOOD))
        following = wire.answer()
        assert following is None or following.status == 202
    for event in target.event_ids():
        target.assert_kept(event, b"good")


@by_name({
    "nothing": b"",
    "half a method": b"PO",
    "half a header": LINE + b"Host: x",
    "headers without an end": HEAD + b"Content-Length: 5\r\n",
    "no body yet": HEAD + b"Content-Length: 5\r\n\r\n",
    "half a body": HEAD + b"Content-Length: 5\r\n\r\nhel",
    "no chunk yet": HEAD + CHUNKED + END,
    "half a chunk": HEAD + CHUNKED + END + b"5\r\nhel",
    "no last chunk": HEAD + CHUNKED + END + b"5\r\nhello\r\n",
    "no end after the last chunk": HEAD + CHUNKED + END + b"5\r\nhello\r\n0\r\n",
})
@pytest.mark.parametrize("ending", ["close", "reset", "half close"])
def test_a_request_that_breaks_off_is_not_kept(shared_target, raw, ending):
    before = shared_target.newest()
    with shared_target.wire() as wire:
        wire.send(shared_target.fill(raw))
        # A reset takes along what was not read yet.
        wire.until_read()
        if ending == "reset":
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if ending == "half close":
            wire.socket.shutdown(socket.SHUT_WR)
            answer = wire.answer()
            assert answer is None or 400 <= answer.status < 500, answer
    assert_nothing_was_kept_since(shared_target, before)


def test_a_caller_that_leaves_without_reading_the_answer_harms_nobody(target):
    for _ in range(50):
        with target.wire() as wire:
            wire.send(target.fill(GOOD))
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    mine = target.assert_good_call_works()
    for event in set(target.event_ids()) - {mine}:
        target.assert_kept(event, b"good")


def test_hundreds_of_idle_connections_do_not_keep_a_good_call_out(target):
    wires = [target.wire() for _ in range(300)]
    try:
        for wire in wires:
            wire.send(b"POST /in/x HT")
        target.assert_good_call_works()
    finally:
        for wire in wires:
            wire.__exit__()


def test_headers_that_drip_in_are_cut_off_after_ten_seconds(target):
    # A byte whenever the server has waited for a second: a limit that only counts silence would never end this.
    began = time.monotonic()
    with target.wire() as wire:
        wire.send(target.fill(LINE + HOST))
        while not select.select([wire.socket], [], [], 1)[0] and time.monotonic() - began < HANG_SECONDS and wire.send(b"x"):
            pass
        took = time.monotonic() - began
        answer = wire.answer()
    # The server looks once a second.
    assert 8 < took < HANG_SECONDS, f"cut off after {took:.1f} s"
    assert answer is None or answer.status == 408, answer
    target.assert_good_call_works()


def test_random_damage_to_a_good_request_is_never_a_5xx(target):
    rng = random.Random(20)
    request = target.fill(HEAD + b"X-A: b\r\n" + CHUNKED + END + b"4\r\ngood\r\n0\r\n\r\n")
    for round_ in range(300):
        damaged = bytearray(request)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(damaged))
            act = rng.randrange(3)
            if act == 0:
                damaged[place] = rng.randrange(256)
            elif act == 1:
                del damaged[place]
            else:
                damaged[place:place] = rng.choice([b"\r", b"\n", b"\r\n", b"\x00", b" ", b":", b"\xff", b"0"])
        with target.wire() as wire:
            wire.send(bytes(damaged))
            # Many of these are incomplete now, so no answer comes before they end.
            wire.until_read()
            wire.socket.shutdown(socket.SHUT_WR)
            for answer in wire.answers():
                assert answer.status < 500, (round_, bytes(damaged), answer)
    target.assert_good_call_works()


# --- last: what all of this left behind ---


def test_no_secret_of_all_these_calls_is_in_the_log_or_on_the_disk(server, target):
    target.post(b"", {}, target.path + "?token=" + target.secret)
    target.post(b"", {"Authorization": f"Basic {target.secret}"})
    target.post(b"", {"Authorization": basic(target.secret, "")})
    target.post(b"", {"Authorization": f"Digest {target.secret}"})
    target.assert_good_call_works()
    secrets = [target.secret, server.info["api_token"], server.info["management_token"], server.owner_password()]
    found = []
    files = [server.log] + [path for path in server.data.rglob("*") if path.is_file()]
    for path in files:
        found += [(path.name, secret[:5]) for secret in secrets if holds(path, secret.encode())]
    assert not found


def holds(path, needle, size=8 * 1024 * 1024):
    """Whether a file, however large, contains the bytes."""
    with open(path, "rb") as file:
        tail = b""
        while block := file.read(size):
            if needle in tail + block:
                return True
            tail = block[-len(needle):]
    return False


def test_the_server_is_still_the_one_that_was_started(server, target):
    assert server.process.poll() is None, "the server ended meanwhile"
    target.assert_good_call_works()
