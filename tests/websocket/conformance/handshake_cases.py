"""How a server answers requests to open a WebSocket, right ones and wrong ones: section 30 of the
driver, in no other suite. RFC 6455, section 4.2; the status codes are those of RFC 9110."""

from dataclasses import dataclass

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ANSWER = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

RIGHT = {
    b"Host": b"localhost",
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Key": KEY,
    b"Sec-WebSocket-Version": b"13",
}


def request(first_line=b"GET / HTTP/1.1", extra=(), **changes):
    """The right request but for some fields, by their names with _ for -; None leaves one out."""
    fields = dict(RIGHT)
    for name, value in changes.items():
        fields[name.replace("_", "-").encode()] = value
    lines = [b"%s: %s" % (name, value) for name, value in fields.items() if value is not None]
    return b"\r\n".join([first_line, *lines, *extra, b"", b""])


@dataclass
class Opening:
    """A request, sent in pieces of `chop` bytes when that is not 0, and the statuses it may get."""
    name: str
    request: bytes
    statuses: tuple
    chop: int = 0
    fields: dict = None  # that the answer has to have
    is_slow = False


def handshake_cases():
    opened = (101,)
    refused = (400,)
    for number, chop in enumerate((0, 1, 2, 7), 1):
        yield Opening(f"30.1.{number}", request(), opened, chop)
    right = (
        request(Upgrade=b"WebSocket"),
        request(Upgrade=b"other, websocket"),
        request(Connection=b"keep-alive, Upgrade"),
        request(Connection=b"upgrade"),
        request(extra=[b"sec-websocket-extensions: permessage-deflate; client_max_window_bits"]),
        request(extra=[b"Origin: http://localhost", b"Cookie: a=b"]),
        request(extra=[b"X-Blank:   \t  "]),
    )
    for number, each in enumerate(right, 1):
        yield Opening(f"30.2.{number}", each, opened)
    wrong = (
        (request(Sec_WebSocket_Key=None), refused),
        (request(Sec_WebSocket_Key=b"c2hvcnQ="), refused),
        (request(Sec_WebSocket_Key=b"not base 64 at all, no, no"), refused),
        (request(extra=[b"Sec-WebSocket-Key: " + KEY]), refused),
        (request(Sec_WebSocket_Version=None), (400, 426)),
        (request(Host=None), refused),
        (request(b"GET / HTTP/1.0"), (400, 426, 505)),
        (request(b"POST / HTTP/1.1"), (400, 405)),
        (request(b"GET /"), refused),
        (request(Connection=None), (400, 426)),
        (request(extra=[b"no colon in it"]), refused),
        (request(extra=[b"Bad Name: x"]), refused),
        (request(extra=[b" folded: x"]), refused),
        (request(extra=[b"X-Long: " + b"x" * 1_000_000]), (400, 431)),
        (request(extra=[b"X-Many: x"] * 10_000), (400, 431)),
        (request(b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1"), (400, 414, 431)),
    )
    for number, (each, statuses) in enumerate(wrong, 1):
        yield Opening(f"30.3.{number}", each, statuses)
    yield Opening("30.4.1", request(Sec_WebSocket_Version=b"12"), (426,),
                  fields={b"sec-websocket-version": b"13"})
    yield Opening("30.4.2", request(Upgrade=None, Connection=None), (426,),
                  fields={b"upgrade": b"websocket"})
