"""What encoded data shows before any value of it is built: JSON and MessagePack. No types of messages here. Pure.

A value that is built takes many times its bytes: an empty list of MessagePack is one byte, and 72 in memory.
"""

import re
from typing import Literal, TypeAlias

__all__ = ["Kind", "has_more_json", "has_more_msgpack", "kind_json", "kind_msgpack", "mended_json"]

Kind: TypeAlias = Literal["object", "array", "scalar"]

MOST_MENDED = 1000  # lone surrogates; each of these bounds the time
MOST_ESCAPED = 100_000  # surrogates, lone or not

_SPACE_AND_FIRST = re.compile(rb"[ \t\r\n]*([\[{])")
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# The escape of a high surrogate without a low one behind it, or the other way round. After an escaped backslash none is
# found: too rare to be worth the time.
_LONE = re.compile(
    rb"\\u(?<=[^\\]\\u)(?:"
    rb"[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u)[dD][c-fC-F][0-9a-fA-F]{2})"
)

# By the first byte of a value of MessagePack:
_PAYLOAD = {  # bytes that follow
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
    0xD8: 17,  # extensions: their type, and 1 to 16 bytes
}
_LENGTH = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}  # bytes of a length
_COUNT = {0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}  # bytes of a number of items or members


def kind_json(data: bytes) -> Kind:
    """What a JSON text begins to be."""
    found = _SPACE_AND_FIRST.match(data)
    return "scalar" if found is None else "object" if found[1] == b"{" else "array"


def kind_msgpack(data: bytes) -> Kind:
    """What a value of MessagePack begins to be."""
    first = data[0] if len(data) else 0
    if first & 0xF0 == 0x80 or first in (0xDE, 0xDF):
        return "object"
    return "array" if first & 0xF0 == 0x90 or first in (0xDC, 0xDD) else "scalar"


def has_more_json(data: bytes, most: int) -> bool:
    """Whether a valid JSON text has more than `most` items and members, in all its containers.

    Of `[ ]`, with a space in it, one is counted. Beside a look at each byte, this takes time for `most` values, however
    many there are.
    """
    if len(data) <= most:  # each takes a byte, at the least
        return False
    bare = _TEXT.sub(b"0", data, count=2 * most + 2)  # if there are more texts, there are more values too
    containers = bare.count(b"[") + bare.count(b"{") - bare.count(b"[]") - bare.count(b"{}")
    return containers + bare.count(b",") > most


def has_more_msgpack(data: bytes, most: int) -> bool:
    """Whether a valid value of MessagePack has more than `most` items and members, in all its containers.

    This takes time for `most` values, however many there are.
    """
    at, values, end = 0, 0, len(data)
    if end <= most:
        return False
    while at < end and values <= most:
        first = data[at]
        at += 1
        if 0x80 <= first < 0xA0:  # a map or an array of less than 16
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
    """The text with the first lone surrogates among its escapes made bytes that are no UTF-8.

    The decoder can pass over those, and so read what stands beside them; the escapes stop it at once.
    """
    if data.count(b"\\ud") + data.count(b"\\uD") > MOST_ESCAPED:
        return data
    return _LONE.sub(b"\xff" * 6, data, count=MOST_MENDED)
