"""Errors over HTTP: a status and a problem document (RFC 9457). Pure.

A problem's `type` is the error's type, as on the gateway's wire; further members have the error's data.
"""

from http import HTTPStatus
from typing import Any

from ...protocol import codec
from ...protocol.errors import (
    AdjournError,
    AgentNotFound,
    CallerError,
    ClaimTaken,
    DecisionConflict,
    DecisionInvalid,
    Forbidden,
    LimitExceeded,
    NotPending,
    ProgramError,
    RunElsewhere,
    RunEnded,
    RunIdConflict,
    RunNotFound,
    ShuttingDown,
    StoreUnavailable,
    Stranded,
    ToolCallIdRequired,
    Unauthorized,
)

__all__ = ["PROBLEM_TYPE", "HttpRefusal", "problem", "status_of"]

PROBLEM_TYPE = "application/problem+json"

_STATUS: dict[type[AdjournError], HTTPStatus] = {
    RunNotFound: HTTPStatus.NOT_FOUND,
    AgentNotFound: HTTPStatus.NOT_FOUND,
    DecisionInvalid: HTTPStatus.CONFLICT,  # the request is well formed, but the run's call does not accept it
    ToolCallIdRequired: HTTPStatus.CONFLICT,
    DecisionConflict: HTTPStatus.CONFLICT,
    NotPending: HTTPStatus.CONFLICT,
    RunEnded: HTTPStatus.CONFLICT,
    RunIdConflict: HTTPStatus.CONFLICT,
    ClaimTaken: HTTPStatus.CONFLICT,
    Stranded: HTTPStatus.CONFLICT,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    RunElsewhere: HTTPStatus.SERVICE_UNAVAILABLE,
    ShuttingDown: HTTPStatus.SERVICE_UNAVAILABLE,
}
_TOO_BIG = "Bytes"  # ends the names of size limits; other limits are numbers or rates


class HttpRefusal(ProgramError):
    """A request breaks a rule of HTTP: wrong media type, wrong host, too long a body."""

    def __init__(self, status: HTTPStatus, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def status_of(error: AdjournError) -> HTTPStatus:
    """Returns the status for this error."""
    if isinstance(error, LimitExceeded):
        too_big = str(error.data.get("limit", "")).endswith(_TOO_BIG)
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_big else HTTPStatus.TOO_MANY_REQUESTS
    fallback = HTTPStatus.BAD_REQUEST if isinstance(error, CallerError) else HTTPStatus.INTERNAL_SERVER_ERROR
    return _STATUS.get(type(error), fallback)


def problem(error: AdjournError | HttpRefusal) -> bytes:
    """Returns the problem document of an error, as JSON."""
    if isinstance(error, HttpRefusal):
        return _document(error.status, {"type": "about:blank"}, error.detail)
    return _document(status_of(error), error.wire_data(), error.message)


def _document(status: HTTPStatus, data: dict[str, Any], detail: str) -> bytes:
    kind = data.pop("type")
    return codec.to_json({**data, "type": kind, "title": status.phrase, "status": status.value, "detail": detail})
