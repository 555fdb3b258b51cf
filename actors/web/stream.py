"""A run as the body of an HTTP response: server-sent events, for as long as somebody reads them.

Starlette's responses are ASGI apps; this one also notices when its reader goes or stops reading.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import trio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..core.loops import check_trio
from ..runtime.run import Run

__all__ = ["RunResponse"]

STALL_S = 120.0

_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # nginx would hold events back
}


class RunResponse(Response):
    """A run's events as server-sent events: an ASGI app, and so a response of Starlette and FastAPI.

    Each event is `id: <seq>` and `data: <envelope>`. The caller's own status and headers win over those given here.
    Any number of responses may show one run; each has all events to itself. A reader that is slow gets a snapshot in
    between; one that reads nothing for `stall_s` seconds is let go. The run goes on when its reader goes, unless
    `abort_on_disconnect` says otherwise: then the run is aborted, and with it the model call under way.

    Args:
        run: must exist; else the response begins, and breaks off.
        after: the last event that the reader has, as in `Run.events`; None begins with a snapshot.
        until_rest: end when the run is parked, and not only when it is over.
        abort_on_disconnect: abort the run when the reader goes before the response has ended.
    """

    def __init__(
        self,
        run: Run,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        after: int | None = 0,
        until_rest: bool = False,
        abort_on_disconnect: bool = False,
        stall_s: float = STALL_S,
    ) -> None:
        own = {name.lower(): value for name, value in (headers or {}).items()}
        super().__init__(status_code=status_code, headers={**_HEADERS, "x-run-id": run.id, **own})
        del self.headers["content-length"]
        self._run, self._after = run, after
        self._until_rest, self._abort_on_disconnect = until_rest, abort_on_disconnect
        self._stall_s = stall_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response. Returns when it has ended, or its reader has gone."""
        check_trio("RunResponse", "On asyncio, respond with starlette.responses.StreamingResponse(run.sse())")
        ended = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_until_gone, receive, nursery.cancel_scope)
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                async with aclosing(self._run.sse(self._after, until_rest=self._until_rest)) as chunks:
                    ended = await self._send(chunks, send)
            else:
                ended = True
            nursery.cancel_scope.cancel()
        if ended:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif self._abort_on_disconnect:
            await self._run.abort("the reader of its response has gone")

    async def _send(self, chunks: AsyncGenerator[bytes], send: Send) -> bool:
        """Whether all of them were read."""
        async for chunk in chunks:
            with trio.move_on_after(self._stall_s) as patience:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if patience.cancelled_caught:
                return False
        return True


async def _until_gone(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
