"""Makes the OpenRPC document: a gateway's methods, errors and notifications, for programs. Pure.

It is made from `methods` and `errors`, following OpenRPC 1.3.2 (https://spec.open-rpc.org). Only this module says which
method raises which errors. OpenRPC has no notifications, so they are under `x-notifications`.
"""

from functools import lru_cache
from typing import Any

from .components import component_schemas
from .errors import (
    AdjournError,
    AgentNotFound,
    ClaimTaken,
    DecisionConflict,
    DecisionInvalid,
    Forbidden,
    LimitExceeded,
    NotPending,
    RecordTooNew,
    RunElsewhere,
    RunEnded,
    RunIdConflict,
    RunNotFound,
    ShuttingDown,
    StaleEpoch,
    StoreCorrupt,
    StoreUnavailable,
    Stranded,
    ToolCallIdRequired,
    Unauthorized,
)
from .messages import Wire
from .methods import METHODS, NOTIFICATIONS, Method, OpenRPCDocument

__all__ = ["OPENRPC_VERSION", "openrpc_document", "refusals"]

OPENRPC_VERSION = "1.3.2"

_Errors = tuple[type[AdjournError], ...]

_ANY_METHOD: _Errors = (Unauthorized, Forbidden, LimitExceeded, ShuttingDown)
_RECORD: _Errors = (RecordTooNew, StaleEpoch, StoreCorrupt, StoreUnavailable)
_ONE_RUN: _Errors = (RunNotFound, *_RECORD)
_DECLINE: _Errors = (NotPending, DecisionConflict, ToolCallIdRequired, RunEnded, Stranded)
_CLIENT_CALL: _Errors = (NotPending, ClaimTaken, RunEnded, Stranded)
_CHANGE: _Errors = (RunElsewhere, *_ONE_RUN)
_REFUSALS: dict[str, _Errors] = {
    "run.start": (AgentNotFound, RunIdConflict, *_ONE_RUN),
    "run.subscribe": _ONE_RUN,
    "run.unsubscribe": _ONE_RUN,
    "run.resume": (DecisionInvalid, *_DECLINE, *_CHANGE),
    "run.decline": (*_DECLINE, *_CHANGE),
    "run.claim": (*_CLIENT_CALL, *_CHANGE),
    "run.unclaim": (*_CLIENT_CALL, *_CHANGE),
    "run.result": (*_CLIENT_CALL, *_CHANGE),
    "run.abort": _CHANGE,
    "run.get": _ONE_RUN,
    "run.timeline": _ONE_RUN,
    "run.list": (StaleEpoch, StoreUnavailable),
    "run.delete": (RunElsewhere, *_RECORD),
    "runs.watch": (StaleEpoch, StoreUnavailable),
}


def refusals(method: str) -> _Errors:
    """Return the errors that a method may raise, besides JSON-RPC's own, in the order of their codes."""
    return tuple(sorted({*_ANY_METHOD, *_REFUSALS.get(method, ())}, key=lambda error: error.code))


@lru_cache(4)
def openrpc_document(version: str) -> OpenRPCDocument:
    """Return the document for a `version` of adjourn. It is cached, so don't change it."""
    schemas = _schemas()
    inlined = {method.params.__name__ for method in METHODS.values()}
    refused = sorted({error for name in METHODS for error in refusals(name)}, key=lambda error: error.code)
    return OpenRPCDocument(
        openrpc=OPENRPC_VERSION,
        info={"title": "adjourn", "version": version, "description": "Runs of LLM agents whose tools stop and ask."},
        methods=tuple(_method(name, method, schemas) for name, method in METHODS.items()),
        components={
            "schemas": {name: schema for name, schema in schemas.items() if name not in inlined},
            "errors": {error.type: _error(error) for error in refused},
        },
        notifications=tuple(
            {
                "name": name,
                "description": _description(kind, schemas),
                "paramStructure": "by-name",
                "params": _params(kind, schemas),
            }
            for name, kind in NOTIFICATIONS.items()
        ),
    )


def _schemas() -> dict[str, Any]:
    """Return the JSON Schema of every type on the wire, by name."""
    kinds: list[type[Wire]] = [kind for method in METHODS.values() for kind in (method.params, method.result)]
    return component_schemas([*kinds, *NOTIFICATIONS.values()])


def _method(name: str, method: Method, schemas: dict[str, Any]) -> dict[str, Any]:
    result = method.result.__name__
    return {
        "name": name,
        "summary": _description(method.params, schemas).removeprefix(f"{name}: "),
        "paramStructure": "by-name",
        "params": _params(method.params, schemas),
        "result": {"name": result, "schema": {"$ref": f"#/components/schemas/{result}"}},
        "errors": [{"$ref": f"#/components/errors/{error.type}"} for error in refusals(name)],
    }


def _params(kind: type[Wire], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the content descriptors of a struct's fields: required ones first, as OpenRPC wants them."""
    schema = schemas[kind.__name__]
    required = schema["required"]
    found = [
        {"name": name, "required": name in required, "schema": member} for name, member in schema["properties"].items()
    ]
    return sorted(found, key=lambda param: not param["required"])


def _description(kind: type[Wire], schemas: dict[str, Any]) -> str:
    return schemas[kind.__name__].get("description", "")  # `python -OO` drops docstrings


def _error(error: type[AdjournError]) -> dict[str, Any]:
    doc = " ".join((error.__doc__ or "").split())
    data = {"type": error.type, **({"retryable": True} if error.retryable else {})}
    return {"code": error.code, "message": doc, "data": data}
