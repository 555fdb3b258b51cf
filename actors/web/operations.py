"""The HTTP operations on runs: path, verb, and the gateway's method. Data only, for routes and OpenAPI."""

from dataclasses import dataclass
from typing import Literal

from ...protocol.methods import (
    METHODS,
    AgentsList,
    Method,
    NodesList,
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
    SystemTree,
)

__all__ = ["OPERATIONS", "Operation", "method_of"]


@dataclass(frozen=True, slots=True)
class Operation:
    """A request that calls one method of the gateway and returns its result as JSON."""

    verb: Literal["GET", "POST", "DELETE"]
    path: str
    params: type[Params]
    summary: str
    cursor: str | None = None  # the param that comes only from a `Link` header

    @property
    def method(self) -> Method:
        """The gateway's method."""
        return METHODS[method_of(self.params)]

    @property
    def has_body(self) -> bool:
        """Whether the params, except the run's id, are a JSON object in the body; otherwise they are in the query."""
        return self.verb == "POST"


OPERATIONS = (
    Operation("GET", "/server", ServerInfo, "The server's version and limits"),
    Operation("GET", "/agents", AgentsList, "The agents that can be started, with their tools"),
    Operation("GET", "/nodes", NodesList, "The other servers that share the store"),
    Operation("GET", "/tree", SystemTree, "The living tree of actors, with the runs in memory"),
    Operation("GET", "/runs", RunList, "A page of runs, newest first; `Link` has the next page", "after"),
    Operation("GET", "/runs/{runId}", RunGet, "The whole visible state of a run"),
    Operation("GET", "/runs/{runId}/timeline", RunTimeline, "A run's timeline; `Link` has the next page"),
    Operation("DELETE", "/runs/{runId}", RunDelete, "Delete a run; aborts it first if it has not ended"),
    Operation("POST", "/runs/{runId}/decline", RunDecline, "Decline a gated or client-side call"),
    Operation("POST", "/runs/{runId}/claim", RunClaim, "Claim a client-side call before executing it"),
    Operation("POST", "/runs/{runId}/unclaim", RunUnclaim, "Release a claimed call without executing it"),
    Operation("POST", "/runs/{runId}/result", RunResult, "Send the result of a claimed call"),
    Operation("POST", "/runs/{runId}/abort", RunAbort, "Abort a run; answers when it has ended"),
)

_METHODS = {method.params: name for name, method in METHODS.items()}


def method_of(params: type[Params]) -> str:
    """Returns the name of the gateway's method that takes these params."""
    return _METHODS[params]
