"""The Python client of a gateway: an actor system's methods, over a WebSocket that reconnects by itself.

`link.py` sends requests and reconnects; `watched.py` keeps what is watched.
"""

import secrets
import ssl
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import trio
from msgspec import structs

from ...protocol.errors import AdjournError, InvalidParams
from ...protocol.events import Envelope, Status
from ...protocol.limits import RunLimits
from ...protocol.messages import Message
from ...protocol.methods import (
    Aborted,
    AgentInfo,
    AgentList,
    AgentsList,
    Claimed,
    Empty,
    Position,
    ResultTaken,
    RunAbort,
    RunClaim,
    RunDecline,
    RunDelete,
    RunGet,
    RunList,
    RunPage,
    RunResult,
    RunResume,
    RunSnapshot,
    RunStart,
    RunSubscribe,
    RunSummary,
    RunsWatch,
    RunTimeline,
    RunUnclaim,
    RunUnsubscribe,
    ServerDescription,
    ServerInfo,
    Settled,
    Started,
    SystemTree,
    Timeline,
)
from ...protocol.misspelt import names_parameters
from ...protocol.rpc import JSON, MSGPACK
from ...protocol.timeline import TimelineEntry
from ...protocol.tree import ActorTree
from ..core.loops import IN_THREAD, check_trio
from .dial import Backoff, Settings
from .link import Link, open_link
from .readers import ListReader, RunReader
from .session import Session
from .watched import Watched, WatchedRun

__all__ = ["Backoff", "Client", "open_at", "open_client"]

RELISTED = 100  # newest runs that a reader of the list gets again after a lost connection
GOODBYE_S = 1.0  # time to send run.unsubscribe


class Client:
    """The methods of a gateway. Open it with `open_client`; any number of tasks may share it.

    A call waits while there is no connection; bound it with `trio.fail_after`. If the connection is lost before the
    reply, the request is sent again over the next connection, and takes effect once. Cancelling a call does not undo
    its request.

    Every method may raise, besides what it names: ConnectionLost if there will be no other connection, or several were
    lost before the reply; InvalidParams for values that JSON can't carry; LimitExceeded for too large messages;
    Unauthorized and Forbidden; ShuttingDown and StoreUnavailable, after which a later call may succeed.
    """

    def __init__(self, link: Link, watched: Watched, backoff: Backoff) -> None:
        self._link = link  # passes incoming notifications to `watched`
        self._watched = watched
        self._backoff = backoff  # for readers that subscribe again
        self._claimant = secrets.token_urlsafe(24)  # identifies this client's claims to the server

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._link.session is not None

    async def info(self) -> ServerDescription:
        """Returns the server's name, version, subprotocols and limits."""
        return await self._link.request("server.info", ServerInfo(), ServerDescription)

    async def agents(self) -> tuple[AgentInfo, ...]:
        """Returns the server's agents, with their tools."""
        return (await self._link.request("agents.list", AgentsList(), AgentList)).agents

    async def tree(self, *, limit: int = 300, depth: int = 16) -> ActorTree:
        """Returns the server's living tree of actors, with the runs in memory. Ask again to follow it.

        At most `limit` nodes (1 to 1,000) and `depth` levels below the root (0 to 24); those near the root come first.
        """
        return await self._link.request("system.tree", SystemTree(limit=limit, depth=depth), ActorTree)

    async def start(
        self,
        agent: str,
        input: str | Sequence[Message],  # noqa: A002  # the wire's word
        run_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        after: str | None = None,
        limits: RunLimits | None = None,
    ) -> Started:
        """Starts a run without watching it; the run is saved when this returns. `run` starts and watches one.

        Safe to repeat with a `run_id` of your own.

        `after`: the id of a run to go on from. Its transcript comes before the input, and is not sent again.
        `limits`: of this run alone; they only tighten the agent's.

        Raises: AgentNotFound, InvalidParams, RunIdConflict; for `after` also RunNotFound, LimitExceeded.
        """
        key = run_id or _new_run_id()
        watched = self._watched.acquire(key)

        def began(session: Session, started: Started) -> None:
            watched.detach()  # the start's subscription has replaced the readers' one

        try:
            params = _start_of(agent, input, key, metadata, after, limits)
            return await self._link.request("run.start", params, Started, then=began)
        finally:
            with trio.move_on_after(GOODBYE_S, shield=True):
                await self._release(watched, unsubscribe=True)  # run.start has subscribed, but nobody here watches

    async def resume(
        self,
        run_id: str,
        decision: Any,
        tool_call_id: str | None = None,
        digest: str | None = None,
        arguments: dict[str, Any] | None = None,
    ) -> Settled:
        """Decides a gated call. Edited `arguments` need the `digest` of those shown. As `Run.resume`."""
        params = RunResume(
            run_id=run_id, decision=decision, tool_call_id=tool_call_id, digest=digest, arguments=arguments
        )
        return await self._link.request("run.resume", params, Settled)

    async def decline(self, run_id: str, tool_call_id: str | None = None, reason: str | None = None) -> Settled:
        """Declines a gated call. As `ActorSystem.decline`."""
        params = RunDecline(run_id=run_id, tool_call_id=tool_call_id, reason=reason)
        return await self._link.request("run.decline", params, Settled)

    async def claim(self, run_id: str, tool_call_id: str, claimant: str | None = None) -> str:
        """Claims a client-side call; returns the token that its result must carry.

        Safe to repeat: this client gets the same token until the claim ends. `claimant`: a secret random id of 16 to
        256 characters, for a part of the program that keeps its claims to itself.

        Raises: ClaimTaken, NotPending, RunEnded, RunNotFound.
        """
        params = RunClaim(run_id=run_id, tool_call_id=tool_call_id, claimant=claimant or self._claimant)
        return (await self._link.request("run.claim", params, Claimed)).claim_token

    async def unclaim(self, run_id: str, tool_call_id: str, token: str) -> None:
        """Releases a claimed call without executing it; it is offered to all clients again.

        Raises: ClaimTaken, NotPending, RunEnded, RunNotFound.
        """
        params = RunUnclaim(run_id=run_id, tool_call_id=tool_call_id, claim_token=token)
        await self._link.request("run.unclaim", params, ResultTaken)

    async def result(
        self, run_id: str, tool_call_id: str, token: str, result: Any, *, is_error: bool = False
    ) -> ResultTaken:
        """Sends the result of a claimed call. As `ActorSystem.result`."""
        params = RunResult(
            run_id=run_id, tool_call_id=tool_call_id, claim_token=token, result=result, is_error=is_error
        )
        return await self._link.request("run.result", params, ResultTaken)

    async def abort(self, run_id: str, reason: str | None = None) -> Aborted:
        """Aborts a run for good; returns when it has ended. As `ActorSystem.abort`."""
        return await self._link.request("run.abort", RunAbort(run_id=run_id, reason=reason), Aborted)

    async def get(self, run_id: str) -> RunSnapshot:
        """Returns a run as it is now. Raises: RunNotFound, RecordTooNew."""
        messages: list[Message] = []
        seq = 0
        while True:
            page = await self._link.request("run.get", RunGet(run_id=run_id, from_=len(messages)), RunSnapshot)
            if page.from_ != len(messages) or page.seq < seq:  # the run was deleted, and a new one has its id
                messages, seq = [], 0
                continue
            messages += page.snapshot.messages
            seq = page.seq
            if page.next is None:
                snapshot = structs.replace(page.snapshot, messages=tuple(messages))
                return structs.replace(page, snapshot=snapshot, from_=0)

    async def timeline(self, run_id: str) -> tuple[TimelineEntry, ...]:
        """Returns all of a run's timeline, oldest entry first, one per step. Raises: RunNotFound, RecordTooNew."""
        entries: list[TimelineEntry] = []
        while True:
            page = await self._link.request("run.timeline", RunTimeline(run_id=run_id, from_=len(entries)), Timeline)
            entries += page.entries
            if page.next is None:
                return tuple(entries)

    async def list(
        self,
        *,
        status: Status | None = None,
        agent: str | None = None,
        waiting: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> RunPage:
        """Returns a page of runs, newest first: with this status, of this agent, waiting for a decision.

        `after` is the `after` of the previous page.
        """
        params = RunList(status=status, agent=agent, waiting=waiting, limit=limit, after=after)
        return await self._link.request("run.list", params, RunPage)

    async def delete(self, run_id: str) -> None:
        """Deletes a run; aborts it first if it has not ended. Does nothing if there is no such run."""
        await self._link.request("run.delete", RunDelete(run_id=run_id), Empty)

    @asynccontextmanager
    async def events(
        self, run_id: str, after: int | None = None
    ) -> AsyncGenerator[AsyncIterator[Envelope | RunSnapshot]]:
        """Opens a run's events: `async with client.events(run_id) as events: async for ...`.

        Events come in order, each exactly once, across reconnects; the iterator ends after `agent_end`. `after` is the
        seq of the last event that the caller has seen, 0 for all. Without it, or if the later events are no longer
        kept, a snapshot comes first and replaces everything up to its seq.

        A snapshot can also come later: after a reconnect, if the missed events are no longer kept; and after a reader
        has left 1,024 items (or about 8 MB) unread. These are then dropped, and the snapshot is fetched when the reader
        reads on. So a slow reader delays neither the run nor other readers.

        Raises: RunNotFound, RecordTooNew, Forbidden. The iterator also raises them, if the run no longer exists after a
            reconnect, and LimitExceeded for a message of the run that is larger than `max_message_bytes`.
        """
        watched = self._watched.acquire(run_id)
        reader = RunReader(lambda: self._subscribe(watched, reader), self._backoff, after)
        async with self._reading(watched, reader):
            await reader.attach()
            yield reader

    @asynccontextmanager
    async def run(
        self,
        agent: str,
        input: str | Sequence[Message],  # noqa: A002
        run_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        after: str | None = None,
        limits: RunLimits | None = None,
    ) -> AsyncGenerator[AsyncIterator[Envelope | RunSnapshot]]:
        """Starts a run and opens its events from the first on: `start` and `events` in one request.

        The run is saved when the block is entered, and goes on when the block is left.
        """
        key = run_id or _new_run_id()
        watched = self._watched.acquire(key)
        reader = RunReader(lambda: self._subscribe(watched, reader), self._backoff, 0)

        def began(session: Session, started: Started) -> None:
            watched.detach()  # the start's subscription has replaced the other readers' one
            reader.session = session

        async with self._reading(watched, reader):
            params = _start_of(agent, input, key, metadata, after, limits)
            await self._link.request("run.start", params, Started, then=began)
            yield reader

    @asynccontextmanager
    async def watch_runs(self) -> AsyncGenerator[AsyncIterator[RunSummary]]:
        """Opens the list of runs: yields the newest 100, newest last, and then every run that changes.

        If a run changes several times before it is read, only the latest summary comes. After a lost connection the
        newest 100 runs come again; changes of older runs in between are not reported.
        """
        reader = ListReader(lambda: self._watch_list(reader), self._backoff)
        self._watched.lists.add(reader)
        try:
            await reader.attach()
            yield reader
        finally:
            # The gateway keeps sending run.changed: no method ends `runs.watch`.
            self._watched.lists.discard(reader)

    @asynccontextmanager
    async def _reading(self, watched: WatchedRun, reader: RunReader) -> AsyncGenerator[None]:
        watched.readers.add(reader)
        try:
            yield
        finally:
            watched.readers.discard(reader)
            with trio.move_on_after(GOODBYE_S, shield=True):
                await self._release(watched, unsubscribe=not reader.ended)

    async def _subscribe(self, watched: WatchedRun, reader: RunReader) -> None:
        async with watched.lock:
            # All readers of a run share one subscription, so it must start at the slowest reader's position.
            others = [each.after for each in watched.readers if each.session is not None]
            seen = [after for after in (reader.after, *others) if after is not None]
            params = RunSubscribe(run_id=watched.run_id, after=min(seen) if len(seen) > len(others) else None)
            await self._link.request("run.subscribe", params, Position, then=reader.attached)

    async def _watch_list(self, reader: ListReader) -> None:
        def attached(session: Session, _: Empty) -> None:
            reader.attached(session)

        await self._link.request("runs.watch", RunsWatch(), Empty, then=attached)
        reader.fill_in(await self.list(limit=RELISTED))

    async def _release(self, watched: WatchedRun, *, unsubscribe: bool) -> None:
        """Releases a run. The last release tells the gateway to unsubscribe; it handles one run's requests in order."""
        session = self._link.session
        if self._watched.release(watched) and unsubscribe and session is not None:
            await session.notify("run.unsubscribe", RunUnsubscribe(run_id=watched.run_id))


def _new_run_id() -> str:
    """Returns a run id chosen by the client, so that a repeated request finds the run of the first one."""
    return uuid.uuid4().hex


def _start_of(
    agent: str,
    given: str | Sequence[Message],
    run_id: str,
    metadata: Mapping[str, Any] | None,
    after: str | None,
    limits: RunLimits | None,
) -> RunStart:
    return RunStart(
        agent=agent,
        input=given if isinstance(given, str) else tuple(given),
        run_id=run_id,
        metadata=None if metadata is None else {**metadata},
        after=after,
        limits=limits,
    )


@names_parameters
@asynccontextmanager
async def open_client(
    url: str | Sequence[str] = "ws://127.0.0.1:8765",
    *,
    token: str | None = None,
    subprotocol: Literal["json", "msgpack"] = "json",
    reconnect: Backoff | None = Backoff(),  # noqa: B008  # frozen
    wait_for_server: bool = False,
    ssl_context: ssl.SSLContext | None = None,
    connect_timeout_s: float = 10.0,
    ping_interval_s: float = 20.0,
    close_timeout_s: float = 2.0,
    max_message_bytes: int = 64_000_000,
    on_connection: Callable[[AdjournError | None], None] | None = None,
) -> AsyncGenerator[Client]:
    """Opens a connected client, which reconnects by itself whenever the connection is lost.

    Leaving the block closes the WebSocket within `close_timeout_s`; runs go on. Errors of the block are raised
    unchanged, not in a group.

    Args:
        url: `ws://` or `wss://`. Several: gateways of nodes that share a store. The client uses one at a time, and the
            next one when the connection is lost.
        token: sent as `Authorization: Bearer`.
        reconnect: waits between attempts; None: no reconnecting.
        wait_for_server: whether to retry the first connection too.
        ssl_context: for `wss://`, instead of the system's default.
        connect_timeout_s: limit of one attempt.
        ping_interval_s: time between pings. A ping without an answer for so long ends the connection.
        max_message_bytes: limit of one message from the server. A larger one ends its request, or its reader of events,
            with LimitExceeded. At least 65,536. A transcript may be longer: it comes in parts.
        on_connection: called with the reason when the connection is lost, and with None when there is one. Must not
            wait.

    Raises: ConnectionLost if nothing answers, or the server is no gateway; Unauthorized, Forbidden; InvalidParams for a
        bad `url` or `token`, or if the server refuses the subprotocol. A refusal is not retried. RuntimeError outside
        of trio.
    """
    check_trio("open_client", IN_THREAD)
    urls = (url,) if isinstance(url, str) else tuple(url)
    if not urls:
        raise InvalidParams("url: expected at least one")
    places = [
        Settings(
            url=each,
            form=MSGPACK if subprotocol == "msgpack" else JSON,
            token=token,
            ssl_context=ssl_context,
            backoff=reconnect,
            wait_for_server=wait_for_server,
            connect_timeout_s=connect_timeout_s,
            ping_interval_s=ping_interval_s,
            close_timeout_s=close_timeout_s,
            max_message_bytes=max_message_bytes,
        )
        for each in urls
    ]
    async with open_at(places, on_connection) as client:
        yield client


@asynccontextmanager
async def open_at(
    places: Sequence[Settings], on_connection: Callable[[AdjournError | None], None] | None = None
) -> AsyncGenerator[Client]:
    """Opens a client of these servers, which differ only in their url. As `open_client`."""
    watched = Watched()

    def changed(lost: AdjournError | None) -> None:
        if lost is not None:
            watched.detach()
        if on_connection is not None and not link.is_stopping:
            on_connection(lost)

    link = Link(places, watched.take_in, changed)
    async with open_link(link):
        yield Client(link, watched, places[0].backoff or Backoff())
