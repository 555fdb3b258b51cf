"""Starlette or FastAPI: adjourn's own HTTP interface, mounted in an app on asyncio. `uvicorn starlette_app:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shop_agent import shop
from starlette.applications import Starlette

from adjourn import open_threaded_system
from adjourn.actors.web import web_app


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with open_threaded_system([shop]) as system:
        app.mount("/agents", system.asgi(web_app))
        yield


app = Starlette(lifespan=lifespan)
