"""Asks the operator's authenticator who a client is, and fails closed."""

import logging
from collections.abc import Sequence

import trio

from ...protocol.errors import InternalError, Unauthorized
from ..core.faults import foreign_error, internal_error
from .access import Authenticator, Credentials, Principal, token_of
from .door import Guest
from .source import Headers
from .sparse_log import SparseLog

__all__ = ["identify"]

logger = logging.getLogger("adjourn.gateway")


async def identify(
    authenticator: Authenticator,
    guest: Guest,
    log: SparseLog,
    peer: str,
    headers: Headers,
    subprotocols: Sequence[str] = (),
) -> Principal | Unauthorized | InternalError:
    """Returns the client's principal, or the error to send to the client; tells `guest` about a failed login."""
    known = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    where, task = f"the authentication of {peer}", trio.lowlevel.current_task()
    try:
        principal = await authenticator(Credentials(token_of(known, subprotocols), known, peer))
    except BaseException as raised:  # noqa: ASYNC103  # foreign_error raises what is ours
        return internal_error(foreign_error(raised, where, logger, task=task), where, logger)  # noqa: ASYNC104
    if principal is None:
        guest.login_failed()
        log.warning(Unauthorized, "refused %s: not authenticated", peer)
        return Unauthorized("expected a token that is known here, as Authorization: Bearer or as a subprotocol")
    return principal
