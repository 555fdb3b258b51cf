"""A stale cancellation, as foreign code may keep one and raise it elsewhere."""

import trio


async def kept_cancelled() -> trio.Cancelled:
    """Returns a Cancelled whose scope has ended."""
    kept: list[trio.Cancelled] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as error:
            kept.append(error)
            raise
    return kept[0]
