"""The OpenAPI document: requests, responses and errors of the HTTP interface. Pure; made from `operations` and structs.

OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0): its schemas are JSON Schema 2020-12, the kind that msgspec writes.
"""

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from ...protocol import codec
from ...protocol.components import component_schemas
from ...protocol.errors import AdjournError, DecisionInvalid, LimitExceeded
from ...protocol.events import Envelope, Status
from ...protocol.messages import Message, Wire
from ...protocol.methods import METHODS, RUN_ID_PATTERN, Params, RunGet, RunId, RunResume, RunStart, RunSubscribe
from ...protocol.openrpc import refusals
from .documents import MarkdownDocuments, MarkdownTexts
from .operations import OPERATIONS, Operation, method_of
from .problems import PROBLEM_TYPE, status_of

__all__ = ["Accepted", "Problem", "StartBody", "openapi_document"]

_JSON = "application/json"
_SSE = "text/event-stream"


_Messages = Annotated[tuple[Message, ...], Meta(min_length=1)]


class Problem(Wire, frozen=True):
    """Why a request was refused (RFC 9457). May have further members with the error's data."""

    type: str  # the error's type, as on the gateway's wire; about:blank: a plain HTTP error
    title: str  # the status as text
    status: int
    detail: str  # for people


class Accepted(Wire, frozen=True):
    """The run goes on without the client."""

    run_id: str
    status: Status


class StartBody(Wire, frozen=True):
    """Starts a run. Members that are not listed here become metadata."""

    messages: _Messages | UnsetType = UNSET  # either this
    input: str | _Messages | UnsetType = UNSET  # or this
    agent: str | None = None  # the agent's name; may be left out if there is only one
    run_id: RunId | None = None  # safe to retry: the same id finds the same run
    after: RunId | None = None  # a run whose transcript this one continues
    metadata: dict[str, Any] | None = None


@lru_cache(4)
def openapi_document(version: str) -> bytes:
    """Returns the document as JSON, for this version of adjourn."""
    kinds = [kind for method in METHODS.values() for kind in (method.params, method.result)]
    found = component_schemas([*kinds, *_OWN, Envelope])
    schemas = {name: _closed(schema) for name, schema in found.items()} | {"Value": _VALUE}
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.verb.lower()] = _operation(
            operation, schemas if operation.has_body else found
        )
    paths["/runs"]["post"] = _stream_of(RunStart, "Start a run, or decide a call", _either(schemas))
    resume = _body_about_a_run(schemas[RunResume.__name__])
    paths["/runs/{runId}/resume"] = {"post": _stream_of(RunResume, "Decide a gated call", resume, in_path=True)}
    paths["/runs/{runId}/events"] = {"get": _events(found[RunSubscribe.__name__])}
    paths["/markdown"] = {"post": _markdown()}
    paths["/healthz"] = {
        "get": {"operationId": "health", "responses": _answers("Whether the server accepts requests", _OBJECT)}
    }
    paths["/openapi.json"] = {"get": {"operationId": "openapi", "responses": _answers("This document", _OBJECT)}}
    inlined = {method.params.__name__ for method in METHODS.values()}
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "adjourn", "version": version, "license": {"name": "MIT", "identifier": "MIT"}},
        "security": [{}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in schemas.items() if name not in inlined},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }
    return codec.to_json(document)


def _operation(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    """Describes an operation that answers with JSON."""
    params = schemas[operation.params.__name__]
    answers = _answers(operation.summary, _ref(operation.method.result))
    if operation.verb == "DELETE":
        answers = {"204": {"description": operation.summary}}
    if operation.params is RunGet:
        answers["304"] = {"description": "The client already has this version (If-None-Match)"}
    in_path = [_RUN_ID] if "{runId}" in operation.path else []
    found: dict[str, Any] = {
        "operationId": method_of(operation.params),
        "summary": operation.summary,
        "parameters": in_path if operation.has_body else in_path + _in_query(params, but=operation.cursor),
        "responses": answers | _refusals(operation.params),
    }
    if operation.has_body:
        body = _body_about_a_run(params)
        found["requestBody"] = {"required": bool(body["required"]), "content": {_JSON: {"schema": body}}}
    return found


def _stream_of(params: type[Params], summary: str, body: dict[str, Any], *, in_path: bool = False) -> dict[str, Any]:
    """Describes an operation that streams a run's events until it pauses or ends."""
    return {
        "operationId": method_of(params) + ("" if in_path else "OrResume"),
        "summary": summary,
        "parameters": [*([_RUN_ID] if in_path else []), _LAST_EVENT_ID],
        "requestBody": {"required": True, "content": {_JSON: {"schema": body}}},
        "responses": {
            "200": _event_stream("The events until the run parks or ends"),
            "202": {
                "description": "Accepted; the run goes on without a stream",
                "content": {_JSON: {"schema": _ref(Accepted)}},
            },
        }
        | _refusals(params),
    }


def _events(params: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": method_of(RunSubscribe),
        "summary": "Watch a run, from a snapshot on, or from the events behind the last one that the client has",
        "parameters": [_RUN_ID, _LAST_EVENT_ID, *_in_query(params)],
        "responses": {
            "200": _event_stream("The events until the run ends"),
            "204": {"description": "The client has all events"},
        }
        | _refusals(RunSubscribe),
    }


def _markdown() -> dict[str, Any]:
    summary = "Parse Markdown, safe to show: HTML in it is text, and links are http, https or mailto"
    return {
        "operationId": "markdown",
        "summary": summary,
        "requestBody": {"required": True, "content": {_JSON: {"schema": _ref(MarkdownTexts)}}},
        "responses": _answers(summary, _ref(MarkdownDocuments)) | _refused_with([LimitExceeded]),
    }


def _answers(summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"200": {"description": summary, "content": {_JSON: {"schema": schema}}}}


def _event_stream(summary: str) -> dict[str, Any]:
    headers = {"X-Run-Id": {"description": "The run's id", "schema": {"type": "string"}}}
    return {"description": summary, "headers": headers, "content": {_SSE: {"schema": {"type": "string"}}}}


def _refusals(params: type[Params]) -> dict[str, Any]:
    """Describes an operation's problems, by status. Problems that any request may get are the default."""
    return _refused_with(refusals(method_of(params)))


def _refused_with(errors: Iterable[type[AdjournError]]) -> dict[str, Any]:
    statuses = {status_of(error("", **_DATA.get(error, {}))) for error in errors}
    found = {str(status.value): _problem(status.phrase) for status in sorted({*statuses, *_ANY_REQUEST})}
    return found | {"default": _problem("Refused")}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {PROBLEM_TYPE: {"schema": _ref(Problem)}}}


def _ref(kind: type[Wire]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _body_about_a_run(params: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema of params without the run's id, which is in the path."""
    properties = {name: schema for name, schema in params["properties"].items() if name != "runId"}
    required = [name for name in params["required"] if name != "runId"]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _in_query(params: dict[str, Any], *, but: str | None = None) -> list[dict[str, Any]]:
    names = [name for name in params["properties"] if name not in ("runId", but)]
    return [{"name": name, "in": "query", "schema": _closed(params["properties"][name])} for name in names]


def _either(schemas: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema of `POST /runs`: a start or a resume. Both may have further members."""
    start = schemas.pop(StartBody.__name__)
    start["properties"] |= {"decision": False}
    start["additionalProperties"] = _ANY_VALUE  # they become metadata
    start["oneOf"] = [{"required": ["messages"]}, {"required": ["input"]}]
    return {"anyOf": [start, {**schemas[RunResume.__name__], "additionalProperties": True}]}


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema; whatever it leaves open becomes a value that every wire format carries."""
    if schema.keys() <= {"description", "default"}:
        return {**schema, **_ANY_VALUE}
    found = dict(schema)
    if found.get("type") == "object" and "properties" not in found:
        found.setdefault("additionalProperties", _ANY_VALUE)
    if found.get("type") == "integer":
        found.setdefault("minimum", -codec.MAX_INT)
        found.setdefault("maximum", codec.MAX_INT)
    if "properties" in found:
        found["properties"] = {name: _closed(member) for name, member in found["properties"].items()}
    if isinstance(found.get("items"), dict):
        found["items"] = _closed(found["items"])
    if "anyOf" in found:
        found["anyOf"] = [_closed(member) for member in found["anyOf"]]
    return found


_ANY_VALUE = {"$ref": "#/components/schemas/Value"}
_VALUE = {
    "description": "Any JSON value; of its numbers, those that are no fractions lie within ±2^53.",
    "minimum": -codec.MAX_INT,
    "maximum": codec.MAX_INT,
    "items": _ANY_VALUE,
    "additionalProperties": _ANY_VALUE,
}
_OWN = (Problem, Accepted, StartBody, MarkdownTexts, MarkdownDocuments)
_OBJECT = {"type": "object"}
_RUN_ID = {
    "name": "runId",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": RUN_ID_PATTERN.replace("\\Z", "$")},
}
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "seq of the last event that the client has; takes precedence over `after`",
    "schema": {"type": "string", "pattern": "^[0-9]{0,16}$"},
}
_ANY_REQUEST = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.MISDIRECTED_REQUEST,
)
_DATA: dict[type[AdjournError], dict[str, Any]] = {DecisionInvalid: {"errors": []}}
