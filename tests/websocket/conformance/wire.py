"""One connection of the conformance driver, at either end: every byte that goes out is chosen by the
caller, every byte that comes in is held against RFC 6455."""

import base64
import hashlib
import os
import select
import socket
from dataclasses import dataclass, field

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
PATIENCE_SECONDS = 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Miss(Exception):
    """The peer does what it must not, or not what it must."""


@dataclass
class Frame:
    """To be sent, in pieces of `chop` bytes when that is not 0. `length_bytes` (0, 2 or 8) and
    `has_wrong_mask` are for frames that break the rules."""
    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0
    chop: int = 0
    length_bytes: int = None
    has_wrong_mask: bool = False
    mask: bytes = field(default_factory=lambda: os.urandom(4))

    def encode(self, is_client):
        is_masked = is_client != self.has_wrong_mask
        size = len(self.payload)
        extended = self.length_bytes
        if extended is None:
            extended = 0 if size < 126 else 2 if size < 65536 else 8
        short = {0: size, 2: 126, 8: 127}[extended]
        head = bytes([self.fin << 7 | self.rsv << 4 | self.opcode, is_masked << 7 | short])
        if extended:
            head += size.to_bytes(extended, "big")
        return head + self.mask + xored(self.payload, self.mask) if is_masked else head + self.payload


def xored(payload, mask):
    size = len(payload)
    pattern = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")).to_bytes(size, "big")


def close_payload(code, reason=b""):
    return code.to_bytes(2, "big") + reason


class Connection:
    """After the handshake. `is_client` says which end this is: a client masks."""

    def __init__(self, tcp, is_client, received=b""):
        self.tcp = tcp
        self.is_client = is_client
        self.tcp.settimeout(PATIENCE_SECONDS)
        self.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(received)
        self.message = None  # (opcode, payload so far)

    def send(self, frame):
        self.send_bytes(frame.encode(self.is_client), frame.chop)

    def send_bytes(self, data, chop=0):
        try:
            for at in range(0, len(data), chop or len(data) or 1):
                self.tcp.sendall(data[at:at + chop] if chop else data)
        except (ConnectionResetError, BrokenPipeError):
            pass  # it has failed the connection, which shows when it is read from
        except TimeoutError:
            raise Miss("does not read what it is sent") from None

    def is_silent_for(self, seconds):
        return not self.buffer and not select.select([self.tcp], [], [], seconds)[0]

    def next_event(self):
        """("message", opcode, payload), ("ping" or "pong", payload), ("close", code or None, reason)
        or ("end",)"""
        while True:
            head = self._next_head()
            if head is None:
                return ("end",)
            fin, opcode, size, mask = head
            payload = self._take(size)
            if mask:
                payload = xored(payload, mask)
            if opcode >= CLOSE:
                return self._control(opcode, payload)
            self._extend_message(opcode, payload)
            if fin:
                (opcode, pieces), self.message = self.message, None
                return ("message", opcode, b"".join(pieces))

    def expect_end(self):
        event = self.next_event()
        if event != ("end",):
            raise Miss(f"goes on after its close frame: {describe(event)}")

    def _next_head(self):
        if not self.buffer and not self._receive():
            return None
        first, second = self._take(2)
        fin, rsv, opcode = first >> 7, first >> 4 & 7, first & 0xF
        size, is_masked = second & 0x7F, bool(second >> 7)
        if rsv or opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise Miss(f"sends a frame that begins with {first:02x} {second:02x}")
        if is_masked == self.is_client:
            raise Miss("masks what a server sends" if is_masked else "sends without a mask")
        if opcode >= CLOSE and (not fin or size > 125):
            raise Miss("sends a control frame that is too long or in fragments")
        if size >= 126:
            extended = 2 if size == 126 else 8
            size = int.from_bytes(self._take(extended), "big")
            if size < (126 if extended == 2 else 65536):
                raise Miss(f"writes the length {size} in {extended} bytes")
        return fin, opcode, size, self._take(4) if is_masked else None

    def _control(self, opcode, payload):
        if opcode != CLOSE:
            return ("ping" if opcode == PING else "pong", payload)
        if len(payload) == 1:
            raise Miss("sends a close frame of one byte")
        if not payload:
            return ("close", None, b"")
        payload[2:].decode()
        return ("close", int.from_bytes(payload[:2], "big"), payload[2:])

    def _extend_message(self, opcode, payload):
        if (opcode == CONTINUATION) != (self.message is not None):
            raise Miss("sends fragments out of order")
        if self.message is None:
            self.message = (opcode, [])
        self.message[1].append(payload)

    def _take(self, size):
        while len(self.buffer) < size:
            if not self._receive():
                raise Miss("ends within a frame")
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    def _receive(self):
        try:
            data = self.tcp.recv(1 << 18)
        except TimeoutError:
            raise Miss("is silent") from None
        except ConnectionResetError:
            return False
        self.buffer += data
        return bool(data)


def describe(event):
    return " ".join(f"{word[:40]!r}{f' ({len(word)} bytes)' if len(word) > 40 else ''}"
                    if isinstance(word, bytes) else str(word) for word in event)


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def read_head(tcp):
    """(first line, {name in small letters: value}, what came behind the head)"""
    data = b""
    while b"\r\n\r\n" not in data:
        more = tcp.recv(4096)
        if not more:
            raise Miss("ends within the handshake")
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    return first, headers, rest


def check_upgrade(headers):
    if headers.get(b"upgrade", b"").lower() != b"websocket":
        raise Miss("handshake without Upgrade: websocket")
    if b"upgrade" not in headers.get(b"connection", b"").lower():
        raise Miss("handshake without Connection: Upgrade")


def open_with(host, port, request, chop):
    """(status, {name in small letters: value}) of the answer to a request of the caller's"""
    with socket.create_connection((host, port), PATIENCE_SECONDS) as tcp:
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for at in range(0, len(request), chop or len(request)):
                tcp.sendall(request[at:at + (chop or len(request))])
        except (ConnectionResetError, BrokenPipeError):
            pass  # it has heard enough, and may have answered
        first, headers, _ = read_head(tcp)
        version, status, _ = (first + b" ").split(b" ", 2)
        if version != b"HTTP/1.1":
            raise Miss(f"answers {first.decode()}")
        return int(status), headers


def connect(host, port, path="/"):
    """A client's end."""
    tcp = socket.create_connection((host, port), PATIENCE_SECONDS)
    key = base64.b64encode(os.urandom(16))
    tcp.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key.decode()}\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n".encode())
    first, headers, rest = read_head(tcp)
    if not first.startswith(b"HTTP/1.1 101 "):
        raise Miss(f"refuses the handshake: {first.decode()}")
    check_upgrade(headers)
    if headers.get(b"sec-websocket-accept") != accept_of(key):
        raise Miss("answers the key wrongly")
    if b"sec-websocket-extensions" in headers or b"sec-websocket-protocol" in headers:
        raise Miss("chooses what was not offered")
    return Connection(tcp, True, rest)


def accept(tcp):
    """(a server's end, the path that was asked for)"""
    tcp.settimeout(PATIENCE_SECONDS)
    first, headers, rest = read_head(tcp)
    method, path, version = first.split(b" ")
    if method != b"GET" or version != b"HTTP/1.1" or not headers.get(b"host"):
        raise Miss(f"asks in a wrong way: {first.decode()}")
    check_upgrade(headers)
    key = headers.get(b"sec-websocket-key", b"")
    if len(base64.b64decode(key, validate=True)) != 16:
        raise Miss("has a key that is not 16 bytes")
    if headers.get(b"sec-websocket-version") != b"13":
        raise Miss("asks for another version")
    tcp.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept_of(key) + b"\r\n\r\n")
    return Connection(tcp, False, rest), path.decode()
