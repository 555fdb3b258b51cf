"""Thespian: actors that are told and asked, as its documentation's guide has it (read 2026-11).

On its simpleSystemBase, the fastest: all actors run in the caller's thread, one message after the other. On the others
each actor is a process.

It has no supervisors: an actor that fails gets its message once more and lives on, and the sender gets a PoisonMessage.
So here the sender ends it and makes a new one.
"""

import asyncio
import logging
from typing import Any

from sample import IN_TURN, SENDERS, finish, measured
from thespian.actors import Actor, ActorExitRequest, ActorSystem, PoisonMessage

COUNT = IN_TURN * 10


class Echo(Actor):
    """Gives back what it gets."""

    def receiveMessage(self, message: Any, sender: Any) -> None:
        """The same, to those who ask."""
        if not isinstance(message, ActorExitRequest):
            self.send(sender, message)


class Silent(Actor):
    """Answers "last" only."""

    def receiveMessage(self, message: Any, sender: Any) -> None:
        """Takes a message."""
        if message == "last":
            self.send(sender, message)


class Sink(Actor):
    """Answers its first message when it has received all others."""

    left = COUNT
    asker: Any = None

    def receiveMessage(self, message: Any, sender: Any) -> None:
        """Counts."""
        if message == "ask":
            self.asker = sender
        elif isinstance(message, int):
            self.left -= 1
        if not self.left and self.asker is not None:
            self.send(self.asker, "done")
            self.asker = None


class Sender(Actor):
    """Sends as many messages as it is told."""

    def receiveMessage(self, message: Any, sender: Any) -> None:
        """Sends."""
        if isinstance(message, tuple):
            sink, count = message
            for n in range(count):
                self.send(sink, n)


class Crash(Actor):
    """Crashes at each message."""

    def receiveMessage(self, message: Any, sender: Any) -> None:
        """Crashes."""
        if message == "crash":
            raise ValueError


class Boss(Actor):
    """Passes a message on to its child, makes a new child when that one has failed, and then answers."""

    child: Any = None
    asker: Any = None

    def receiveMessage(self, message: Any, sender: Any) -> None:
        """A question, or the failure of the child."""
        if message == "crash":
            self.asker = sender
            self.child = self.child or self.createActor(Crash)
            self.send(self.child, message)
        elif isinstance(message, PoisonMessage):
            self.send(self.child, ActorExitRequest())
            self.child = self.createActor(Crash)
            self.send(self.asker, "restarted")


def main() -> None:
    """Everything."""
    logs = {"version": 1, "root": {"handlers": []}}
    system = ActorSystem("simpleSystemBase", logDefs=logs)
    logging.disable()  # as for adjourn: without the cost of logging each crash

    async def spawn() -> None:
        for _ in range(IN_TURN):
            system.tell(system.createActor(Echo), ActorExitRequest())

    async def tell() -> None:
        actor = system.createActor(Silent)
        for n in range(COUNT - 1):
            system.tell(actor, n)
        system.ask(actor, "last")
        system.tell(actor, ActorExitRequest())

    async def ask() -> None:
        echo = system.createActor(Echo)
        for n in range(COUNT):
            system.ask(echo, n)
        system.tell(echo, ActorExitRequest())

    async def fan_in() -> None:
        sink = system.createActor(Sink)
        senders = [system.createActor(Sender) for _ in range(SENDERS)]
        for sender in senders:
            system.tell(sender, (sink, COUNT // SENDERS))
        assert system.ask(sink, "ask") == "done"
        for actor in (*senders, sink):
            system.tell(actor, ActorExitRequest())

    async def restart() -> None:
        boss = system.createActor(Boss)
        for _ in range(IN_TURN):
            assert system.ask(boss, "crash") == "restarted"
        system.tell(boss, ActorExitRequest())

    async def measure() -> None:
        finish(
            "thespian",
            [
                await measured(7, "spawn", "µs CPU", IN_TURN, spawn),
                await measured(7, "tell", "µs CPU", COUNT, tell),
                await measured(7, "ask", "µs CPU", COUNT, ask),
                await measured(7, "fan-in", "µs CPU", COUNT, fan_in),
                await measured(7, "restart", "µs CPU", IN_TURN, restart),
            ],
        )

    asyncio.run(measure())
    system.shutdown()


main()
