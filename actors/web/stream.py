"""A run as an HTTP response of server-sent events, while the client reads.

Starlette's responses are ASGI apps. This one also notices when its client disconnects or stops reading.
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
    "x-accel-buffering": "no",  # otherwise nginx would buffer events
}


class RunResponse(Response):
    """A response with a run's events as server-sent events: an ASGI app, and a response for Starlette and FastAPI.

    Each event is `id: <seq>` and `data: <envelope>`. Status and headers of the caller override those set here. Any
    number of responses may show one run; each gets all events. A slow reader gets a snapshot in place of missed events;
    a connection that accepts no bytes for `stall_s` seconds is closed. The run goes on when its reader disconnects,
    unless `abort_on_disconnect` is set: then the run and its current model call are aborted.

    Args:
        status_code: the HTTP status.
        headers: headers, beside those that server-sent events need; the caller's win.
        stall_s: seconds that the connection may accept no bytes.
        run: must exist; otherwise the response starts and then breaks off.
        after: seq of the last event that the reader has, as in `Run.events`; None starts with a snapshot.
        until_rest: whether to end when the run parks, not only when it ends.
        abort_on_disconnect: whether to abort the run if the reader disconnects before the response has ended.
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
        """Sends the response. Returns when it has ended, or the reader has disconnected."""
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
            await self._run.abort("the client of its response disconnected")

    async def _send(self, chunks: AsyncGenerator[bytes], send: Send) -> bool:
        """Sends the chunks. Returns whether the client read all of them."""
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
