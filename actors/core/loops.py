"""Checks that a trio loop runs; otherwise the error says what to use instead."""

import trio

__all__ = ["IN_THREAD", "MOUNTED", "check_trio"]

HOSTED = "In an asyncio program, a notebook or a thread, open the system with adjourn.open_threaded_system"
IN_THREAD = "In an asyncio program, run it on a trio loop in a thread: await asyncio.to_thread(trio.run, main)"
MOUNTED = "On asyncio, open the system with adjourn.open_threaded_system, and mount system.asgi(web_app)"


def check_trio(what: str, instead: str = HOSTED) -> None:
    """Checks that a trio loop runs in this thread. `what` names the caller, `instead` says what to use elsewhere.

    Raises: RuntimeError in an asyncio loop, or if no loop runs.
    """
    if not trio.lowlevel.in_trio_run():
        raise RuntimeError(f"{what} needs a trio loop, and none runs in this thread. {instead}.")
