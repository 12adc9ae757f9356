"""A receiver of deliveries that remembers all it got, and ways in which one can misbehave. Standard library only."""

import contextlib
import email.utils
import http
import json
import socket
import ssl
import struct
import subprocess
import threading
import time

from inlet_server import HANG_SECONDS, LOOPBACK



class Request:
    """One request as it came."""

    def __init__(self, method, target, fields, body):
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body
        self.at = time.time()

    @property
    def path(self):
        return self.target.partition("?")[0]

    def values(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def header(self, name):
        """The value of a header field that stands there once, or None if it does not stand there."""
        values = self.values(name)
        assert len(values) < 2, f"{name} stands there {len(values)} times: {self.fields}"
        return values[0] if values else None

    @property
    def event(self):
        return self.header("Inlet-Event")

    @property
    def attempt(self):
        return int(self.header("Inlet-Attempt"))

    def headers(self):
        """As a mapping, for libraries that want one."""
        return {name.lower(): value for name, value in self.fields}

    def __repr__(self):
        return f"<{self.method} {self.target} {self.fields} {self.body[:200]!r}>"


def answer(status, body=b"", *fields):
    """Answers properly, and leaves the connection open."""
    lines = [f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in fields]
    if status not in (204, 304):
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"

    def behave(receiver, wire, request):
        wire.sendall(head + body)

    return behave


def fail_first(count, status=500):
    """Refuses the first attempts at each event and takes the next one."""

    def behave(receiver, wire, request):
        answer(status if request.attempt <= count else 204)(receiver, wire, request)

    return behave


def echo(receiver, wire, request):
    """Sends back what came, headers and all, as a debugging receiver would."""
    answer(200, json.dumps([request.target, request.fields]).encode())(receiver, wire, request)


def echo_bytes(receiver, wire, request):
    """The same, with a byte before it that is no text."""
    answer(200, b"\xff" + json.dumps([request.target, request.fields]).encode())(receiver, wire, request)


def hang(receiver, wire, request):
    """Says nothing at all, until its receiver closes."""
    receiver.closing.wait(HANG_SECONDS)
    raise ConnectionError


def reset(receiver, wire, request):
    """Ends the connection with a reset instead of an answer."""
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise ConnectionError


def close(receiver, wire, request):
    """Ends the connection in good order, without an answer."""
    raise ConnectionError


def drip(receiver, wire, request):
    """A byte a second, from the first byte of the status line on."""
    _drip(receiver, wire, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def drip_body(receiver, wire, request):
    """The head at once, and then a byte a second."""
    wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    _drip(receiver, wire, b"x" * 1000)


def _drip(receiver, wire, content):
    for byte in content:
        wire.sendall(bytes([byte]))
        if receiver.closing.wait(1):
            break
    raise ConnectionError


def endless_body(receiver, wire, request):
    """200, and a body that never ends."""
    wire.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"4000\r\n" + b"y" * 0x4000 + b"\r\n"
    while not receiver.closing.is_set():
        wire.sendall(chunk)


def endless_header(receiver, wire, request):
    """200, and header fields without end."""
    wire.sendall(b"HTTP/1.1 200 OK\r\n")
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"z" * 1000) for number in range(100))
    while not receiver.closing.is_set():
        wire.sendall(lines)


def garbage(receiver, wire, request):
    """What is no HTTP."""
    wire.sendall(b"\x00\xffSSH-2.0-nothing here speaks HTTP\r\n\r\n" * 10)
    raise ConnectionError


def short_body(receiver, wire, request):
    """Promises more than it sends."""
    wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    raise ConnectionError


def interim(receiver, wire, request):
    """Interim answers before the real one (RFC 9110, section 15.2)."""
    wire.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    answer(200, b"after the others")(receiver, wire, request)


def retry_after(seconds, status=429):
    """Refuses the first attempt and asks to be left alone for that long, in seconds."""

    def behave(receiver, wire, request):
        again = answer(status, b"", ("Retry-After", seconds)) if request.attempt == 1 else answer(204)
        again(receiver, wire, request)

    return behave


def retry_after_date(seconds, status=503):
    """The same with a date; `receiver.asked_for` is that moment."""

    def behave(receiver, wire, request):
        if request.attempt > 1:
            return answer(204)(receiver, wire, request)
        receiver.asked_for = int(time.time()) + seconds
        date = email.utils.formatdate(receiver.asked_for, usegmt=True)
        return answer(status, b"", ("Retry-After", date))(receiver, wire, request)

    return behave


class Receiver:
    """Listens on a port of its own. How it answers is chosen by path; where nothing is chosen it takes everything with 204."""

    def __init__(self, certificate=None, everywhere=False):
        """With a certificate, `(certificate file, key file)`, it speaks TLS. `everywhere` listens on all addresses, IPv6 too."""
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        if everywhere and socket.has_dualstack_ipv6():
            self.listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=200)
        else:
            self.listener = socket.create_server(("0.0.0.0" if everywhere else LOOPBACK, 0), backlog=200)
        self.port = self.listener.getsockname()[1]
        self.ways = {}
        self.asked_for = None
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.connections = 0
        self.open = set()
        self._requests = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def url(self, path="/"):
        return f"{'https' if self.context else 'http'}://{LOOPBACK}:{self.port}{path}"

    def on(self, path, way):
        """Chooses how requests to that path are answered from now on."""
        self.ways[path] = way

    def requests(self, path=None):
        """What came so far, in the order it came."""
        with self.lock:
            return [request for request in self._requests if path in (None, request.path)]

    def close(self):
        """Ends all connections; whoever hangs in one wakes up."""
        self.closing.set()
        # A listener that is only closed would take one more.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for wire in self.open:
                with contextlib.suppress(OSError):
                    wire.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                wire, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.add(wire)
            threading.Thread(target=self._serve, args=(wire,), daemon=True).start()

    def _serve(self, wire):
        try:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            speaking = self.context.wrap_socket(wire, server_side=True) if self.context else wire
            # Both are closed at once, for a reset goes out when the last of them is.
            with speaking, speaking.makefile("rb") as stream:
                while (request := _read(stream)) is not None:
                    with self.lock:
                        self._requests.append(request)
                    self.ways.get(request.path, answer(204))(self, speaking, request)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.open.discard(wire)
            wire.close()


def _read(stream):
    line = stream.readline().split()
    if len(line) != 3:
        return None
    fields = []
    while (header := stream.readline()) not in (b"\r\n", b""):
        name, _, value = header.decode("latin-1").partition(":")
        fields.append((name, value.strip()))
    lengths = [int(value) for name, value in fields if name.lower() == "content-length"]
    if any(name.lower() == "transfer-encoding" for name, _ in fields):
        parts = []
        while size := int(stream.readline().split(b";")[0], 16):
            parts.append(stream.read(size))
            stream.readline()
        stream.readline()
        body = b"".join(parts)
    else:
        body = stream.read(lengths[0]) if lengths else b""
    return Request(line[0].decode(), line[1].decode("latin-1"), fields, body)


def self_signed(folder):
    """A certificate that nobody vouches for: (certificate file, key file)."""
    certificate, key = folder / "self-signed.pem", folder / "self-signed.key"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", f"/CN={LOOPBACK}", "-addext", f"subjectAltName=IP:{LOOPBACK}", "-keyout", key, "-out", certificate,
        ],
        check=True, capture_output=True, timeout=30,
    )
    return certificate, key
