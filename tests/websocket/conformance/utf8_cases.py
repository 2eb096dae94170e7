"""Texts, valid and not: 6.5 to 6.23. What is invalid is derived from how UTF-8 encodes (RFC 3629),
not listed."""


def encode(code_point, length):
    """As UTF-8 would with that many bytes, whether it may or not."""
    if length == 1:
        return bytes([code_point])
    tail = [0x80 | code_point >> 6 * i & 0x3F for i in range(length - 2, -1, -1)]
    lead = (0xFF00 >> length & 0xFF) | code_point >> 6 * (length - 1)
    return bytes([lead, *tail])


FIRST = {1: 0, 2: 0x80, 3: 0x800, 4: 0x10000, 5: 0x200000, 6: 0x4000000}  # by length
LAST = {length: FIRST[length + 1] - 1 for length in range(1, 6)} | {6: 0x7FFFFFFF}
MAXIMUM = 0x10FFFF


def without_last_byte():
    """The shortest and the longest code of each length, cut short."""
    return ([encode(0, length)[:-1] for length in range(2, 7)]
            + [encode(LAST[length], length)[:-1] for length in range(2, 7)])


def is_valid(data):
    try:
        data.decode("utf-8")
        return True
    except UnicodeDecodeError:
        return False


def groups():
    """(number of the group, its texts)"""
    greek = "κόσμε".encode()
    surrogates = [0xD800, 0xDB7F, 0xDB80, 0xDBFF, 0xDC00, 0xDF80, 0xDFFF]
    incomplete = without_last_byte()
    yield 5, [b"hello\x24world", "hello¢world".encode(), "hello€world".encode(),
              "hello\U00024b62world".encode(), greek]
    yield 6, [greek[:size] for size in range(1, len(greek) + 1)]
    yield 7, [encode(FIRST[length], length) for length in range(1, 5)]
    yield 8, [encode(FIRST[length], length) for length in (5, 6)]
    yield 9, [encode(LAST[1], 1), encode(LAST[2], 2), encode(LAST[3], 3), encode(MAXIMUM, 4)]
    yield 10, [encode(LAST[length], length) for length in (4, 5, 6)]
    yield 11, [encode(0xD7FF, 3), encode(0xE000, 3), encode(0xFFFD, 3), encode(MAXIMUM, 4),
               encode(MAXIMUM + 1, 4)]
    yield 12, [b"\x80", b"\xbf", *((b"\x80\xbf" * 3)[:size] for size in range(2, 7)),
               bytes(range(0x80, 0xC0))]
    yield 13, [b" ".join(bytes([lead]) for lead in range(first, last + 1)) for first, last in
               ((0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB), (0xFC, 0xFD))]
    yield 14, incomplete
    yield 15, [b"".join(incomplete)]
    yield 16, [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]
    yield 17, [encode(ord("/"), length) for length in range(2, 7)]
    yield 18, [encode(FIRST[length] - 1, length) for length in range(2, 7)]
    yield 19, [encode(0, length) for length in range(2, 7)]
    yield 20, [encode(each, 3) for each in surrogates]
    yield 21, [encode(high, 3) + encode(low, 3)
               for high in (0xD800, 0xDB7F, 0xDB80, 0xDBFF) for low in (0xDC00, 0xDFFF)]
    yield 22, [encode(plane << 16 | low, 4 if plane else 3)
               for plane in range(17) for low in (0xFFFE, 0xFFFF)]
    yield 23, [encode(each, 3) for each in range(0xFFF9, 0x10000)]


def utf8_cases():
    """(name, whether it is valid, text)"""
    for group, texts in groups():
        for number, text in enumerate(texts, 1):
            yield f"6.{group}.{number}", is_valid(text), text
