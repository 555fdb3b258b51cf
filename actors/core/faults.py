"""Errors that nobody expected: what is logged of one, what others are told, and which one it is that a group holds."""

import logging
import secrets
from typing import cast

from ...protocol.errors import InternalError

__all__ = ["bare_error", "internal_error"]


def internal_error(error: BaseException, where: str, log: logging.Logger) -> InternalError:
    """An error of ours: logged with its traceback under an id, which is all that anybody else is told."""
    error_id = secrets.token_hex(4)
    log.error("internal error %s in %s", error_id, where, exc_info=error)
    return InternalError(f"internal error {error_id}; the log has its cause", id=error_id)


def bare_error(error: Exception) -> Exception:
    """The one error in a nursery's group, or the error as it is."""
    while isinstance(error, ExceptionGroup):
        inner: tuple[Exception, ...] = cast("ExceptionGroup[Exception]", error).exceptions
        if len(inner) != 1:
            break
        error = inner[0]
    return cast(Exception, error)
