"""FastAPI: `uvicorn fastapi_app:api --timeout-graceful-shutdown 5`. With the store, runs survive the process."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse, StreamingResponse
from shop_agent import shop

from adjourn import AdjournError, open_threaded_system
from adjourn.protocol import RunNotFound


@asynccontextmanager
async def lifespan(api: FastAPI) -> AsyncIterator[None]:
    async with open_threaded_system([shop], store=os.environ.get("RUNS", "memory:")) as api.state.system:
        yield


api = FastAPI(lifespan=lifespan)


@api.exception_handler(AdjournError)  # without it, a refusal is a 500
async def refused(request: Request, error: AdjournError) -> JSONResponse:
    return JSONResponse({"type": error.type, "detail": str(error)}, 404 if isinstance(error, RunNotFound) else 409)


@api.post("/refunds/{order_id}")
async def start(order_id: int) -> dict[str, str]:
    run = await api.state.system.start("shop", f"Refund order {order_id}.")
    return {"run": run.id, "status": (await run.wait()).status}


@api.post("/runs/{run_id}/decision")
async def decide(run_id: str, approved: bool) -> None:
    await api.state.system.resume(run_id, {"approved": approved})


@api.get("/runs/{run_id}/events")
async def events(run_id: str, last_event_id: Annotated[int | None, Header()] = None) -> StreamingResponse:
    run = api.state.system.run(run_id)
    await run.snapshot()  # raises RunNotFound before the response begins
    return StreamingResponse(run.sse(last_event_id), media_type="text/event-stream")
