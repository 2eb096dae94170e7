"""What a conforming echo peer has to do, numbered as the Autobahn test suite numbers the same
questions (sections 1-7, 9 and 10); section 20 is what that suite does not ask."""

from dataclasses import dataclass, field

from utf8_cases import utf8_cases
from wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, close_payload

PROTOCOL_ERROR, INVALID_PAYLOAD, TOO_BIG = 1002, 1007, 1009
KIB, MIB = 1024, 1024 * 1024

HELLO = b"Hello, world!"
ECHO = ("message", TEXT, HELLO)


@dataclass(frozen=True)
class Await:
    """The next event has to be this one before anything more is sent."""
    event: tuple


@dataclass(frozen=True)
class Piece:
    """A part of an encoded frame, in bytes of its payload; the first one brings the head along."""
    frame: Frame
    begin: int
    end: int


@dataclass(frozen=True)
class Head:
    """Of a frame, as the sender's side writes it, and nothing behind it."""
    first: int
    size: int


@dataclass(frozen=True)
class Silence:
    """The peer has nothing to say yet."""
    seconds: float = 0.1


@dataclass
class Case:
    """`ends` is how: "normal", closed by the driver with 1000 when all events have come; "closing",
    the steps hold the close frame; or "failed" by the peer. `codes` are those its close frame may
    carry (None: no code). `rest` is sent when the peer has not failed the connection in time: to do
    so only then is not strict."""
    name: str
    steps: list
    events: list = field(default_factory=list)
    ends: str = "normal"
    codes: tuple = (1000,)
    rest: list = field(default_factory=list)
    lenient_events: list = field(default_factory=list)  # other events that are no miss either
    is_slow: bool = False


def failed(name, steps, events=(), code=PROTOCOL_ERROR, rest=()):
    return Case(name, steps, list(events), "failed", (code,), list(rest))


def closing(name, steps, codes, events=(), lenient_events=()):
    return Case(name, steps, list(events), "closing", codes, lenient_events=list(lenient_events))


def fragments(opcode, pieces, chop=0):
    last = len(pieces) - 1
    return [Frame(CONTINUATION if i else opcode, piece, fin=i == last, chop=chop)
            for i, piece in enumerate(pieces)]


def cut(data, size):
    return [data[at:at + size] for at in range(0, len(data), size)]


def frame_cases():
    for part, (opcode, fill) in enumerate(((TEXT, b"*"), (BINARY, b"\xfe")), 1):
        sizes = ((0, 0), (125, 0), (126, 0), (127, 0), (128, 0), (65535, 0), (65536, 0), (65536, 997))
        for number, (size, chop) in enumerate(sizes, 1):
            payload = fill * size
            yield Case(f"1.{part}.{number}", [Frame(opcode, payload, chop=chop)],
                       [("message", opcode, payload)])


def ping_cases():
    binary = bytes([0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF])
    for number, payload, chop in ((1, b"", 0), (2, HELLO, 0), (3, binary, 0), (4, b"\xfe" * 125, 0),
                                  (6, b"\xfe" * 125, 1)):
        yield Case(f"2.{number}", [Frame(PING, payload, chop=chop)], [("pong", payload)])
    yield failed("2.5", [Frame(PING, b"\xfe" * 126)])
    yield Case("2.7", [Frame(PONG)])
    yield Case("2.8", [Frame(PONG, b"unsolicited")])
    yield Case("2.9", [Frame(PONG, b"unsolicited"), Frame(PING, b"solicited")],
               [("pong", b"solicited")])
    for number, chop in ((10, 0), (11, 1)):
        payloads = [b"payload-%d" % i for i in range(10)]
        yield Case(f"2.{number}", [Frame(PING, each, chop=chop) for each in payloads],
                   [("pong", each) for each in payloads])


def reserved_cases():
    yield failed("3.1", [Frame(TEXT, HELLO, rsv=1)])
    for number, rsv, chop in ((2, 2, 0), (3, 3, 16), (4, 4, 1)):
        yield failed(f"3.{number}", [Frame(TEXT, HELLO, chop=chop),
                                     Frame(TEXT, HELLO, rsv=rsv, chop=chop), Frame(PING, chop=chop)],
                     [ECHO])
    yield failed("3.5", [Frame(BINARY, b"\xff" * 8, rsv=5)])
    yield failed("3.6", [Frame(PING, HELLO, rsv=6)])
    yield failed("3.7", [Frame(CLOSE, close_payload(1000), rsv=7)])
    for part, first in ((1, 3), (2, 11)):
        yield failed(f"4.{part}.1", [Frame(first)])
        yield failed(f"4.{part}.2", [Frame(first + 1, b"reserved opcode")])
        for number, payload, chop in ((3, b"", 0), (4, HELLO, 0), (5, HELLO, 1)):
            yield failed(f"4.{part}.{number}",
                         [Frame(TEXT, HELLO, chop=chop),
                          Frame(first + number - 1, payload, chop=chop), Frame(PING, chop=chop)],
                         [ECHO])


def fragment_cases():
    two = [b"fragment1", b"fragment2"]
    echo = ("message", TEXT, b"".join(two))
    yield failed("5.1", fragments(PING, two))
    yield failed("5.2", fragments(PONG, two))
    for number, chop in ((3, 0), (4, 4), (5, 1)):
        yield Case(f"5.{number}", fragments(TEXT, two, chop), [echo])
    for number, chop in ((6, 0), (7, 4), (8, 1)):
        first, second = fragments(TEXT, two, chop)
        yield Case(f"5.{number}", [first, Frame(PING, b"ping", chop=chop), second],
                   [("pong", b"ping"), echo])
    for number, fin, chop in ((9, True, 0), (10, True, 4), (11, True, 1),
                              (12, False, 0), (13, False, 4), (14, False, 1)):
        yield failed(f"5.{number}", [Frame(CONTINUATION, b"non-continuation", fin=fin, chop=chop),
                                     Frame(TEXT, HELLO, chop=chop)])
    yield failed("5.15", [*fragments(TEXT, two), Frame(CONTINUATION, b"lost", fin=False),
                          Frame(TEXT, HELLO)], [echo])
    for number, fin in ((16, False), (17, True)):
        once = [Frame(CONTINUATION, b"fragment1", fin=fin), Frame(TEXT, b"fragment2", fin=False),
                Frame(CONTINUATION, b"fragment3")]
        yield failed(f"5.{number}", once + once)
    yield failed("5.18", [Frame(TEXT, two[0], fin=False), Frame(TEXT, two[1])])
    for number, chop in ((19, 0), (20, 1)):
        five = [b"fragment%d" % i for i in range(5)]
        parts = fragments(TEXT, five, chop)
        yield Case(f"5.{number}",
                   [*parts[:2], Frame(PING, b"pongme 1!", chop=chop), Await(("pong", b"pongme 1!")),
                    *parts[2:4], Frame(PING, b"pongme 2!", chop=chop), parts[4]],
                   [("pong", b"pongme 2!"), ("message", TEXT, b"".join(five))])


def text_cases():
    yield Case("6.1.1", [Frame(TEXT)], [("message", TEXT, b"")])
    yield Case("6.1.2", fragments(TEXT, [b"", b"", b""]), [("message", TEXT, b"")])
    middle = b"middle frame payload"
    yield Case("6.1.3", fragments(TEXT, [b"", middle, b""]), [("message", TEXT, middle)])
    valid = "Hello-µ@ßöäüàá-UTF-8!!".encode()
    for number, pieces in enumerate(([valid], [valid[:12], valid[12:]], cut(valid, 1)), 1):
        yield Case(f"6.2.{number}", fragments(TEXT, pieces), [("message", TEXT, valid)])
    greek = "κόσμε".encode()
    yield Case("6.2.4", fragments(TEXT, cut(greek, 1)), [("message", TEXT, greek)])
    invalid = greek + b"\xed\xa0\x80" + b"edited"
    yield failed("6.3.1", [Frame(TEXT, invalid)], code=INVALID_PAYLOAD)
    octets = fragments(TEXT, cut(invalid, 1))
    # The surrogate shows at its second byte.
    yield failed("6.3.2", octets[:len(greek) + 2], code=INVALID_PAYLOAD, rest=octets[len(greek) + 2:])
    yield from fail_fast_cases(greek)
    for name, is_valid, payload in utf8_cases():
        if is_valid:
            yield Case(name, [Frame(TEXT, payload)], [("message", TEXT, payload)])
        else:
            yield failed(name, [Frame(TEXT, payload)], code=INVALID_PAYLOAD)


def fail_fast_cases(valid):
    """Beyond the last code point: invalid at the second byte of the four, which 6.4.2 and 6.4.4
    send as the last one."""
    beyond, tail = b"\xf4\x90\x80\x80", b"edited"
    fence = [Frame(PING, b"still here?"), Await(("pong", b"still here?"))]
    parts = fragments(TEXT, [valid, beyond, tail])
    yield failed("6.4.1", [parts[0], *fence, parts[1]], code=INVALID_PAYLOAD, rest=parts[2:])
    parts = fragments(TEXT, [valid + beyond[:1], beyond[1:2], beyond[2:] + tail])
    yield failed("6.4.2", [parts[0], *fence, parts[1]], code=INVALID_PAYLOAD, rest=parts[2:])
    whole = Frame(TEXT, valid + beyond + tail)
    for name, first, second in (("6.4.3", len(valid), len(valid) + 4),
                                ("6.4.4", len(valid) + 1, len(valid) + 2)):
        yield failed(name, [Piece(whole, 0, first), Silence(), Piece(whole, first, second)],
                     code=INVALID_PAYLOAD, rest=[Piece(whole, second, len(whole.payload))])


def close_cases():
    normal = Frame(CLOSE, close_payload(1000))
    yield closing("7.1.1", [Frame(TEXT, HELLO), normal], (1000,), [ECHO])
    yield closing("7.1.2", [normal, normal], (1000,))
    yield closing("7.1.3", [normal, Frame(PING)], (1000,))
    yield closing("7.1.4", [normal, Frame(TEXT, HELLO)], (1000,))
    first, second = fragments(TEXT, [b"fragment1", b"fragment2"])
    yield closing("7.1.5", [first, normal, second], (1000,))
    large = b"BAsd7&jh23" * 26 * KIB
    yield closing("7.1.6", [Frame(TEXT, large), normal, Frame(PING)], (1000,),
                  [("message", TEXT, large)], [[]])
    yield closing("7.3.1", [Frame(CLOSE)], (1000, None))
    yield failed("7.3.2", [Frame(CLOSE, b"a")])
    yield closing("7.3.3", [normal], (1000,))
    yield closing("7.3.4", [Frame(CLOSE, close_payload(1000, b"Hello World!"))], (1000,))
    yield closing("7.3.5", [Frame(CLOSE, close_payload(1000, b"*" * 123))], (1000,))
    yield failed("7.3.6", [Frame(CLOSE, close_payload(1000, b"*" * 124))])
    yield failed("7.5.1", [Frame(CLOSE, close_payload(1000, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80ed"))],
                 code=INVALID_PAYLOAD)
    valid = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    for number, code in enumerate(valid, 1):
        yield closing(f"7.7.{number}", [Frame(CLOSE, close_payload(code))], (code, 1000))
    invalid = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999)
    for number, code in enumerate(invalid, 1):
        yield failed(f"7.9.{number}", [Frame(CLOSE, close_payload(code))])
    yield failed("7.13.1", [Frame(CLOSE, close_payload(5000))])
    yield failed("7.13.2", [Frame(CLOSE, close_payload(65535))])


def limit_cases():
    kinds = ((0, TEXT, b"BAsd7&jh"), (1, BINARY, b"\x00\xfe\x23\xfa\xf0\xff\x80\x01"))
    for part, opcode, fill in kinds:
        def whole(size, fill=fill):
            return fill * (size // len(fill))

        for number, size in enumerate((64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB), 1):
            yield Case(f"9.{1 + part}.{number}", [Frame(opcode, whole(size))],
                       [("message", opcode, whole(size))], is_slow=size > MIB)
        for number, size in enumerate((64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB,
                                       4 * MIB), 1):
            payload = whole(4 * MIB)
            yield Case(f"9.{3 + part}.{number}", fragments(opcode, cut(payload, size)),
                       [("message", opcode, payload)], is_slow=size < 64 * KIB)
        for number, chop in enumerate((64, 128, 256, 512, KIB, 2 * KIB), 1):
            payload = whole(MIB)
            yield Case(f"9.{5 + part}.{number}", [Frame(opcode, payload, chop=chop)],
                       [("message", opcode, payload)], is_slow=chop < KIB)
        for number, size in enumerate((0, 16, 64, 256, KIB, 4 * KIB), 1):
            payload = whole(size)
            yield Case(f"9.{7 + part}.{number}",
                       [Frame(opcode, payload), Await(("message", opcode, payload))] * 1000)
    payload = b"*" * 65536
    yield Case("10.1.1", fragments(TEXT, cut(payload, 1300)), [("message", TEXT, payload)])


def other_cases(max_message_size):
    """Masks and lengths that break the rules, very many fragments, and more than is allowed."""
    yield failed("20.1.1", [Frame(TEXT, HELLO), Frame(TEXT, HELLO, has_wrong_mask=True)], [ECHO])
    for number, length_bytes, size in ((1, 2, 0), (2, 2, 125), (3, 8, 125), (4, 8, 126), (5, 8, 65535)):
        yield failed(f"20.2.{number}", [Frame(BINARY, b"x" * size, length_bytes=length_bytes)])
    # Known to be wrong from the first bytes: nothing more has to come.
    yield failed("20.2.6", [Head(0x82, 1 << 63)])
    yield Case("20.3.1", fragments(TEXT, cut(b"*" * 16384, 1)), [("message", TEXT, b"*" * 16384)])
    yield Case("20.3.2", fragments(BINARY, [b""] * 16384 + [HELLO]), [("message", BINARY, HELLO)])
    yield Case("20.3.3", [frame for pair in zip(fragments(TEXT, [b"*"] * 1000),
                                                [Frame(PING, b"%d" % i) for i in range(1000)])
                          for frame in pair][:-1],
               [*(("pong", b"%d" % i) for i in range(999)), ("message", TEXT, b"*" * 1000)])
    if max_message_size:
        yield failed("20.4.1", [Head(0x82, max_message_size + 1)], code=TOO_BIG)
        yield failed("20.4.2", [Frame(BINARY, b"x", fin=False), Head(0x80, max_message_size)],
                     code=TOO_BIG)


def all_cases(max_message_size):
    for section in (frame_cases, ping_cases, reserved_cases, fragment_cases, text_cases,
                    close_cases, limit_cases):
        yield from section()
    yield from other_cases(max_message_size)
