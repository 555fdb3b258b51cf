"""What a request says, as the params of the gateway's methods: its JSON body, its path, its query. Pure."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar, cast

from ...protocol import codec
from ...protocol.errors import InvalidParams
from ...protocol.methods import RUN_ID_EXPECTED, RUN_ID_PATTERN, Params, RunResume, RunStart

__all__ = ["params_of_body", "params_of_query", "start_or_resume"]

P = TypeVar("P", bound=Params)

_START = frozenset({"agent", "input", "messages", "runId", "after", "metadata"})
_RESUME = frozenset({"runId", "toolCallId", "decision", "arguments", "digest"})


def params_of_body(body: bytes, kind: type[P], run_id: str) -> P:
    """The params in a JSON object (none: an empty one), about the run that the path names.

    Raises: InvalidParams.
    """
    members = _object(body) if body else {}
    if "runId" in members:
        raise _invalid("/runId", "the path names the run already")
    return _convert({**members, "runId": run_id}, kind)


def params_of_query(query: Iterable[tuple[str, str]], kind: type[P], **path: str) -> P:
    """The params in a query, in which numbers and booleans are text. Raises: InvalidParams."""
    found: dict[str, str] = {}
    for name, value in query:
        if name in found or name in path:
            raise _invalid(codec.pointer(name), "expected once")
        found[name] = value
    return _convert({**found, **path}, kind, strict=False)


def start_or_resume(body: bytes, agents: Iterable[str]) -> RunStart | RunResume:
    """What `POST /runs` asks for: a body with a `decision` resumes a run, any other starts one.

    `messages` is another name of `input`. Where there is one agent only, it need not be named. Unknown members are the
    caller's own: they become metadata of a run that starts, and mean nothing to one that goes on, for a chat sends them
    with each request. Raises: InvalidParams.
    """
    members = _object(body)
    if "decision" in members:
        return _convert({name: value for name, value in members.items() if name in _RESUME}, RunResume)
    names = {"input": "messages"} if "messages" in members else {}
    return _convert(_start(members, sorted(agents)), RunStart, names=names)


def _start(members: dict[str, Any], agents: list[str]) -> dict[str, Any]:
    given = {name: value for name, value in members.items() if name in _START}
    if ("messages" in given) == ("input" in given):
        raise _invalid("", "expected either `messages` or `input`, or a `decision` with the `runId` that it is for")
    if "messages" in given:
        given["input"] = given.pop("messages")
    if given.get("agent") is None:
        if len(agents) != 1:
            raise _invalid("/agent", f"expected one of {', '.join(agents) or 'no agents: there are none here'}")
        given["agent"] = agents[0]
    own = {name: value for name, value in members.items() if name not in _START}
    if own:
        metadata: object = given.get("metadata") or {}
        if not isinstance(metadata, dict):
            raise _invalid("/metadata", "expected an object")
        given["metadata"] = {**own, **cast(dict[str, Any], metadata)}
    return given


def _object(body: bytes) -> dict[str, Any]:
    if not body:
        raise _invalid("", "expected a JSON object, got nothing")
    try:
        value = codec.parse_json(body)
    except codec.CodecError as error:
        raise _invalid(error.path, error.message) from error
    if not isinstance(value, dict):
        raise _invalid("", "expected a JSON object")
    return cast(dict[str, Any], value)


def _convert(
    members: Mapping[str, Any], kind: type[P], *, strict: bool = True, names: Mapping[str, str] = MappingProxyType({})
) -> P:
    """The members as params. `names`: what the caller calls them, where it is another name."""
    try:
        return codec.convert(members, kind, strict=strict)
    except codec.CodecError as error:
        if repr(RUN_ID_PATTERN) in error.message:  # for people, not for machines
            raise _invalid(error.path, RUN_ID_EXPECTED) from error
        first, *rest = error.path.removeprefix("/").split("/")
        path = "/".join(["", names.get(first, first), *rest]) if error.path else ""
        raise _invalid(path, error.message) from error


def _invalid(path: str, message: str) -> InvalidParams:
    text = f"{message} (at {path})" if path else message
    return InvalidParams(text, errors=[{"path": path, "message": message}])
