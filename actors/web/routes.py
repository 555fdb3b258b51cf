"""The handlers of requests: each asks the guard about the params, calls the gateway's method, and answers.

`bodies.py` reads the requests. Errors pass through; the app turns them into responses.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import TypeAlias, TypeVar, cast
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from ...protocol import codec
from ...protocol.events import Status
from ...protocol.methods import (
    Params,
    RunGet,
    RunPage,
    RunResume,
    RunSnapshot,
    RunStart,
    RunSubscribe,
    ServerInfo,
    Settled,
    Timeline,
)
from ...protocol.parts import page_of
from ...protocol.record import FINAL
from ..gateway.limits import GatewayLimits
from ..gateway.procedures import Procedures
from ..gateway.sessions import Sessions
from ..runtime.system import ActorSystem
from .bodies import params_of_body, params_of_query, start_or_resume
from .documents import Documents
from .entry import principal_of
from .openapi import Accepted, openapi_document
from .operations import OPERATIONS, Operation, method_of
from .received import JSON_TYPE, has_already, last_event_id, read_body, wants_json
from .stream import RunResponse
from .trace_headers import with_trace

__all__ = ["Handler", "Metrics", "Routes"]

P = TypeVar("P", bound=Params)
Metrics: TypeAlias = Callable[[str], tuple[bytes, str]]
Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class Routes:
    """The handlers of one app."""

    def __init__(
        self, system: ActorSystem, sessions: Sessions, limits: GatewayLimits, metrics: Metrics | None = None
    ) -> None:
        self._system, self._sessions, self._limits, self._metrics = system, sessions, limits, metrics
        self._documents = Documents(system)

    def table(self) -> dict[str, dict[str, Handler]]:
        """Returns the handlers, by path and verb."""
        verbs: dict[str, dict[str, Handler]] = {}
        for operation in OPERATIONS:
            verbs.setdefault(operation.path, {})[operation.verb] = partial(self._carry_out, operation)
        verbs["/runs"]["POST"] = self._start_or_resume
        verbs["/runs/{runId}/resume"] = {"POST": self._resume}
        verbs["/runs/{runId}/events"] = {"GET": self._events}
        verbs["/markdown"] = {"POST": self._documents.parse}
        verbs["/healthz"] = {"GET": self._health}
        verbs["/openapi.json"] = {"GET": self._openapi}
        if self._metrics is not None:
            verbs["/metrics"] = {"GET": partial(self._tell_metrics, self._metrics)}
        return verbs

    # JSON.

    async def _carry_out(self, operation: Operation, request: Request) -> Response:
        if operation.has_body:
            params = self._about_a_run(await self._body(request), operation.params, request)
        else:
            params = params_of_query(request.query_params.multi_items(), operation.params, **request.path_params)
        procedures = self._procedures(request)
        allowed = await procedures.guard.check(method_of(operation.params), params)
        if isinstance(allowed, RunGet):
            return self._page(request, await procedures.get(allowed), allowed)
        result = await procedures.carry_out(allowed)
        if operation.verb == "DELETE":
            return Response(status_code=HTTPStatus.NO_CONTENT)
        response = Response(codec.to_json(result), media_type=JSON_TYPE)
        if isinstance(result, RunPage) and result.after is not None:
            query = {**request.query_params, "after": result.after}
            response.headers["link"] = f'<{request.url.path}?{urlencode(query)}>; rel="next"'
        elif isinstance(result, Timeline) and result.next is not None:
            response.headers["link"] = f'<{request.url.path}?from={result.next}>; rel="next"'
        return response

    def _page(self, request: Request, whole: RunSnapshot, asked: RunGet) -> Response:
        page = page_of(whole, asked.from_)
        response = Response(codec.to_json(page), media_type=JSON_TYPE)
        if page.next is not None:
            response.headers["link"] = f'<{request.url.path}?from={page.next}>; rel="next"'
        return _unless_known(request, response, page)

    async def _health(self, request: Request) -> Response:
        self._system.runtime.registry.check_open()
        return Response(codec.to_json({"status": "ok"}), media_type=JSON_TYPE)

    async def _openapi(self, request: Request) -> Response:
        return Response(openapi_document(self._sessions.description.version), media_type=JSON_TYPE)

    async def _tell_metrics(self, metrics: Metrics, request: Request) -> Response:
        await self._procedures(request).guard.check("metrics", ServerInfo())
        body, content_type = metrics(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    # Streams.

    async def _start_or_resume(self, request: Request) -> Response:
        params = start_or_resume(await self._body(request), self._system.agents, self._system.bounds)
        last_event_id(request)  # to refuse a malformed one
        if isinstance(params, RunResume):
            return await self._stream_resumed(request, params)
        params = with_trace(params, request.headers)
        procedures = self._procedures(request)
        allowed = await procedures.guard.check(method_of(RunStart), params)
        log = await procedures.start(cast(RunStart, allowed))
        return self._answer(request, log.run_id, log.status, after=0)

    async def _resume(self, request: Request) -> Response:
        params = self._about_a_run(await self._body(request), RunResume, request)
        return await self._stream_resumed(request, params)

    async def _stream_resumed(self, request: Request, params: RunResume) -> Response:
        after = last_event_id(request)
        procedures = self._procedures(request)
        allowed = await procedures.guard.check(method_of(RunResume), params)
        log = await self._system.log(params.run_id)
        was_paused, before = log.status == "paused", log.seq
        settled = cast(Settled, await procedures.carry_out(allowed))
        if after is None and was_paused and settled.seq > before:
            after = before  # otherwise an old decision was repeated: what followed it may be long past
        return self._answer(request, params.run_id, log.status, after=after)

    def _answer(self, request: Request, run_id: str, status: Status, *, after: int | None) -> Response:
        """Streams the run's events until it pauses or ends; or answers 202 if the client wants JSON."""
        location = f"{request.scope.get('root_path', '')}/runs/{run_id}"  # where this app is mounted
        if wants_json(request):
            headers = {"location": location, "x-run-id": run_id}
            return Response(
                codec.to_json(Accepted(run_id=run_id, status=status)), HTTPStatus.ACCEPTED, headers, JSON_TYPE
            )
        return RunResponse(self._system.run(run_id), headers={"location": location}, after=after, until_rest=True)

    async def _events(self, request: Request) -> Response:
        params = params_of_query(request.query_params.multi_items(), RunSubscribe, **request.path_params)
        procedures = self._procedures(request)
        await procedures.guard.check(method_of(RunSubscribe), params)
        given = last_event_id(request)
        after = params.after if given is None else given
        log = await self._system.log(params.run_id)
        if log.status in FINAL and after == log.seq:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        return RunResponse(self._system.run(params.run_id), after=after)

    def _about_a_run(self, body: bytes, kind: type[P], request: Request) -> P:
        return params_of_body(body, kind, request.path_params["runId"], self._system.bounds)

    async def _body(self, request: Request) -> bytes:
        return await read_body(request, self._limits.max_message_bytes)

    def _procedures(self, request: Request) -> Procedures:
        return self._sessions.procedures(principal_of(request))


def _unless_known(request: Request, response: Response, result: RunSnapshot) -> Response:
    """Returns the response, or 304 if the client already has it."""
    stranded = "" if result.stranded is None else "-stranded"
    etag = f'"{result.seq}{stranded}"'
    if has_already(request, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"etag": etag})
    response.headers["etag"] = etag
    return response
