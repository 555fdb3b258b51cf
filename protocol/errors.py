"""The two trees of errors.

The first: errors that may cross the wire. What went wrong, whose fault it is, and the code that says so.

    AdjournError
    ├── CallerError              the caller can put it right
    │   ├── InvalidParams        -32602
    │   ├── RunNotFound           1001
    │   ├── AgentNotFound         1002
    │   ├── DecisionInvalid       1003   with errors: [{path, message}]
    │   ├── DecisionConflict      1004
    │   ├── NotPending            1005   with reason: expired | unknown | done | ...
    │   ├── ToolCallIdRequired    1006   with open: [tool call ids]
    │   ├── RunEnded              1007   with status
    │   ├── RunIdConflict         1008
    │   ├── ClaimTaken            1009
    │   ├── Unauthorized          1010
    │   ├── Forbidden             1011
    │   └── LimitExceeded         1012   with limit, maximum
    ├── WorldError               time, an operator or other hardware can put it right
    │   ├── StoreUnavailable      1101   retryable
    │   ├── ShuttingDown          1102   retryable
    │   ├── Stranded              1103   the code that the run needs is not loaded
    │   ├── RecordTooNew          1104   written by a newer adjourn; left untouched
    │   ├── ConnectionLost        1105   retryable; raised by clients, never sent
    │   └── StoreError           the store itself, towards whoever opens or writes it
    │       ├── VersionConflict   1111   somebody else saved first
    │       ├── StaleEpoch        1112   the store has a newer owner
    │       ├── StoreInUse        1113   another process owns it
    │       ├── StoreCorrupt      1114   what is there cannot be read
    │       └── StoreTooNew       1115   the whole store was written by a newer adjourn
    └── InternalError            -32603  ours; its id is in the log

An error goes over the wire as JSON-RPC's `{code, message, data: {type, ...}}`; `from_wire` gives the same class back.

The second: errors that only the program meets that uses the library. They never cross the wire and have no code; each
is defined where it is raised. "Inside" are those that the library catches itself: no program meets them.

    ProgramError
    ├── CodecError               also ValueError; protocol.codec: bytes or a value are not what was expected
    │   ├── InvalidValue         outside the domain of values that every wire can carry
    │   └── ResultTooLarge       inside actors.tools: a result takes more bytes than are allowed
    ├── SchemaInvalid            also ValueError; protocol.schema: not a JSON Schema that can be used
    ├── Undecided                inside protocol.schema: matching a pattern takes too long
    ├── Unusable                 inside protocol.schema: jsonschema-rs can't use a schema
    ├── SSETooLarge              also ValueError; protocol.sse: an event or a line is over its bound
    ├── WireError                protocol.providers: a model provider's stream can't go on
    ├── ActorError               actors.core
    │   ├── ActorEnded           the actor takes no mail any more
    │   ├── ActorCrashed         the actor crashed while it owed this answer
    │   ├── MailboxFull          there is no room for this mail now
    │   ├── NameTaken            a living child of the supervisor has this name
    │   └── RestartIntensityExceeded   children crashed too often: the supervisor gave up
    ├── ToolError                actors.tools; raised by a tool: the model reads the message
    ├── ToolCallOver             also RuntimeError; actors.tools: a tool shows progress of a call that is over
    ├── ToolDefinitionError      also TypeError; actors.tools: a tool's declaration can't work
    ├── DecisionNeeded           actors.runtime: `Agent.run_sync` came to a call that waits for somebody
    ├── EndRun                   actors.middleware; raised by a middleware: the run ends as failed
    ├── ProviderError            actors.models: a provider gave no answer
    ├── NotStarted               inside actors.tools: no thread was free, or too many were left behind
    ├── RaisedInThread           inside actors.tools: a thread raised what is no Exception
    ├── NetworkFault             inside actors.models: an HTTP exchange failed
    ├── Refused                  inside actors.models: a request can't be made, for want of a key, say
    ├── SocketClosed             inside actors.gateway: the WebSocket is closed, or its client gone
    └── HttpRefusal              inside actors.web: a request breaks a rule of HTTP
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

__all__ = [
    "AdjournError",
    "AgentNotFound",
    "CallerError",
    "ClaimTaken",
    "ConnectionLost",
    "DecisionConflict",
    "DecisionInvalid",
    "Forbidden",
    "InternalError",
    "InvalidParams",
    "LimitExceeded",
    "NotPending",
    "ProgramError",
    "RecordTooNew",
    "RunEnded",
    "RunIdConflict",
    "RunNotFound",
    "ShuttingDown",
    "StaleEpoch",
    "StoreCorrupt",
    "StoreError",
    "StoreInUse",
    "StoreTooNew",
    "StoreUnavailable",
    "Stranded",
    "ToolCallIdRequired",
    "Unauthorized",
    "VersionConflict",
    "WorldError",
]


class AdjournError(Exception):
    """An error that may cross the wire. `data` is what a program may need, plain and JSON-able."""

    code: ClassVar[int] = 0  # 0: a branch, never sent
    type: ClassVar[str] = ""
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, /, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.data: dict[str, Any] = data

    def wire_data(self) -> dict[str, Any]:
        """The `data` member of a JSON-RPC error."""
        retry = {"retryable": True} if self.retryable else {}
        return {"type": self.type, **retry, **self.data}


class ProgramError(Exception):
    """An error that only the program meets that uses the library; it never crosses the wire."""


class CallerError(AdjournError):
    """The caller's fault: the same call will fail again, another may not."""


class WorldError(AdjournError):
    """Nobody's fault here: the same call may well succeed later."""


class InternalError(AdjournError):
    """Ours. The message says no more than an id, under which the log has the cause."""

    code = -32603
    type = "internal"


class InvalidParams(CallerError):
    """An argument is not what was expected; the message says which and what was."""

    code = -32602
    type = "invalidParams"


class RunNotFound(CallerError):
    """No such run, or no longer, or none that the caller may see."""

    code = 1001
    type = "runNotFound"


class AgentNotFound(CallerError):
    """No agent of that name."""

    code = 1002
    type = "agentNotFound"


class DecisionInvalid(CallerError):
    """The decision, or its edited arguments, break their schema. Nothing was consumed: the call still waits."""

    code = 1003
    type = "decisionInvalid"

    def __init__(self, message: str, *, errors: Sequence[Mapping[str, str]], **data: Any) -> None:
        super().__init__(message, errors=[dict(error) for error in errors], **data)


class DecisionConflict(CallerError):
    """Another decision was taken already, or this one was made on other arguments."""

    code = 1004
    type = "decisionConflict"


class NotPending(CallerError):
    """That call waits for nothing (`reason`: `expired`, `unknown`, `done`, `decided`, `notGated`, `notClaimed`)."""

    code = 1005
    type = "notPending"


class ToolCallIdRequired(CallerError):
    """The run has had more than one gated call: say which (`open` lists those that wait)."""

    code = 1006
    type = "toolCallIdRequired"


class RunEnded(CallerError):
    """The run is over, or about to be; `status` says how."""

    code = 1007
    type = "runEnded"


class RunIdConflict(CallerError):
    """That run id is taken by a run with another agent, input or principal."""

    code = 1008
    type = "runIdConflict"


class ClaimTaken(CallerError):
    """Another client has claimed that call."""

    code = 1009
    type = "claimTaken"


class Unauthorized(CallerError):
    """Who are you?"""

    code = 1010
    type = "unauthorized"


class Forbidden(CallerError):
    """You may not do that."""

    code = 1011
    type = "forbidden"


class LimitExceeded(CallerError):
    """Too much of something; `limit` names it, `maximum` is its value."""

    code = 1012
    type = "limitExceeded"


class StoreUnavailable(WorldError):
    """The store doesn't answer; the run waits in safety."""

    code = 1101
    type = "storeUnavailable"
    retryable = True


class ShuttingDown(WorldError):
    """This process is about to leave; what it holds is saved."""

    code = 1102
    type = "shuttingDown"
    retryable = True


class Stranded(WorldError):
    """The agent or a tool of the run isn't loaded in this process; the run stays as it is."""

    code = 1103
    type = "stranded"


class RecordTooNew(WorldError):
    """The record was written by a newer adjourn; it stays as it is."""

    code = 1104
    type = "recordTooNew"


class ConnectionLost(WorldError):
    """The connection to the gateway broke before the reply; whether the call took effect is unknown."""

    code = 1105
    type = "connectionLost"
    retryable = True


class StoreError(WorldError):
    """The store, towards whoever opens it or writes to it."""


class VersionConflict(StoreError):
    """The run was saved by somebody else since it was loaded."""

    code = 1111
    type = "versionConflict"


class StaleEpoch(StoreError):
    """The store has a newer owner; this one may not write any more."""

    code = 1112
    type = "staleEpoch"


class StoreInUse(StoreError):
    """Another process has the store open."""

    code = 1113
    type = "storeInUse"


class StoreCorrupt(StoreError):
    """What is stored there can't be read."""

    code = 1114
    type = "storeCorrupt"


class StoreTooNew(StoreError):
    """The store's own layout is from a newer adjourn; nothing was changed."""

    code = 1115
    type = "storeTooNew"


def _leaves(cls: type[AdjournError]) -> Iterator[type[AdjournError]]:
    if cls.code:
        yield cls
    for sub in cls.__subclasses__():
        yield from _leaves(sub)


BY_CODE: dict[int, type[AdjournError]] = {cls.code: cls for cls in _leaves(AdjournError)}


def from_wire(code: int, message: str, data: Mapping[str, Any] | None = None) -> AdjournError:
    """The error that a JSON-RPC error object stands for; an unknown code gives a plain `AdjournError`."""
    cls = BY_CODE.get(code, AdjournError)
    error = cls.__new__(cls)
    rest = {key: value for key, value in (data or {}).items() if key not in ("type", "retryable")}
    AdjournError.__init__(error, message, **rest)
    return error
