"""What real clients send, Inlet keeps byte for byte or refuses with a clear 4xx."""

import concurrent.futures
import datetime
import io
import json
import random
import shlex
import subprocess
import threading
import time
from urllib.parse import urlsplit

import httpx
import pytest
import requests

from inlet_server import BODY_BYTES_MAX, HANG_SECONDS, Connection, basic, call_once, made_up_secret, own_server, sha256, until
from session_server import machine_time_only
from target import Target

JSON = {"Content-Type": "application/json"}
MULTIPART = (
    b'--edge\r\nContent-Disposition: form-data; name="note"\r\n\r\nline one\nline two\r\n'
    b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a\\"b.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n" + bytes(range(256)) * 40 + b"\r\n--edge--\r\n"
)
BODIES = {
    "empty": (b"", "text/plain"),
    "one byte": (b"x", "text/plain"),
    "25 MiB": (random.Random(25).randbytes(BODY_BYTES_MAX), "application/octet-stream"),
    "invalid UTF-8": (b'{"name": "\xff\xfe\xc3\x28 \xed\xa0\x80"}', "application/json"),
    "NUL bytes": (b"\x00" * 5000 + b"a\x00b" + b"\x00" * 5000, "application/octet-stream"),
    "JSON 100,000 deep": (b"[" * 100_000 + b"]" * 100_000, "application/json"),
    "JSON objects 100,000 deep": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "application/json"),
    "JSON 100,000 deep, never closed": (b"[" * 100_000, "application/json"),
    "multipart": (MULTIPART, "multipart/form-data; boundary=edge"),
    "form": (b"a=1&b=%00&c=%zz&a=2", "application/x-www-form-urlencoded"),
    "gzip that is none": (b"\x1f\x8b not gzip", "application/gzip"),
    "line ends of all kinds": (b"a\r\nb\nc\rd\r\n\r\n0\r\n\r\n", "text/plain; charset=\"utf-8\""),
    "a byte order mark": (b"\xef\xbb\xbf{}", "application/json"),
}


# --- the clients: each sends one body and returns (status, body of the answer, value of Inlet-Event) ---


def by_curl(url, secret, body, content_type, chunked=False, extra=()):
    command = [
        # -q: no curlrc of the person who runs the tests; --noproxy for the same reason.
        "curl", "-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", str(HANG_SECONDS), "--include",
        "--request", "POST", "--header", f"Authorization: Bearer {secret}", "--header", f"Content-Type: {content_type}",
        # Without this curl waits for `100 Continue` on large bodies; the tests that want that ask for it.
        *(extra or ["--header", "Expect:"]),
        *(["--header", "Transfer-Encoding: chunked"] if chunked else []),
        "--data-binary", "@-", url,
    ]
    done = subprocess.run(command, input=body, capture_output=True, timeout=HANG_SECONDS)
    assert done.returncode == 0, f"curl ended with {done.returncode}: {done.stderr.decode()}"
    rest = done.stdout
    while True:
        head, _, rest = rest.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        if status != 100:
            break
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    event = next((value for name, value in headers.items() if name.lower() == "inlet-event"), None)
    return status, rest, event


def in_parts(body, size=65_536):
    """The body bit by bit: a client that gets an iterator does not know the length and sends it chunked."""
    for start in range(0, len(body), size):
        yield body[start:start + size]


def by_requests(url, secret, body, content_type, chunked=False):
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": content_type}
    with requests.Session() as session:
        session.trust_env = False
        data = in_parts(body) if chunked else body
        answer = session.post(url, data=data, headers=headers, timeout=HANG_SECONDS)
        return answer.status_code, answer.content, answer.headers.get("Inlet-Event")


def by_httpx(url, secret, body, content_type, chunked=False):
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": content_type}
    with httpx.Client(trust_env=False, timeout=HANG_SECONDS) as client:
        content = in_parts(body) if chunked else body
        answer = client.post(url, content=content, headers=headers)
        return answer.status_code, answer.content, answer.headers.get("Inlet-Event")


CLIENTS = {"curl": by_curl, "requests": by_requests, "httpx": by_httpx}
every_client = pytest.mark.parametrize("send", CLIENTS.values(), ids=CLIENTS.keys())
framing = pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])


def assert_problem(answer, status):
    assert answer.status == status, answer
    assert answer.header("Content-Type").split(";")[0] == "application/problem+json", answer
    # The members RFC 9457 names, and Inlet's own `code`.
    problem = answer.json()
    assert isinstance(problem.get("code"), str) and problem["code"]
    assert problem.get("status", status) == status


# --- N1: exact bytes ---


@every_client
@framing
@pytest.mark.parametrize("name", BODIES)
def test_N1_every_body_is_kept_byte_for_byte(shared_target, send, chunked, name):
    body, content_type = BODIES[name]

    status, answer, header = send(shared_target.url, shared_target.secret, body, content_type, chunked)

    assert status == 202, answer
    event = json.loads(answer)["id"]
    assert event.startswith("evt_") and header == event
    detail = shared_target.assert_kept(event, body)
    assert detail["content_type"] == content_type
    assert shared_target.api.body(event).header("Content-Type") == content_type


@every_client
@framing
def test_N1_a_body_one_byte_over_the_limit_gets_a_readable_413_and_is_not_kept(target, send, chunked):
    body = b"\x00" * (BODY_BYTES_MAX + 1)

    status, answer, _ = send(target.url, target.secret, body, "application/octet-stream", chunked)

    assert status == 413
    assert isinstance(json.loads(answer)["code"], str)
    assert target.newest() is None
    target.assert_good_call_works()


def test_N1_a_length_over_the_limit_is_refused_before_the_body_is_sent(target):
    with target.wire() as wire:
        head = target.fill(b"POST @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer @SECRET@\r\n")
        wire.send(head + b"Content-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1))
        assert_problem(wire.answer(), 413)
    target.assert_good_call_works()


def test_N1_a_huge_chunked_body_is_refused_once_it_passes_the_limit(target):
    piece = b"100000\r\n" + b"z" * 0x100000 + b"\r\n"
    with target.wire() as wire:
        wire.send(target.fill(
            b"POST @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer @SECRET@\r\nTransfer-Encoding: chunked\r\n\r\n"
        ))
        for _ in range(200):
            if not wire.send(piece):
                break
        answer = wire.answer()
        # The server need not listen to 200 MiB: a close is an answer too, but never a success.
        assert answer is None or answer.status == 413
    assert target.newest() is None
    target.assert_good_call_works()


def test_N1_a_compressed_body_is_kept_as_it_was_sent(target):
    body = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcbH\xcd\xc9\xc9\x07\x00\x86\xa6\x106\x05\x00\x00\x00"
    answer = target.post(body, {**target.bearer, "Content-Encoding": "gzip"})
    assert answer.status == 202
    target.assert_kept(answer.json()["id"], body)


def test_N1_a_body_without_length_and_without_chunks_is_empty(target):
    with target.wire() as wire:
        wire.send(target.fill(b"POST @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer @SECRET@\r\n\r\n"))
        answer = wire.answer()
    assert answer.status == 202, answer
    target.assert_kept(answer.json()["id"], b"")


def test_N1_a_multipart_upload_of_requests_is_kept_byte_for_byte(target):
    upload = requests.Request(
        "POST", target.url, headers=target.bearer, data={"note": "naïve ☃"},
        files={"file": ("ü \"quoted\".bin", io.BytesIO(bytes(range(256)) * 100), "image/png")},
    ).prepare()
    with requests.Session() as session:
        session.trust_env = False
        answer = session.send(upload, timeout=HANG_SECONDS)
    assert answer.status_code == 202
    detail = target.assert_kept(answer.json()["id"], upload.body)
    assert detail["content_type"] == upload.headers["Content-Type"]


def test_N1_the_headers_are_kept_in_order_but_never_the_secret(target):
    answer = target.post(b"{}", {**target.bearer, **JSON, "X-First": "1", "X-Second": "two  words", "X-Empty": ""})
    assert answer.status == 202

    detail = target.api.event(answer.json()["id"])

    # HTTP names are compared without regard to case; values and order are the sender's.
    named = [(name.lower(), value) for name, value in detail["headers"]]
    assert [pair for pair in named if pair[0].startswith("x-")] == \
        [("x-first", "1"), ("x-second", "two  words"), ("x-empty", "")]
    assert target.secret not in json.dumps(detail)


def test_N1_a_repeated_header_is_kept_twice(target):
    with target.wire() as wire:
        wire.send(target.fill(
            b"POST @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer @SECRET@\r\n"
            b"X-Twice: one\r\nX-Twice: two\r\nContent-Length: 0\r\n\r\n"
        ))
        answer = wire.answer()
    assert answer.status == 202
    headers = target.api.event(answer.json()["id"])["headers"]
    assert [value for name, value in headers if name.lower() == "x-twice"] == ["one", "two"]


@pytest.mark.parametrize("content_type", ["text/html", "application/weird; a=\"b c\"", "not a content type at all", "image/svg+xml"])
def test_N1_any_content_type_is_accepted_and_given_back(target, content_type):
    answer = target.post(b"<script>alert(1)</script>", {**target.bearer, "Content-Type": content_type})
    assert answer.status == 202
    event = answer.json()["id"]
    target.assert_kept(event, b"<script>alert(1)</script>")
    assert target.api.body(event).header("Content-Type") == content_type


def test_N1_a_call_without_content_type_is_accepted(target):
    answer = target.post(b"who knows", target.bearer)
    assert answer.status == 202
    target.assert_kept(answer.json()["id"], b"who knows")


def test_N1_many_callers_at_once_all_get_their_own_bytes_back(target):
    def call(number):
        body = random.Random(number).randbytes(number * 37)
        send = list(CLIENTS.values())[1 + number % 2]
        status, answer, _ = send(target.url, target.secret, body, "application/octet-stream", number % 3 == 0)
        assert status == 202, answer
        return json.loads(answer)["id"], body

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        kept = list(pool.map(call, range(200)))

    assert sorted(target.event_ids()) == sorted(event for event, _ in kept)
    for event, body in kept:
        assert target.api.event(event)["body_sha256"] == sha256(body)


def test_N1_the_list_of_events_is_newest_first_and_each_stands_on_one_page(target):
    sent = [target.post(str(number).encode(), target.bearer).json()["id"] for number in range(23)]

    assert [item["id"] for item in target.api.all_events(target.webhook, limit=5)] == sent[::-1]


def test_the_last_page_says_that_none_follows(target):
    target.post(b"the only one", target.bearer)

    page = target.api.request("GET", f"/api/v1/events?webhook={target.webhook}&limit=10").json()

    assert len(page["items"]) == 1
    assert "next" in page and page["next"] is None


# --- how clients use a connection ---


def test_one_connection_carries_many_calls(target):
    connection = Connection(target.port)
    sockets = set()
    for number in range(100):
        body = b"%d" % number * number
        answer = connection.request("POST", target.path, body, target.bearer)
        assert answer.status == 202
        sockets.add(id(connection.http.sock))
        target.assert_kept(answer.json()["id"], body)
    assert len(sockets) == 1 and None not in sockets, "the server closed a connection it should have kept"
    connection.close()


def test_a_kept_connection_survives_a_refused_call(target):
    connection = Connection(target.port)
    for headers, status in [(target.bearer, 202), ({}, 401), (target.bearer, 202)]:
        assert connection.request("POST", target.path, b"body", headers).status == status
    connection.close()


@pytest.mark.parametrize("library", ["requests", "httpx"])
def test_a_session_keeps_every_body_apart(target, library):
    if library == "requests":
        session = requests.Session()
        session.trust_env = False
        post = lambda body: session.post(target.url, data=body, headers=target.bearer, timeout=HANG_SECONDS)  # noqa: E731
    else:
        session = httpx.Client(trust_env=False, timeout=HANG_SECONDS)
        post = lambda body: session.post(target.url, content=body, headers=target.bearer)  # noqa: E731
    with session:
        for number in range(40):
            body = random.Random(number).randbytes(number * number)
            answer = post(body if number % 2 else in_parts(body, 1 + number))
            assert answer.status_code == 202
            target.assert_kept(answer.json()["id"], body)


def test_Connection_close_is_honoured(target):
    with target.wire() as wire:
        wire.send(target.fill(
            b"POST @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer @SECRET@\r\nConnection: close\r\n"
            b"Content-Length: 3\r\n\r\nend"
        ))
        answer = wire.answer()
        assert answer.status == 202
        assert answer.header("Connection").lower() == "close"
        assert wire.answer() is None
    target.assert_kept(answer.json()["id"], b"end")


def test_HTTP_1_0_without_host_is_served_and_closed(target):
    with target.wire() as wire:
        wire.send(target.fill(
            b"POST @PATH@ HTTP/1.0\r\nAuthorization: Bearer @SECRET@\r\nContent-Length: 7\r\n\r\nold man"
        ))
        answer = wire.answer()
        assert answer.status == 202, answer
        # A client of 1.0 does not know chunks.
        assert answer.header("Transfer-Encoding") is None
        assert wire.answer() is None
    target.assert_kept(answer.json()["id"], b"old man")


def test_HTTP_1_0_may_ask_to_keep_the_connection(target):
    request = target.fill(
        b"POST @PATH@ HTTP/1.0\r\nAuthorization: Bearer @SECRET@\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi"
    )
    with target.wire() as wire:
        wire.send(request)
        answer = wire.answer()
        assert answer.status == 202
        if (answer.header("Connection") or "").lower() == "keep-alive":
            wire.send(request)
            assert wire.answer().status == 202
        else:
            assert wire.answer() is None


def test_HTTP_1_0_by_curl(target):
    status, answer, _ = by_curl(target.url, target.secret, b"by curl", "text/plain", extra=["--http1.0"])
    assert status == 202
    target.assert_kept(json.loads(answer)["id"], b"by curl")


def test_pipelined_calls_are_answered_in_order(target):
    bodies = [b"", b"1", b"two", b"3" * 70_000, b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"] + [b"%d" % n for n in range(30)]
    requests_ = b"".join(
        target.fill(b"POST @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer @SECRET@\r\n")
        + b"Content-Length: %d\r\n\r\n" % len(body) + body
        for body in bodies
    )
    with target.wire() as wire:
        wire.send(requests_)
        answers = [wire.answer() for _ in bodies]

    assert [answer.status for answer in answers] == [202] * len(bodies)
    for answer, body in zip(answers, bodies):
        target.assert_kept(answer.json()["id"], body)


def test_chunks_of_one_byte_with_extensions_and_trailers_make_one_body(target):
    body = b"chunk by chunk \x00\xff\r\n"
    chunks = b"".join(b"0001;note=\"a;b\"\r\n" + bytes([byte]) + b"\r\n" for byte in body)
    with target.wire() as wire:
        wire.send(target.fill(
            b"POST @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer @SECRET@\r\n"
            b"Trailer: X-Check\r\nTransfer-Encoding: chunked\r\n\r\n"
        ))
        wire.send(chunks + b"0\r\nX-Check: 1\r\nInlet-Context: not-a-context\r\n\r\n")
        answer = wire.answer()
        assert answer.status == 202, answer
        # The connection is still in step: the next call on it works.
        wire.send(target.fill(
            b"POST @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer @SECRET@\r\nContent-Length: 4\r\n\r\nnext"
        ))
        following = wire.answer()
    detail = target.assert_kept(answer.json()["id"], body)
    assert not detail.get("context"), "a trailer is not a header (RFC 9110, 6.5.1)"
    target.assert_kept(following.json()["id"], b"next")


def test_a_request_that_comes_byte_by_byte_is_one_request(target):
    request = target.fill(
        b"POST @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer @SECRET@\r\nContent-Length: 5\r\n\r\nbytes"
    )
    with target.wire() as wire:
        for byte in request:
            wire.send(bytes([byte]))
        answer = wire.answer()
    assert answer.status == 202
    target.assert_kept(answer.json()["id"], b"bytes")


# --- Expect: 100-continue ---


@framing
def test_Expect_100_continue_by_curl_does_not_wait_in_vain(target, chunked):
    body = random.Random(7).randbytes(2_000_000)
    # curl would send the body anyway after that time-out, which is longer than it may take in all: only an answer of the server counts.
    status, answer, _ = by_curl(
        target.url, target.secret, body, "application/octet-stream", chunked,
        extra=["--header", "Expect: 100-continue", "--expect100-timeout", str(2 * HANG_SECONDS)],
    )

    assert status == 202
    target.assert_kept(json.loads(answer)["id"], body)


@pytest.mark.parametrize("value", ["100-continue", "100-Continue"])
def test_100_arrives_before_the_body_is_sent(target, value):
    with target.wire() as wire:
        wire.send(target.fill(
            b"POST @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer @SECRET@\r\n"
            b"Content-Length: 5\r\nExpect: " + value.encode() + b"\r\n\r\n"
        ))
        assert wire.answer().status == 100
        # Another call goes all its way meanwhile.
        target.assert_good_call_works()
        assert wire.is_silent(), "an answer came before the body"
        wire.send(b"after")
        answer = wire.answer()
    assert answer.status == 202
    target.assert_kept(answer.json()["id"], b"after")


def test_a_bad_credential_gets_401_without_100(target):
    with target.wire() as wire:
        wire.send(target.fill(
            b"POST @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer wrong\r\n"
            b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        ))
        assert_problem(wire.answer(), 401)


def test_a_body_too_large_gets_413_without_100(target):
    with target.wire() as wire:
        wire.send(target.fill(
            b"POST @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer @SECRET@\r\n"
            b"Content-Length: 26214401\r\nExpect: 100-continue\r\n\r\n"
        ))
        assert_problem(wire.answer(), 413)
    target.assert_good_call_works()


def test_HTTP_1_0_never_gets_100(target):
    with target.wire() as wire:
        wire.send(target.fill(
            b"POST @PATH@ HTTP/1.0\r\nAuthorization: Bearer @SECRET@\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok"
        ))
        assert wire.answer().status == 202


# --- credentials: both formats work, everything else is one and the same 401 ---


def header_value(text):
    """The value of the finished Authorization header, whether or not the name stands before it."""
    return text.partition(":")[2].strip() if text.lower().startswith("authorization:") else text


def test_P2_the_secret_works_as_header_and_as_Basic_in_the_form_it_was_handed_over(target):
    header, given = header_value(target.token["header"]), header_value(target.token["basic"])
    given = given if given.startswith("Basic ") else "Basic " + given

    for value in [header, given, f"Bearer {target.secret}", basic("anyone", target.secret)]:
        answer = target.post(b"either works", {"Authorization": value})
        assert answer.status == 202, (value.split()[0], answer)
        target.assert_kept(answer.json()["id"], b"either works")


def test_P2_the_curl_line_handed_over_works_in_a_terminal(target):
    words = shlex.split(target.token["curl"].replace("\\\n", " "))
    assert words[0] == "curl"
    assert any(target.path in word for word in words), "the line does not name the webhook's address"
    # The line names the address people call from outside; this server listens elsewhere.
    words = [urlsplit(word)._replace(scheme="http", netloc=target.host).geturl() if target.path in word else word for word in words]

    done = subprocess.run(
        [words[0], "-q", "--noproxy", "*", "--silent", "--max-time", str(HANG_SECONDS), *words[1:]], capture_output=True, timeout=HANG_SECONDS
    )

    assert b'"evt_' in done.stdout, done
    assert target.newest() in done.stdout.decode()


def test_P2_the_curl_line_of_init_works_in_a_terminal(server, api):
    words = shlex.split(server.info["curl"].replace("\\\n", " "))
    path = f"/in/{server.info['webhook']}"
    host = f"127.0.0.1:{server.ingest_port}"
    words = [urlsplit(word)._replace(scheme="http", netloc=host).geturl() if path in word else word for word in words]

    done = subprocess.run(
        [words[0], "-q", "--noproxy", "*", "--silent", "--max-time", str(HANG_SECONDS), *words[1:]], capture_output=True, timeout=HANG_SECONDS
    )

    assert b'"evt_' in done.stdout, done


@pytest.mark.parametrize("user", ["", "anyone", "tenant-42", "ünï", "a b", "x" * 200], ids=repr)
def test_D2_with_Basic_the_password_is_the_token_and_the_user_may_be_anything(target, user):
    answer = target.post(b"D2", {"Authorization": basic(user, target.secret)})
    assert answer.status == 202, answer
    target.assert_kept(answer.json()["id"], b"D2")


def test_D2_the_token_as_user_with_an_empty_password_works_too(target):
    assert target.post(b"", {"Authorization": basic(target.secret, "")}).status == 202


@pytest.mark.parametrize("library", ["curl", "requests", "httpx"])
def test_D2_Basic_as_real_clients_write_it(target, library):
    if library == "curl":
        done = subprocess.run(
            ["curl", "-q", "--silent", "--noproxy", "*", "--max-time", str(HANG_SECONDS), "--user", f"me:{target.secret}",
             "--data-binary", "by user", "--output", "-", target.url],
            capture_output=True, timeout=HANG_SECONDS,
        )
        event = json.loads(done.stdout)["id"]
    elif library == "requests":
        with requests.Session() as session:
            session.trust_env = False
            event = session.post(target.url, data=b"by user", auth=("me", target.secret), timeout=HANG_SECONDS).json()["id"]
    else:
        with httpx.Client(trust_env=False, timeout=HANG_SECONDS) as client:
            event = client.post(target.url, content=b"by user", auth=("me", target.secret)).json()["id"]
    target.assert_kept(event, b"by user")


def test_D3_each_webhook_has_its_own_app_token_and_it_opens_no_other(server, api, target):
    other = api.new_webhook("the other one")
    others_secret = api.new_token("app", "the other one", other)["secret"]

    assert target.post(b"mine", target.bearer).status == 202
    assert target.post(b"theirs", {"Authorization": f"Bearer {others_secret}"}, f"/in/{other}").status == 202
    assert_problem(target.post(b"", target.bearer, f"/in/{other}"), 403)
    assert_problem(target.post(b"", {"Authorization": f"Bearer {others_secret}"}), 403)
    assert_problem(target.post(b"", {"Authorization": basic("x", others_secret)}), 403)
    assert len(api.events(other)[0]) == 1
    assert len(target.event_ids()) == 1


def test_D4_an_API_token_opens_all_webhooks_those_made_later_included(server, api, target):
    secret = api.new_token("api", "for all")["secret"]
    bearer = {"Authorization": f"Bearer {secret}"}
    assert target.post(b"the first", bearer).status == 202

    later = api.new_webhook("made later")
    answer = target.post(b"later", bearer, f"/in/{later}")

    assert answer.status == 202
    assert api.event(answer.json()["id"])["webhook"] == later
    first = {"Authorization": f"Bearer {server.info['api_token']}"}
    assert target.post(b"init's token too", first, f"/in/{later}").status == 202


def test_P5_a_deactivated_token_is_no_longer_authenticated_and_P6_works_again_when_reactivated(target):
    kept = Connection(target.port)
    for _ in range(3):
        assert kept.request("POST", target.path, b"on", target.bearer).status == 202

        target.api.deactivate(target.token["id"])
        # No request that starts after the answer is accepted, on a connection that was open before neither.
        assert kept.request("POST", target.path, b"off", target.bearer).status == 401
        assert target.post(b"off", target.bearer).status == 401
        assert target.post(b"off", {"Authorization": basic("x", target.secret)}).status == 401

        target.api.activate(target.token["id"])
        assert target.post(b"on", target.bearer).status == 202
    kept.close()


def test_P5_under_load_no_call_that_starts_after_the_answer_is_accepted(target):
    deactivated_at, wrong, accepted, refused, stop = [], [], [], [], threading.Event()

    def caller():
        connection = Connection(target.port)
        while not stop.is_set():
            began = time.monotonic()
            status = connection.request("POST", target.path, b"load", target.bearer).status
            (accepted if status == 202 else refused).append(began)
            if status not in (202, 401) or (status == 202 and deactivated_at and began > deactivated_at[0]):
                wrong.append((status, began))
        connection.close()

    threads = [threading.Thread(target=caller) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        assert until(lambda: len(accepted) >= 200)
        target.api.deactivate(target.token["id"])
        deactivated_at.append(time.monotonic())
        assert until(lambda: len(refused) >= 200)
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert not wrong


def test_P7_only_an_inactive_token_can_be_deleted_and_it_never_works_again(target):
    token = f"/api/v1/tokens/{target.token['id']}"
    assert_problem(target.api.request("DELETE", token), 409)
    assert target.post(b"still on", target.bearer).status == 202

    target.api.deactivate(target.token["id"])
    assert target.api.request("DELETE", token).status in (200, 204)

    assert target.post(b"gone", target.bearer).status == 401
    assert target.api.request("POST", token + "/activate").status in (404, 409)
    assert target.post(b"gone", target.bearer).status == 401


def test_every_unauthenticated_case_gets_one_and_the_same_401(target):
    inactive = target.api.new_token("app", "inactive", target.webhook)
    target.api.deactivate(inactive["id"])
    secret = target.secret
    swapped = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    values = {
        "no credential": None,
        "empty": "",
        "scheme only": "Bearer",
        "another scheme": f"Digest {secret}",
        "no scheme": secret,
        "wrong checksum": f"Bearer {swapped}",
        "cut short": f"Bearer {secret[:-1]}",
        "too long": f"Bearer {secret}x",
        "10 KiB": "Bearer " + "x" * 10_240,
        "unknown app token": f"Bearer {made_up_secret('a')}",
        "unknown API token": f"Bearer {made_up_secret('o')}",
        "unknown kind": f"Bearer {made_up_secret('z')}",
        "unknown, Basic": basic("x", made_up_secret("a")),
        "management token": f"Bearer {target.api.token}",
        "management token, Basic": basic("x", target.api.token),
        "inactive": f"Bearer {inactive['secret']}",
        "inactive, Basic": basic("x", inactive["secret"]),
    }

    answers = {name: target.post(b"{}", {"Authorization": value} if value is not None else {}) for name, value in values.items()}
    answers["unknown webhook"] = target.post(b"{}", target.bearer, "/in/whk_" + "0" * 20)
    answers["unknown webhook of the same form"] = target.post(b"{}", target.bearer, target.path[:-3] + "zzz")
    answers["unknown webhook, no credential"] = target.post(b"{}", {}, "/in/nothing")

    def what_the_caller_sees(answer):
        # Date tells nothing about the cause; a request id would differ each time and tells nothing either.
        headers = {name.lower() for name, _ in answer.headers} - {"date"}
        return answer.status, answer.body, answer.header("Content-Type"), answer.header("WWW-Authenticate"), frozenset(headers)

    first = answers["no credential"]
    assert_problem(first, 401)
    schemes = first.header("WWW-Authenticate").lower()
    assert "bearer" in schemes and "basic" in schemes
    different = {name: answer for name, answer in answers.items() if what_the_caller_sees(answer) != what_the_caller_sees(first)}
    assert not different
    assert target.newest() is None


def test_an_ingest_secret_does_not_open_the_REST_API(target):
    for secret in [target.secret, made_up_secret("m"), "x"]:
        assert_problem(target.api.request("GET", "/api/v1/events", token=secret), 401)


def test_N2_refused_calls_leave_a_trace_with_the_true_cause_and_the_tokens_name(target):
    name = f"retired {target.webhook}"
    retired = target.api.new_token("app", name, target.webhook)
    target.api.deactivate(retired["id"])

    assert target.post(b"", {"Authorization": f"Bearer {retired['secret']}"}).status == 401
    assert target.post(b"", {"Authorization": f"Bearer {made_up_secret('a')}"}).status == 401

    def refused():
        calls = target.api.refused_calls()
        traced = [call for call in calls if call.get("token_name") == name]
        unknown = [call for call in calls if call["status"] == 401 and call.get("token_name") is None]
        return (calls, traced, unknown) if traced and unknown else None

    # The ledger need not be written before the answer: a refused call promises nothing.
    found = until(refused)
    assert found, "they left no trace"
    calls, traced, unknown = found
    assert len(traced) == 1 and traced[0]["status"] == 401
    assert "inactive" in json.dumps(traced[0]["cause"]).lower()
    assert "unknown" in json.dumps(unknown[0]["cause"]).lower()
    assert retired["secret"] not in json.dumps(calls)


def test_a_paused_webhook_is_404_for_a_right_credential_and_401_for_a_wrong_one(server, target):
    api_token = {"Authorization": f"Bearer {server.info['api_token']}"}
    target.api.expect([200, 204], "POST", f"/api/v1/webhooks/{target.webhook}/pause")

    assert_problem(target.post(b"", target.bearer), 404)
    assert_problem(target.post(b"", api_token), 404)
    assert_problem(target.post(b"", {"Authorization": "Bearer wrong"}), 401)
    assert target.newest() is None

    target.api.expect([200, 204], "POST", f"/api/v1/webhooks/{target.webhook}/resume")
    assert target.post(b"", target.bearer).status == 202


def test_D6_a_token_of_an_inactive_owner_is_401_and_D7_works_again_once_the_owner_is_active(target):
    made = target.api.expect([201], "POST", "/api/v1/accounts", {"kind": "service", "name": "ERP", "with_token": True}).json()
    bearer = {"Authorization": f"Bearer {made['token']['secret']}"}
    assert target.post(b"", bearer).status == 202

    target.api.expect([200, 204], "POST", f"/api/v1/accounts/{made['id']}/deactivate")
    refused = target.post(b"", bearer)
    assert_problem(refused, 401)
    assert refused.body == target.post(b"", {}).body

    target.api.expect([200, 204], "POST", f"/api/v1/accounts/{made['id']}/activate")
    assert target.post(b"", bearer).status == 202


@machine_time_only
def test_an_expired_token_is_401():
    with own_server() as server:
        server.start()
        target = Target(server, server.api(), "expires")
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        asked = {"kind": "app", "name": "short", "webhook": target.webhook, "expires_at": soon.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
        made = target.api.expect([201], "POST", "/api/v1/tokens", asked).json()
        bearer = {"Authorization": f"Bearer {made['secret']}"}
        assert target.post(b"", bearer).status == 202

        assert server.stop() == 0
        server.move_clock("+61m")
        server.start()

        refused = target.post(b"", bearer)
        assert_problem(refused, 401)
        assert refused.body == target.post(b"", {}).body
        assert target.post(b"", target.bearer).status == 202
        assert server.stop() == 0


# --- the same call again ---


@pytest.mark.parametrize("header", ["Idempotency-Key", "webhook-id"])
def test_the_same_key_again_gets_200_with_the_same_event(target, header):
    headers = {**target.bearer, header: "order-1"}
    first = target.post(b"first", headers)
    assert first.status == 202

    for body in [b"first", b"another body", b""]:
        again = target.post(body, headers)
        assert again.status == 200, again
        assert again.json()["id"] == again.header("Inlet-Event") == first.json()["id"]

    assert target.event_ids() == [first.json()["id"]]
    target.assert_kept(first.json()["id"], b"first")
    assert target.post(b"first", {**target.bearer, header: "order-2"}).status == 202


def test_a_key_counts_for_one_webhook_only(server, api, target):
    other = api.new_webhook("another")
    headers = {"Authorization": f"Bearer {server.info['api_token']}", "Idempotency-Key": "k"}
    first, second = target.post(b"a", headers), target.post(b"b", headers, f"/in/{other}")
    assert (first.status, second.status) == (202, 202)
    assert first.json()["id"] != second.json()["id"]


def test_a_refused_call_does_not_use_up_its_key(target):
    key = {"Idempotency-Key": "refused first"}
    assert target.post(b"no", {**key, "Authorization": "Bearer wrong"}).status == 401
    assert target.post(b"yes", {**key, **target.bearer}).status == 202


def test_one_key_sent_by_many_at_once_makes_one_event(target):
    headers = {**target.bearer, "Idempotency-Key": "at once"}
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: target.post(b"%d" % number, headers), range(48)))

    assert sorted(answer.status for answer in answers) == [200] * 47 + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(target.event_ids()) == 1


# --- P9: a tag that follows the event ---


@pytest.mark.parametrize("header", ["Inlet-Context", "inlet-context", "X-PENDULA-CUSTOM-CONTEXT", "x-pendula-custom-context"])
@pytest.mark.parametrize("context", ["order 42", '{"order": 42, "tags": ["a", "b"]}', '{"not": json'])
def test_P9_the_context_a_caller_gives_is_kept_with_the_event(target, header, context):
    answer = target.post(b"tagged", {**target.bearer, header: context})
    assert answer.status == 202

    kept = target.assert_kept(answer.json()["id"], b"tagged")["context"]

    if context.endswith("}"):
        kept = json.loads(kept) if isinstance(kept, str) else kept
        assert kept == json.loads(context)
    else:
        assert kept == context


def test_P9_without_the_header_there_is_no_context(target):
    answer = target.post(b"untagged", target.bearer)
    assert not target.api.event(answer.json()["id"]).get("context")


# --- the door has one door ---


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_only_POST_is_served(target, method):
    answer = target.post(b"", target.bearer, method=method)
    assert_problem(answer, 405)
    assert answer.header("Allow") == "POST"
    assert target.newest() is None


def test_HEAD_is_refused_without_a_body_and_the_connection_stays_in_step(target):
    with target.wire() as wire:
        wire.send(target.fill(b"HEAD @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer @SECRET@\r\n\r\n"))
        assert wire.answer(to="HEAD").status == 405
        wire.send(target.fill(
            b"POST @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer @SECRET@\r\nContent-Length: 0\r\n\r\n"
        ))
        following = wire.answer()
        # Closing after the refusal is allowed; bytes of a body that must not be there are not.
        assert following is None or following.status == 202


@pytest.mark.parametrize("path", ["/", "/api/v1/events", "/health/ready", "/metrics", "/console", "/index.html", "/inn/x"])
def test_the_ingest_port_serves_nothing_else(target, path):
    for method in ["GET", "POST"]:
        assert call_once(target.port, method, path, headers=target.bearer).status == 404


def test_an_unknown_event_is_not_found(api):
    assert_problem(api.request("GET", "/api/v1/events/evt_nothing"), 404)
    assert_problem(api.request("GET", "/api/v1/events/evt_nothing/body"), 404)
