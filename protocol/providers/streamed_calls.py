"""Assigns the pieces of streamed tool calls to their calls, by the same rules for every API. No API's JSON here.

Servers identify calls by an index, an id or both, and either may be wrong. The rules:

- A known id means the call with that id, whatever the index. A repeated whole call is ignored, so that no call executes
  twice.
- A piece without id and name belongs to the call at its index, or, where no call has that index, to the latest call.
- A second object of arguments, or another name, is a second call.

A call that begins with a known id is held: nothing of it is written before it ends. Only then do its arguments show
whether it repeats the call with that id, continues it, or is another call.
"""

import re
from collections.abc import Callable
from copy import copy

from .. import codec
from .message_writer import MAX_BLOCKS, MessageWriter, WireError

__all__ = ["StreamedCalls"]

_END = re.compile(r"\}(?=\s*\{)")  # an object may end here, and another begin
_TOKENS = re.compile(r'\\.?|["{}\[\]]', re.DOTALL)


class StreamedCalls:
    """Writes the tool calls of one message."""

    def __init__(self, writer: MessageWriter) -> None:
        self.before_call: Callable[[], None] | None = None  # called before the block of a call begins
        self._writer = writer
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}  # the latest call with that id

    def piece(
        self,
        index: int | None = None,
        id: str = "",  # noqa: A002  # the wire's word
        name: str = "",
        arguments: str = "",
        signature: str | None = None,
    ) -> None:
        """Add a piece of a call. `arguments` is a piece of JSON text; a call has one or more pieces.

        Raises: WireError when the message gets too long."""
        more = self._take(index, id, name, arguments, signature)
        while more:
            more = self._take(index, "", name, more, None)

    def _take(self, index: int | None, id: str, name: str, arguments: str, signature: str | None) -> str:  # noqa: A002
        """Add a piece, up to the end of its first object. Return the rest of the arguments."""
        call = self._meant(index, id, name, arguments)
        arguments, more = call.split(arguments)
        if index is not None:
            self._by_index[index] = call
        if id and not call.id:
            call.id = id
            self._by_id[id] = call
        if call.block is None:
            call.name = call.name or name
        call.signature = signature or call.signature
        if arguments:
            call.pieces.append(arguments)
        if call.original is not None:
            self._writer.count(len(arguments))
        elif call.block is not None or name or arguments:
            self._writer.grow(self._begun(call), arguments)
        return more

    def end(self, index: int) -> None:
        """End the call at this index, if there is one."""
        call = self._by_index.pop(index, None)
        if call is not None:
            self._end(call)

    def end_all(self) -> None:
        """End every call, and decide what the held calls are."""
        # Held calls end first, because a held call may be the rest of another call's arguments.
        for call in sorted(self._calls, key=lambda call: call.original is None):
            self._end(call)

    def _meant(self, index: int | None, id: str, name: str, arguments: str) -> "_Call":  # noqa: A002
        """Return the call that a piece belongs to; a new call if the piece begins one."""
        at = None if index is None else self._by_index.get(index)
        known = self._by_id.get(id) if id else None
        if known is not None:
            call = at if at is not None and at.id == id else known
            elsewhere = index is not None and call.index is not None and index != call.index
            if (name and (elsewhere or call.ended)) or call.is_followed_by(arguments):
                return self._new(index, id, original=call.original or call)
            return call
        if id:
            # An unknown id without a name: some servers send a call's id late, or a new id with each piece.
            late = at is not None and (not name or (not at.id and at.name in ("", name)))
            return at if at is not None and late and not at.is_followed_by(arguments) else self._new(index, id)
        latest = self._calls[-1] if self._calls else None
        call = at if at is not None or (index is not None and name) else latest
        if call is None or call.ended or call.is_followed_by(arguments):
            return self._new(index)
        is_other = bool(name) and call.has_other_name(name, numbered=index is not None)
        return self._new(index) if is_other else call

    def _new(self, index: int | None, id: str = "", *, original: "_Call | None" = None) -> "_Call":  # noqa: A002
        if len(self._calls) >= MAX_BLOCKS:
            raise WireError(f"the model's message has more than {MAX_BLOCKS} tool calls")
        call = _Call(index, id, original)
        self._calls.append(call)
        if id:
            self._by_id[id] = call
        return call

    def _end(self, call: "_Call") -> None:
        if call.ended:
            return
        call.ended = True
        if call.original is not None:
            self._settle(call, call.original)
        if call.block is not None:
            self._writer.end(call.block, signature=call.signature)

    def _settle(self, call: "_Call", original: "_Call") -> None:
        """Decide what a held call is: a repetition of the call with its id, the rest of that call, or another call."""
        arguments, said = call.arguments, original.arguments
        name = call.name or original.name
        known = original.repeatable | {(original.name, _normal(said))}
        if (name, _normal(arguments)) in known or (name == original.name and said.startswith(arguments)):
            original.signature = original.signature or call.signature
            return
        if name == original.name and not original.ended and _is_object(said + arguments):
            original.pieces.append(arguments)
            self._writer.grow(self._begun(original), arguments)
            return
        original.repeatable.add((name, _normal(arguments)))
        self._writer.grow(self._begun(call), arguments)

    def _begun(self, call: "_Call") -> int:
        """Return the content index of the call's block. Begins the block if necessary."""
        if call.block is None:
            if self.before_call is not None:
                self.before_call()
            call.block = self._writer.call(call.id, call.name)
        return call.block


class _Call:
    """An unfinished tool call. Its block begins with its name, or with the first arguments if it has no name."""

    __slots__ = (
        "_scan",
        "_scanned",
        "block",
        "ended",
        "id",
        "index",
        "name",
        "original",
        "pieces",
        "repeatable",
        "signature",
    )

    def __init__(self, index: int | None, id: str, original: "_Call | None") -> None:  # noqa: A002
        self.index = index  # from the wire
        self.id = id
        self.name = ""
        self.block: int | None = None  # the content index
        self.original = original  # an earlier call with the same id; this call is then held until its end
        self.repeatable = set[tuple[str, str]]()  # names and arguments of the earlier calls with this id
        self.pieces: list[str] = []  # the arguments' text
        self.signature: str | None = None
        self.ended = False
        self._scan, self._scanned = _Scan(), 0  # pieces scanned so far

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)

    def has_other_name(self, name: str, *, numbered: bool) -> bool:
        """Check whether a piece with this name and no id begins another call. Without index, any second name does."""
        if not numbered:
            return self.block is not None
        return bool(self.name) and (name != self.name or self._is_whole())

    def is_followed_by(self, arguments: str) -> bool:
        """Check whether these arguments belong to another call, because this call's arguments are complete."""
        return arguments.lstrip()[:1] == "{" and self._is_whole()

    def split(self, arguments: str) -> tuple[str, str]:
        """Return the arguments up to the end of this call's object, and the rest if another object begins after it."""
        if _END.search(arguments) is None or self._is_whole():
            return arguments, ""
        scan, start = copy(self._scan), 0
        for found in _END.finditer(arguments):
            scan.feed(arguments[start : found.end()])
            start = found.end()
            if scan.is_whole:
                return arguments[:start], arguments[start:]
        return arguments, ""

    def _is_whole(self) -> bool:
        for piece in self.pieces[self._scanned :]:
            self._scan.feed(piece)
        self._scanned = len(self.pieces)
        return self._scan.is_whole


class _Scan:
    """Tells whether a growing JSON text is one whole object. Reads each character once."""

    __slots__ = ("_begun", "_depth", "_escaped", "_quoted")

    def __init__(self) -> None:
        self._begun = self._quoted = self._escaped = False
        self._depth = 0

    @property
    def is_whole(self) -> bool:
        return self._begun and self._depth <= 0 and not self._quoted

    def feed(self, text: str) -> None:
        if self._escaped and text:  # the previous piece ended with a backslash
            self._escaped, text = False, text[1:]
        for mark in _TOKENS.findall(text):
            if mark[0] == "\\":
                self._escaped = len(mark) == 1
            elif mark == '"':
                self._quoted = not self._quoted
            elif not self._quoted:
                self._begun = True
                self._depth += 1 if mark in "{[" else -1


def _is_object(text: str) -> bool:
    """Check whether the text is a JSON object within the value domain. An empty text counts as an empty object."""
    try:
        return not text or isinstance(codec.parse_json(text), dict)
    except codec.CodecError:
        return False


def _normal(arguments: str) -> str:
    """Return the arguments as canonical JSON if they are an object, so that differences in white space don't count."""
    return codec.canonical_json(codec.parse_json(arguments or "{}")).decode() if _is_object(arguments) else arguments
