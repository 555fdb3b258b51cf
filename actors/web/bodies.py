"""What a request says, as the params of the gateway's methods: its JSON body, its path, its query. Pure.

Of a body only the outermost members are read here, still encoded; they are weighed and built as the gateway's own.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from msgspec import Raw

from ...protocol import codec
from ...protocol.bounds import Bounds
from ...protocol.errors import InvalidParams, LimitExceeded
from ...protocol.messages import Wire
from ...protocol.methods import Params, RunResume, RunStart
from ...protocol.requests import parse_params
from ...protocol.rpc import JSON
from .operations import method_of

__all__ = ["params_of_body", "params_of_query", "start_or_resume", "struct_of_body"]

S = TypeVar("S", bound=Wire)
P = TypeVar("P", bound=Params)

_START = frozenset({"agent", "input", "messages", "runId", "after", "metadata"})
_RESUME = frozenset({"runId", "toolCallId", "decision", "arguments", "digest"})


def params_of_body(body: bytes, kind: type[P], run_id: str, bounds: Bounds) -> P:
    """The params in a JSON object (none: an empty one), about the run that the path names.

    Raises: InvalidParams, LimitExceeded.
    """
    members = _members(body, bounds) if body else {}
    if "runId" in members:
        raise _invalid("/runId", "the path names the run already")
    return _params({**members, "runId": run_id}, kind, bounds)


def struct_of_body(body: bytes, kind: type[S], bounds: Bounds) -> S:
    """What a JSON object says that is no method's params. Raises: InvalidParams, LimitExceeded."""
    _members(body, bounds)  # refuses what isn't an object, or holds too much
    try:
        return codec.from_plain(codec.parse_json(body), kind)
    except codec.CodecError as error:
        raise _invalid(error.path, error.message) from error


def params_of_query(query: Iterable[tuple[str, str]], kind: type[P], **path: str) -> P:
    """The params in a query, in which numbers and booleans are text. Raises: InvalidParams."""
    found = dict(path)
    for name, value in query:
        if name in found:
            raise _invalid(codec.pointer(name), "expected once")
        found[name] = value
    try:
        return codec.from_text(found, kind)
    except codec.CodecError as error:
        raise _invalid(error.path, error.message) from error


def start_or_resume(body: bytes, agents: Iterable[str], bounds: Bounds) -> RunStart | RunResume:
    """What `POST /runs` asks for: a body with a `decision` resumes a run, any other starts one.

    `messages` is another name of `input`. Where there is one agent only, it need not be named. Unknown members are the
    caller's own: they become metadata of a run that starts, and mean nothing to one that goes on, for a chat sends them
    with each request. Raises: InvalidParams, LimitExceeded.
    """
    members = _members(body, bounds)
    if "decision" in members:
        return _params({name: value for name, value in members.items() if name in _RESUME}, RunResume, bounds)
    start = _start(members, sorted(agents))
    try:
        return _params(start, RunStart, bounds)
    except InvalidParams as error:
        if "messages" in members:
            raise _about_messages(error) from None
        raise


def _start(members: dict[str, Raw], agents: list[str]) -> dict[str, Any]:
    given: dict[str, Any] = {name: value for name, value in members.items() if name in _START}
    if ("messages" in given) == ("input" in given):
        raise _invalid("", "expected either `messages` or `input`, or a `decision` with the `runId` that it is for")
    if "messages" in given:
        given["input"] = given.pop("messages")
    if bytes(given.get("agent", b"null")) == b"null":
        if len(agents) != 1:
            raise _invalid("/agent", f"expected one of {', '.join(agents) or 'no agents: there are none here'}")
        given["agent"] = agents[0]
    own = {name: value for name, value in members.items() if name not in _START}
    if own:
        given["metadata"] = {**own, **_metadata(given.get("metadata", Raw(b"null")))}
    return given


def _metadata(given: Raw) -> dict[str, Raw]:
    try:
        return JSON.decode(given, dict[str, Raw] | None) or {}
    except codec.CodecError:
        raise _invalid("/metadata", "expected an object") from None


def _members(body: bytes, bounds: Bounds) -> dict[str, Raw]:
    """The members of an object, each still encoded."""
    if not body:
        raise _invalid("", "expected a JSON object, got nothing")
    if JSON.has_more(body, bounds.max_values):
        text = f"the body holds more than {bounds.max_values} values"
        raise LimitExceeded(text, limit="maxValues", maximum=bounds.max_values)
    if JSON.kind(body) != "object":
        raise _invalid("", "expected a JSON object")
    try:
        return JSON.decode(body, dict[str, Raw])
    except codec.CodecError as error:
        fault = error
    try:
        return JSON.decode(JSON.mended(body), dict[str, Raw])  # with text that is no Unicode, whose place is told later
    except codec.CodecError:
        raise _invalid(fault.path, fault.message) from fault


def _params(members: Mapping[str, Any], kind: type[P], bounds: Bounds) -> P:
    return cast(P, parse_params(method_of(kind), codec.to_json(members), JSON, bounds))


def _about_messages(error: InvalidParams) -> InvalidParams:
    """The error, with the name that the caller knows its input by."""
    [fault] = error.data["errors"]
    path: str = fault["path"]
    is_input = path == "/input" or path.startswith("/input/")
    return _invalid(f"/messages{path.removeprefix('/input')}", fault["message"]) if is_input else error


def _invalid(path: str, message: str) -> InvalidParams:
    text = f"{message} (at {path})" if path else message
    return InvalidParams(text, errors=[{"path": path, "message": message}])
