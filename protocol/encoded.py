"""Checks encoded JSON and MessagePack before it is decoded. No message types here. Pure.

Decoded values take many times the memory of their bytes: an empty list is one byte of MessagePack, and 72 in Python.
"""

import re
from typing import Literal, TypeAlias

__all__ = ["Kind", "has_more_json", "has_more_msgpack", "kind_json", "kind_msgpack", "mended_json"]

Kind: TypeAlias = Literal["object", "array", "scalar"]

# Bounds on the time that `mended_json` takes:
MOST_MENDED = 1000  # lone surrogates that it replaces
MOST_ESCAPED = 100_000  # escaped surrogates, lone or in pairs, above which it does nothing

_SPACE_AND_FIRST = re.compile(rb"[ \t\r\n]*([\[{])")
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# The escape of a high surrogate without a low surrogate after it, or of a low one without a high one before it. Escapes
# right after an escaped backslash are not found: they are too rare to be worth the time.
_LONE = re.compile(
    rb"\\u(?<=[^\\]\\u)(?:"
    rb"[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u)[dD][c-fC-F][0-9a-fA-F]{2})"
)

# These three tables are indexed by the first byte of a MessagePack value.
_PAYLOAD = {  # number of bytes that follow
    0xCA: 4,
    0xCB: 8,
    0xCC: 1,
    0xCD: 2,
    0xCE: 4,
    0xCF: 8,
    0xD0: 1,
    0xD1: 2,
    0xD2: 4,
    0xD3: 8,  # numbers
    0xD4: 2,
    0xD5: 3,
    0xD6: 5,
    0xD7: 9,
    0xD8: 17,  # extensions: one byte for the type, and 1 to 16 bytes of data
}
_LENGTH = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}  # size of the length field
_COUNT = {0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}  # size of the count field


def kind_json(data: bytes) -> Kind:
    """Return the kind of the value in a JSON text, from its first characters."""
    found = _SPACE_AND_FIRST.match(data)
    return "scalar" if found is None else "object" if found[1] == b"{" else "array"


def kind_msgpack(data: bytes) -> Kind:
    """Return the kind of a MessagePack value, from its first byte."""
    first = data[0] if len(data) else 0
    if first & 0xF0 == 0x80 or first in (0xDE, 0xDF):
        return "object"
    return "array" if first & 0xF0 == 0x90 or first in (0xDC, 0xDD) else "scalar"


def has_more_json(data: bytes, most: int) -> bool:
    """Check whether a valid JSON text has more than `most` items and members, in all its containers together.

    `[ ]`, with a space in it, counts as one item. Takes time O(bytes), plus time for at most `most` values.
    """
    if len(data) <= most:  # each value takes a byte or more
        return False
    bare = _TEXT.sub(b"0", data, count=2 * most + 2)  # more texts mean too many values anyway
    containers = bare.count(b"[") + bare.count(b"{") - bare.count(b"[]") - bare.count(b"{}")
    return containers + bare.count(b",") > most


def has_more_msgpack(data: bytes, most: int) -> bool:
    """Check whether a valid MessagePack value has more than `most` items and members, in all its containers together.

    Takes time for at most `most` values.
    """
    at, values, end = 0, 0, len(data)
    if end <= most:
        return False
    while at < end and values <= most:
        first = data[at]
        at += 1
        if 0x80 <= first < 0xA0:  # a map or an array with less than 16 members or items
            values += first & 0x0F
        elif 0xA0 <= first < 0xC0:  # text of less than 32 bytes
            at += first & 0x1F
        elif first in _COUNT:
            size = _COUNT[first]
            values += int.from_bytes(data[at : at + size])
            at += size
        elif first in _LENGTH:
            size = _LENGTH[first]
            is_extension = 0xC7 <= first <= 0xC9
            at += size + int.from_bytes(data[at : at + size]) + is_extension
        else:
            at += _PAYLOAD.get(first, 0)
    return values > most


def mended_json(data: bytes) -> bytes:
    """Return the JSON text with the first `MOST_MENDED` escapes of lone surrogates replaced by bytes that aren't UTF-8.

    The decoder can ignore invalid UTF-8 and read the other fields. A lone surrogate's escape makes it fail at once.
    """
    if data.count(b"\\ud") + data.count(b"\\uD") > MOST_ESCAPED:
        return data
    return _LONE.sub(b"\xff" * 6, data, count=MOST_MENDED)
