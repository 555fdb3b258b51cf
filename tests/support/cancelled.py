"""A cancellation out of its place: what foreign code may have kept of one and raise elsewhere."""

import trio


async def kept_cancelled() -> trio.Cancelled:
    """A Cancelled whose scope is over."""
    kept: list[trio.Cancelled] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as error:
            kept.append(error)
            raise
    return kept[0]
