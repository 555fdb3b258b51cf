"""Authentication and authorization of clients: types and plain checks; no sockets.

The operator passes two functions: the *authenticator* says who a client is, the *authorizer* says what the client may
do (`guard.py` calls it).
"""

import hmac
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ...protocol.errors import InvalidParams
from ...protocol.limits import RunLimits
from ...protocol.messages import Message
from ...protocol.record import Head
from ...protocol.rpc import AUTH_SUBPROTOCOL

__all__ = [
    "Action",
    "Authenticator",
    "Authorizer",
    "Credentials",
    "NodePrincipal",
    "Principal",
    "token_authenticator",
    "token_of",
]


@dataclass(frozen=True)
class Principal:
    """An authenticated client. Its name is recorded with the runs that it starts or aborts and the calls that it
    decides.

    Attributes:
        name: the client's name, as runs and decisions record it.
    """

    name: str


@dataclass(frozen=True)
class NodePrincipal(Principal):
    """Another node of a shared store that asks in its own name. It may watch every run without asking the authorizer,
    and do nothing else. Before it passes events to a client, it asks its own authorizer.
    """


@dataclass(frozen=True)
class Credentials:
    """The credentials that a client sends in its handshake. The repr leaves out secrets.

    Attributes:
        token: the token of `Authorization: Bearer`, or of the subprotocol `adjourn.token.<base64url>`.
        headers: the headers of the handshake, names in lower case.
        peer: the client's network address.
    """

    token: str | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    peer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A request that a client makes, or one run that a list would show to the client. All values are copies.

    A field that the method has no value for is None.

    Attributes:
        method: the method's name on the wire: `run.resume`, `run.list`, …
        run_id: the run that the request names. For `run.start`: the id that the client chose, if any.
        agent: name of the run's agent.
        owner: name of the principal that started the run; None: unknown or anonymous.
        tool_call_id: the call that the request decides, declines, claims or answers, filled in also where the
            client left it out. If the run has no matching call, the request fails even when it is allowed; this is
            then the client's own value.
        tool_name: name of that call's tool; None if the run has no such call.
        arguments: that call's arguments, as the model gave them.
        decision: for `run.resume`: the decision, not validated yet.
        edited: for `run.resume`: the edited arguments, not validated yet. None: the model's arguments are kept.
        reason: the client's reason for declining a call or aborting a run.
        input: for `run.start`: the run's input. Text stands for one user message.
        metadata: the run's metadata; for `run.start`, the metadata that the client sent.
        limits: for `run.start`: the run's own limits. They can only tighten the agent's.
        head: the run's current head; None for `run.start` and for methods that name no run.
    """

    method: str
    run_id: str | None = None
    agent: str | None = None
    owner: str | None = None
    tool_call_id: str | None = None
    tool_name: str | None = None
    arguments: dict[str, Any] | None = None
    decision: Any = None
    edited: dict[str, Any] | None = None
    reason: str | None = None
    input: str | tuple[Message, ...] | None = None
    metadata: dict[str, Any] | None = None
    limits: RunLimits | None = None
    head: Head | None = None


# Returns the client's principal, or None to refuse the client.
Authenticator: TypeAlias = Callable[[Credentials], Awaitable[Principal | None]]
# Returns whether a principal (None: an anonymous client) may perform the action. An error, or a result that is not a
# bool, forbids the action.
#
# A client that may `run.get` a run may know that the run exists. For lists (`run.list`, `runs.watch`) and the tree of
# actors (`system.tree`) the authorizer is asked once without a run, and then about `run.get` for each run; other runs
# are left out. For a run that the client may not `run.get`, every method answers `runNotFound`, as if the run did not
# exist. `forbidden` is the answer only for other actions on a run that the client may know.
#
# A `run.start` with the id of a hidden run gets the same `forbidden` as an id that the authorizer forbids. To keep
# clients from probing for ids, let each principal start runs only under ids of its own (for example, require that
# `action.run_id` begins with the principal's name). An id of another principal is then forbidden, taken or not.
Authorizer: TypeAlias = Callable[[Principal | None, Action], Awaitable[bool]]


def token_authenticator(token: str, *, name: str = "token") -> Authenticator:
    """Returns an authenticator that accepts this one token, with `name` as the principal. Compares in constant time.

    Raises: InvalidParams if the token is empty.
    """
    if not token:
        raise InvalidParams("token: expected a secret, got nothing")
    expected = token.encode()

    async def authenticate(credentials: Credentials) -> Principal | None:
        given = (credentials.token or "").encode("utf-8", "surrogateescape")
        return Principal(name) if hmac.compare_digest(given, expected) else None

    return authenticate


def token_of(headers: Mapping[str, str], subprotocols: Sequence[str]) -> str | None:
    """Returns the token of a handshake, if any. The Authorization header wins: browsers can't set it."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return given.strip().encode("latin-1").decode("utf-8", "surrogateescape")  # headers are read as Latin-1
    for offered in subprotocols:
        if offered.startswith(AUTH_SUBPROTOCOL):
            encoded = offered.removeprefix(AUTH_SUBPROTOCOL)
            try:
                return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
            except ValueError:
                return None
    return None
