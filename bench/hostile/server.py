"""The attacked server. `python -m bench.hostile.server` is its process, which prints its address.

`BIG_RUN` is an ended run with a transcript of 3.9 MB; 1,000 more ended runs have as much metadata as the bounds allow.
"""

import logging
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from tempfile import TemporaryDirectory

import trio

from adjourn.actors import ModelRequest, open_actor_system
from adjourn.actors.agent import Agent
from adjourn.actors.gateway import Gateway, serve_gateway, token_authenticator
from adjourn.actors.models import events_of
from adjourn.actors.runtime.system import ActorSystem
from adjourn.protocol.events import StreamEvent
from adjourn.protocol.messages import AssistantMessage, Text, UserMessage
from adjourn.stores import open_store

from ..agents import DESCRIPTOR, refund_agent

__all__ = ["BIG_RUN", "HISTORY", "TOKEN", "main"]

TOKEN = "t" * 32
BIG_RUN = "big"
HISTORY = tuple(UserMessage(content="x" * 97_500, timestamp=1) for _ in range(40))  # 3.9 MB


class Echo:
    """A model that answers at once."""

    descriptor = DESCRIPTOR

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[StreamEvent], None]:
        """Streams one word."""
        await trio.lowlevel.checkpoint()
        yield events_of(AssistantMessage(content=(Text(text="Done."),)))


async def main() -> None:
    """Serves until the process is killed."""
    echo = Agent(name="echo", model=Echo())
    logging.disable()
    with TemporaryDirectory() as folder:
        async with (
            open_store(f"sqlite:///{folder}/runs.db") as store,
            open_actor_system([refund_agent(), echo], store=store) as system,
            trio.open_nursery() as nursery,
        ):
            await _prepare(system)
            serve = partial(serve_gateway, system, port=0, authenticator=token_authenticator(TOKEN))
            gateway: Gateway = await nursery.start(serve)
            print(gateway.url, flush=True)


async def _prepare(system: ActorSystem) -> None:
    await (await system.start("echo", HISTORY, run_id=BIG_RUN)).wait()
    for number in range(1000):
        run = await system.start("echo", "Hello.", metadata={"note": "x" * 15_000, "number": number})
        await run.wait()


if __name__ == "__main__":
    trio.run(main)
