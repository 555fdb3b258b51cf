"""What HTTP offers on runs: path, verb, and the gateway's method behind each. Data only, for routes and OpenAPI."""

from dataclasses import dataclass
from typing import Literal

from ...protocol.methods import (
    METHODS,
    AgentsList,
    Method,
    Params,
    RunAbort,
    RunClaim,
    RunDecline,
    RunDelete,
    RunGet,
    RunList,
    RunResult,
    RunTimeline,
    RunUnclaim,
    ServerInfo,
)

__all__ = ["OPERATIONS", "Operation", "method_of"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One request that is carried out as one method of the gateway, and answered with its result as JSON."""

    verb: Literal["GET", "POST", "DELETE"]
    path: str
    params: type[Params]
    summary: str
    cursor: str | None = None  # of its params, the one that only a `Link` brings

    @property
    def method(self) -> Method:
        """The gateway's method."""
        return METHODS[method_of(self.params)]

    @property
    def has_body(self) -> bool:
        """Whether the params, but for the run's id, come as a JSON object in the body; else they are in the query."""
        return self.verb == "POST"


OPERATIONS = (
    Operation("GET", "/server", ServerInfo, "What this server is, and its limits"),
    Operation("GET", "/agents", AgentsList, "The agents that can be started, with their tools"),
    Operation("GET", "/runs", RunList, "A page of runs, newest first; `Link` has the next page", "after"),
    Operation("GET", "/runs/{runId}", RunGet, "The whole visible state of a run"),
    Operation("GET", "/runs/{runId}/timeline", RunTimeline, "What happened in a run; `Link` has the next page"),
    Operation("DELETE", "/runs/{runId}", RunDelete, "Delete a run; one that isn't over is aborted first"),
    Operation("POST", "/runs/{runId}/decline", RunDecline, "Say no to a gated call, or take back an offered one"),
    Operation("POST", "/runs/{runId}/claim", RunClaim, "Take a client-side call, before executing it"),
    Operation("POST", "/runs/{runId}/unclaim", RunUnclaim, "Give a claimed call back, not executed"),
    Operation("POST", "/runs/{runId}/result", RunResult, "Give the result of a claimed call"),
    Operation("POST", "/runs/{runId}/abort", RunAbort, "End a run; answers when it is over"),
)

_METHODS = {method.params: name for name, method in METHODS.items()}


def method_of(params: type[Params]) -> str:
    """The name of the gateway's method that takes these params."""
    return _METHODS[params]
