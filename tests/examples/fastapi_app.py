"""FastAPI: `uvicorn fastapi_app:api --timeout-graceful-shutdown 5`. With the store, runs survive the process."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Header
from fastapi.responses import StreamingResponse
from shop_agent import shop

from adjourn import open_threaded_system


@asynccontextmanager
async def lifespan(api: FastAPI) -> AsyncIterator[None]:
    async with open_threaded_system([shop], store=os.environ.get("RUNS", "memory:")) as api.state.system:
        yield


api = FastAPI(lifespan=lifespan)


@api.post("/refunds/{order_id}")
async def start(order_id: int) -> dict[str, str]:
    run = await api.state.system.start("shop", f"Refund order {order_id}.")
    return {"run": run.id, "status": (await run.wait()).status}


@api.post("/runs/{run_id}/decision")
async def decide(run_id: str, approved: bool) -> None:
    await api.state.system.resume(run_id, {"approved": approved})


@api.get("/runs/{run_id}/events")
async def events(run_id: str, last_event_id: Annotated[int | None, Header()] = None) -> StreamingResponse:
    return StreamingResponse(api.state.system.run(run_id).sse(last_event_id), media_type="text/event-stream")
