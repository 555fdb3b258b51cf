"""The two trees of errors.

First tree: errors that may cross the wire, each with its code. The branches say who can fix the problem.

    AdjournError
    ├── CallerError              the caller can fix it
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
    ├── WorldError               an operator can fix it, or it passes with time
    │   ├── StoreUnavailable      1101   retryable
    │   ├── ShuttingDown          1102   retryable
    │   ├── Stranded              1103   the code that the run needs is not loaded
    │   ├── RecordTooNew          1104   written by a newer adjourn; left untouched
    │   ├── ConnectionLost        1105   retryable; raised by clients, never sent
    │   ├── RunElsewhere          1106   retryable; another node of the store owns the run
    │   └── StoreError           raised to code that opens a store or writes to it
    │       ├── VersionConflict   1111   another writer saved first
    │       ├── StaleEpoch        1112   the store has a newer owner
    │       ├── StoreInUse        1113   another process owns it
    │       ├── StoreCorrupt      1114   the stored data can't be read
    │       └── StoreTooNew       1115   the whole store was written by a newer adjourn
    └── InternalError            -32603  a defect in adjourn or the program; the log has its id and cause

An error goes over the wire as JSON-RPC's `{code, message, data: {type, ...}}`; `from_wire` returns the same class.

Second tree: errors for the program that uses the library. They never cross the wire and have no code. Each is defined
in the module that raises it. Those marked "inside" are caught by the library itself, so no program sees them.

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
    │   ├── ActorEnded           the actor accepts no more messages
    │   ├── ActorCrashed         the actor crashed before it answered
    │   ├── LinkBroken           an actor that a block depends on has ended
    │   ├── MailboxFull          the mailbox has no room now
    │   ├── NameTaken            a living actor has this name
    │   └── RestartIntensityExceeded   children crashed too often: the supervisor gave up
    ├── ToolError                actors.tools; raised by a tool: the model reads the message
    ├── ToolCallOver             also RuntimeError; actors.tools: a tool reports progress after its call has ended
    ├── ToolDefinitionError      also TypeError; actors.tools: a tool's declaration can't work
    ├── DecisionNeeded           actors.runtime: in `Agent.run_sync`, a call waits for a decision or a client
    ├── EndRun                   actors.middleware; raised by a middleware: the run ends as failed
    ├── ProviderError            actors.models: a provider gave no answer
    ├── NotStarted               inside actors.tools: no thread was free, or too many were abandoned
    ├── RaisedInThread           inside actors.tools: a thread raised a BaseException that is no Exception
    ├── NetworkFault             inside actors.models: an HTTP exchange failed
    ├── Refused                  inside actors.models: a request can't be made, for example because a key is missing
    ├── SocketClosed             inside actors.gateway: the WebSocket is closed, or the connection broke
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
    "RunElsewhere",
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
    """An error that may cross the wire. `data` holds plain JSON values for programs."""

    code: ClassVar[int] = 0  # 0: a branch of the tree, never sent
    type: ClassVar[str] = ""
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, /, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.data: dict[str, Any] = data

    def wire_data(self) -> dict[str, Any]:
        """Return the `data` member of a JSON-RPC error."""
        retry = {"retryable": True} if self.retryable else {}
        return {"type": self.type, **retry, **self.data}


class ProgramError(Exception):
    """An error for the program that uses the library. It never crosses the wire."""


class CallerError(AdjournError):
    """The caller's fault. The same call will fail again."""


class WorldError(AdjournError):
    """Neither the caller's fault nor a defect: the same call may succeed later."""


class InternalError(AdjournError):
    """A defect in adjourn or in the program around it. The message has only an id; the log has the cause with it."""

    code = -32603
    type = "internal"


class InvalidParams(CallerError):
    """An argument is invalid. The message says which one, and what was expected."""

    code = -32602
    type = "invalidParams"


class RunNotFound(CallerError):
    """The run doesn't exist, was deleted, or the caller may not see it."""

    code = 1001
    type = "runNotFound"


class AgentNotFound(CallerError):
    """No agent has that name."""

    code = 1002
    type = "agentNotFound"


class DecisionInvalid(CallerError):
    """The decision, or its edited arguments, break their schema. Nothing has changed: the call still waits."""

    code = 1003
    type = "decisionInvalid"

    def __init__(self, message: str, *, errors: Sequence[Mapping[str, str]], **data: Any) -> None:
        super().__init__(message, errors=[dict(error) for error in errors], **data)


class DecisionConflict(CallerError):
    """Another decision was made already, or this one was made for other arguments."""

    code = 1004
    type = "decisionConflict"


class NotPending(CallerError):
    """The call doesn't wait for this (`reason`: `expired`, `unknown`, `done`, `decided`, `notGated`, `notClaimed`)."""

    code = 1005
    type = "notPending"


class ToolCallIdRequired(CallerError):
    """The run has had more than one gated call, so the call's id is required. `open` lists the waiting calls."""

    code = 1006
    type = "toolCallIdRequired"


class RunEnded(CallerError):
    """The run has ended or is being aborted. `status` says how it ends."""

    code = 1007
    type = "runEnded"


class RunIdConflict(CallerError):
    """A run with another agent, input or principal already has this id."""

    code = 1008
    type = "runIdConflict"


class ClaimTaken(CallerError):
    """Another client has claimed the call."""

    code = 1009
    type = "claimTaken"


class Unauthorized(CallerError):
    """The caller is not authenticated."""

    code = 1010
    type = "unauthorized"


class Forbidden(CallerError):
    """The caller is not allowed to do this."""

    code = 1011
    type = "forbidden"


class LimitExceeded(CallerError):
    """A limit is exceeded. `limit` is its name, `maximum` its value."""

    code = 1012
    type = "limitExceeded"


class StoreUnavailable(WorldError):
    """The store doesn't answer. Saved runs are safe, and wait until it does."""

    code = 1101
    type = "storeUnavailable"
    retryable = True


class ShuttingDown(WorldError):
    """This process is shutting down. Its runs are saved."""

    code = 1102
    type = "shuttingDown"
    retryable = True


class Stranded(WorldError):
    """The run's agent or one of its tools isn't loaded in this process. The run stays unchanged."""

    code = 1103
    type = "stranded"


class RecordTooNew(WorldError):
    """A newer adjourn wrote the record. The record stays unchanged."""

    code = 1104
    type = "recordTooNew"


class ConnectionLost(WorldError):
    """The connection to the gateway broke before the reply; whether the call took effect is unknown."""

    code = 1105
    type = "connectionLost"
    retryable = True


class RunElsewhere(WorldError):
    """Another node of a shared store owns the run, and can't be asked now. Later this node may own it.

    Attributes:
        url: where the other node's gateway is, if known; in this process only, never on the wire.
    """

    code = 1106
    type = "runElsewhere"
    retryable = True
    url: str | None = None


class StoreError(WorldError):
    """An error of the store, raised to code that opens it or writes to it."""


class VersionConflict(StoreError):
    """Another writer has saved the run since it was loaded."""

    code = 1111
    type = "versionConflict"


class StaleEpoch(StoreError):
    """The store has a newer owner, or this one has released it. This owner may no longer write."""

    code = 1112
    type = "staleEpoch"


class StoreInUse(StoreError):
    """Another process has the store open."""

    code = 1113
    type = "storeInUse"


class StoreCorrupt(StoreError):
    """The stored data can't be read."""

    code = 1114
    type = "storeCorrupt"


class StoreTooNew(StoreError):
    """A newer adjourn made the store's layout. The store stays unchanged."""

    code = 1115
    type = "storeTooNew"


def _leaves(cls: type[AdjournError]) -> Iterator[type[AdjournError]]:
    if cls.code:
        yield cls
    for sub in cls.__subclasses__():
        yield from _leaves(sub)


BY_CODE: dict[int, type[AdjournError]] = {cls.code: cls for cls in _leaves(AdjournError)}


def from_wire(code: int, message: str, data: Mapping[str, Any] | None = None) -> AdjournError:
    """Return the exception for a JSON-RPC error object; for an unknown code, a plain `AdjournError`."""
    cls = BY_CODE.get(code, AdjournError)
    error = cls.__new__(cls)
    rest = {key: value for key, value in (data or {}).items() if key not in ("type", "retryable")}
    AdjournError.__init__(error, message, **rest)
    return error
