"""50 normal clients, in one process: `python -m bench.hostile.normal URL`.

Each client starts a run, waits until it is parked, declines its call, waits until the run ends, and pauses. For each
run, a line with the seconds from its start until it is parked goes to stdout.
"""

import random
import sys
import time

import trio
from trio_websocket import WebSocketConnection, open_websocket_url

from adjourn.protocol import rpc
from adjourn.protocol.events import AgentEnd, AgentPaused, Envelope
from adjourn.protocol.methods import RunDecline, RunStart

from .server import TOKEN

__all__ = ["CLIENTS", "main"]

CLIENTS = 50
REST_S = 0.25  # on average, between a run's end and the next start


async def main(url: str) -> None:
    """Runs the clients until the process is killed."""
    async with trio.open_nursery() as nursery:
        for number in range(CLIENTS):
            nursery.start_soon(_client, url, random.Random(number))
            await trio.sleep(0.005)


async def _client(url: str, chance: random.Random) -> None:
    headers = [("Authorization", f"Bearer {TOKEN}")]
    async with open_websocket_url(url, extra_headers=headers) as socket:
        while True:
            start = time.perf_counter()
            await _send(socket, rpc.request(1, "run.start", RunStart(agent="refunder", input="Refund 1."), rpc.JSON))
            run_id = await _wait(socket, AgentPaused)
            print(time.perf_counter() - start, flush=True)
            await _send(socket, rpc.request(2, "run.decline", RunDecline(run_id=run_id), rpc.JSON))
            await _wait(socket, AgentEnd)
            await trio.sleep(chance.uniform(0, 2 * REST_S))


async def _send(socket: WebSocketConnection, frame: bytes) -> None:
    await socket.send_message(frame.decode())


async def _wait(socket: WebSocketConnection, kind: type[AgentPaused | AgentEnd]) -> str:
    """Waits for the run's event; returns the run's id."""
    while True:
        for message in rpc.parse_server_frame(await socket.get_message(), rpc.JSON):
            if isinstance(message, Envelope) and isinstance(message.event, kind):
                return message.run_id
            if isinstance(message, rpc.Reply) and message.error is not None:
                raise message.error


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
