"""Pykka: actors on threads, told and asked. As its documentation's quickstart has it (read 2026-11).

It has no supervisors: an actor that crashes after a `tell` stops, and its `on_failure` is called. So here another actor
starts it anew.
"""

import asyncio
import logging
from typing import Any

import pykka
from sample import IN_TURN, SENDERS, finish, measured

COUNT = IN_TURN * 10


class Echo(pykka.ThreadingActor):
    """An actor that returns each message to its sender."""

    def on_receive(self, message: Any) -> Any:
        """Returns the message."""
        return message


class Sink(pykka.ThreadingActor):
    """Sets a future at its last message."""

    def __init__(self, done: pykka.Future[None]) -> None:
        super().__init__()
        self.done, self.left = done, COUNT

    def on_receive(self, message: Any) -> None:
        """Counts."""
        self.left -= 1
        if not self.left:
            self.done.set(None)


class Sender(pykka.ThreadingActor):
    """Sends as many messages as it is told."""

    def __init__(self, sink: pykka.ActorRef[Sink]) -> None:
        super().__init__()
        self.sink = sink

    def on_receive(self, message: int) -> None:
        """Sends."""
        for n in range(message):
            self.sink.tell(n)


class Crash(pykka.ThreadingActor):
    """Crashes at each message."""

    def __init__(self, boss: "pykka.ActorRef[Boss]") -> None:
        super().__init__()
        self.boss = boss

    def on_receive(self, message: Any) -> None:
        """Crashes."""
        raise ValueError

    def on_failure(self, *_: Any) -> None:
        """Tells that it is gone."""
        self.boss.tell(None)


class Boss(pykka.ThreadingActor):
    """Passes a future on to its child, starts a new child when that one has crashed, and then sets the future."""

    def on_start(self) -> None:
        """Starts the first child."""
        self.child = Crash.start(self.actor_ref)

    def on_receive(self, message: "pykka.Future[None] | None") -> None:
        """A future, or None from a child that crashed."""
        if message is not None:
            self.waiting = message
            self.child.tell(message)
        else:
            self.child = Crash.start(self.actor_ref)
            self.waiting.set(None)

    def on_stop(self) -> None:
        """Stops the last child."""
        self.child.stop()


async def spawn() -> None:
    """Starts actors, and stops each."""
    for _ in range(IN_TURN):
        Echo.start().stop()


async def tell() -> None:
    """Sends messages to one actor, until it has received the last."""
    echo = Echo.start()
    for n in range(COUNT - 1):
        echo.tell(n)
    echo.ask(0)
    echo.stop()


async def ask() -> None:
    """Asks an actor, and waits for each answer."""
    echo = Echo.start()
    for n in range(COUNT):
        echo.ask(n)
    echo.stop()


async def fan_in() -> None:
    """Ten actors send messages to one, until it has received the last."""
    done: pykka.Future[None] = pykka.ThreadingFuture()
    sink = Sink.start(done)
    senders = [Sender.start(sink) for _ in range(SENDERS)]
    for sender in senders:
        sender.tell(COUNT // SENDERS)
    done.get()
    for actor in (*senders, sink):
        actor.stop()


async def restart() -> None:
    """Crashes, each followed by a restart."""
    boss = Boss.start()
    for _ in range(IN_TURN):
        done: pykka.Future[None] = pykka.ThreadingFuture()
        boss.tell(done)
        done.get()
    boss.stop()


async def main() -> None:
    """Everything."""
    logging.disable()  # as for adjourn: without the cost of logging each crash
    finish(
        "pykka",
        [
            await measured(7, "spawn", "µs CPU", IN_TURN, spawn),
            await measured(7, "tell", "µs CPU", COUNT, tell),
            await measured(7, "ask", "µs CPU", COUNT, ask),
            await measured(7, "fan-in", "µs CPU", COUNT, fan_in),
            await measured(7, "restart", "µs CPU", IN_TURN, restart),
        ],
    )


asyncio.run(main())
