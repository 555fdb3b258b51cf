"""Reads the gateway methods' params from a request: its JSON body, path and query. Pure.

Reads only the outermost members of a body, still encoded. The gateway's own code checks and builds their values.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from msgspec import Raw

from ...protocol import codec
from ...protocol.bounds import Bounds
from ...protocol.errors import InvalidParams, LimitExceeded
from ...protocol.messages import Wire
from ...protocol.methods import Params, RunResume, RunStart
from ...protocol.requests import expectation, parse_params
from ...protocol.rpc import JSON
from .operations import method_of

__all__ = ["params_of_body", "params_of_query", "start_or_resume", "struct_of_body"]

S = TypeVar("S", bound=Wire)
P = TypeVar("P", bound=Params)

_START = frozenset({"agent", "input", "messages", "runId", "after", "metadata", "limits"})
_RESUME = frozenset({"runId", "toolCallId", "decision", "arguments", "digest"})


def params_of_body(body: bytes, kind: type[P], run_id: str, bounds: Bounds) -> P:
    """Returns the params in a JSON object (an empty body: an empty object), for the run named in the path.

    Raises: InvalidParams, LimitExceeded.
    """
    members = _members(body, bounds) if body else {}
    if "runId" in members:
        raise _invalid("/runId", "the path names the run already")
    return _params({**members, "runId": run_id}, kind, bounds)


def struct_of_body(body: bytes, kind: type[S], bounds: Bounds) -> S:
    """Returns a struct that is not a method's params, from a JSON object. Raises: InvalidParams, LimitExceeded."""
    _members(body, bounds)  # refuses a body that is no object or has too many values
    try:
        return codec.from_plain(codec.parse_json(body), kind)
    except codec.CodecError as error:
        raise _invalid(error.path, error.message) from error


def params_of_query(query: Iterable[tuple[str, str]], kind: type[P], **path: str) -> P:
    """Returns the params in a query; numbers and booleans are text there. Raises: InvalidParams."""
    found = dict(path)
    for name, value in query:
        if name in found:
            raise _invalid(codec.pointer(name), "expected once")
        found[name] = value
    try:
        return codec.from_text(found, kind)
    except codec.CodecError as error:
        raise _invalid(error.path, expectation(error)) from error


def start_or_resume(body: bytes, agents: Iterable[str], bounds: Bounds) -> RunStart | RunResume:
    """Reads the body of `POST /runs`: with a `decision` it resumes a run, without one it starts a run.

    `messages` is another name of `input`. `agent` may be left out if there is only one. Unknown members become metadata
    of a new run. On a resume they are ignored, because a chat sends them with each request.

    Raises: InvalidParams, LimitExceeded.
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
    """Returns the members of an object, each still encoded."""
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
        return JSON.decode(JSON.mended(body), dict[str, Raw])  # invalid Unicode is reported later, with its place
    except codec.CodecError:
        raise _invalid(fault.path, fault.message) from fault


def _params(members: Mapping[str, Any], kind: type[P], bounds: Bounds) -> P:
    return cast(P, parse_params(method_of(kind), codec.to_json(members), JSON, bounds))


def _about_messages(error: InvalidParams) -> InvalidParams:
    """Returns the error with the caller's name for the input."""
    [fault] = error.data["errors"]
    path: str = fault["path"]
    is_input = path == "/input" or path.startswith("/input/")
    return _invalid(f"/messages{path.removeprefix('/input')}", fault["message"]) if is_input else error


def _invalid(path: str, message: str) -> InvalidParams:
    text = f"{message} (at {path})" if path else message
    return InvalidParams(text, errors=[{"path": path, "message": message}])
