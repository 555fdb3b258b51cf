"""Scenario 7: the actor core alone, compared with bare nurseries and channels."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import trio

from adjourn.actors import ActorRef, ChildSpec, Mailbox, open_supervisor

from .figure import Figure, compared
from .repeat import interleaved, timed

__all__ = ["OPERATIONS", "measure"]

SENDERS = 10  # of the fan-in

Operation: TypeAlias = "Callable[[int], Awaitable[float]]"  # number of repetitions -> total seconds


def measure(quick: bool) -> list[Figure]:
    """Measures the time of each operation."""
    logging.getLogger("adjourn").setLevel(logging.CRITICAL)  # leaves out the cost of logging each crash
    count, repeats = (1000, 3) if quick else (5_000, 5)
    figures: list[Figure] = []
    for name, (ours, bare, against) in OPERATIONS.items():
        pairs = interleaved(name, repeats, partial(ours, count), partial(bare, count))
        times = [(mine / count * 1e6, base / count * 1e6) for mine, base in pairs]
        figures.append(compared(7, name, "µs CPU", times, against=against))
    return figures


async def _nothing(mailbox: Mailbox[None]) -> None:
    await trio.lowlevel.checkpoint()


async def _echo(mailbox: Mailbox[Any]) -> None:
    async for mail in mailbox:
        mail.reply(mail.body)


async def _crash(mailbox: Mailbox[Any]) -> None:
    async for mail in mailbox:
        mail.reply(None)
        raise ValueError


async def our_spawn(count: int) -> float:
    """Starts actors that end at once, and waits for each."""
    async with open_supervisor() as supervisor:

        async def work() -> None:
            for n in range(count):
                await supervisor.start_child(ChildSpec[None](str(n), _nothing, "temporary")).wait_ended()

        seconds = await timed(work)
    return seconds


async def bare_spawn(count: int) -> float:
    """Starts tasks that set an event."""
    async with trio.open_nursery() as nursery:

        async def work() -> None:
            for _ in range(count):
                done = trio.Event()
                nursery.start_soon(_set_soon, done)
                await done.wait()

        seconds = await timed(work)
    return seconds


async def _set_soon(done: trio.Event) -> None:
    await trio.lowlevel.checkpoint()
    done.set()


async def our_tell(count: int) -> float:
    """Sends messages to one actor, until it has received the last."""
    async with open_supervisor() as supervisor:
        actor = supervisor.start_child(ChildSpec[int]("echo", _echo))

        async def work() -> None:
            for n in range(count - 1):
                await actor.tell(n)
            await actor.ask(count)

        seconds = await timed(work)
    return seconds


async def bare_tell(count: int) -> float:
    """Sends values through a memory channel, until the last is received."""
    send, receive = trio.open_memory_channel[int](64)
    done = trio.Event()

    async def take() -> None:
        async for n in receive:
            if n == count:
                done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)

        async def work() -> None:
            for n in range(1, count + 1):
                await send.send(n)
            await done.wait()

        seconds = await timed(work)
        nursery.cancel_scope.cancel()
    return seconds


async def our_ask(count: int) -> float:
    """Asks an actor, and awaits each answer."""
    async with open_supervisor() as supervisor:
        actor = supervisor.start_child(ChildSpec[int]("echo", _echo))

        async def work() -> None:
            for n in range(count):
                await actor.ask(n)

        seconds = await timed(work)
    return seconds


async def bare_ask(count: int) -> float:
    """Sends values there and back through two memory channels."""
    send, asked = trio.open_memory_channel[int](1)
    answer, answers = trio.open_memory_channel[int](1)

    async def echo() -> None:
        async for n in asked:
            await answer.send(n)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(echo)

        async def work() -> None:
            for n in range(count):
                await send.send(n)
                await answers.receive()

        seconds = await timed(work)
        nursery.cancel_scope.cancel()
    return seconds


async def _send(mailbox: Mailbox[int], sink: ActorRef[int]) -> None:
    async for mail in mailbox:
        for n in range(mail.body):
            await sink.tell(n)


async def _take(mailbox: Mailbox[int], count: int) -> None:
    async for _ in mailbox:
        count -= 1
        if not count:
            return


def _share(count: int, number: int) -> int:
    """How many of the messages one of the senders sends."""
    return len(range(number, count, SENDERS))


async def our_fan_in(count: int) -> float:
    """Ten actors send messages to one, until it has received the last."""
    async with open_supervisor() as supervisor:
        template = ChildSpec[int]("take", _take, "temporary")
        sink = supervisor.start_child(template.instance("sink", count=count))
        spec = ChildSpec[int]("send", _send)
        senders = [supervisor.start_child(spec.instance(str(n), sink=sink)) for n in range(SENDERS)]

        async def work() -> None:
            for n, sender in enumerate(senders):
                await sender.tell(_share(count, n))
            await sink.wait_ended()

        seconds = await timed(work)
    return seconds


async def bare_fan_in(count: int) -> float:
    """Ten tasks send values through one memory channel."""
    send, receive = trio.open_memory_channel[int](64)
    begin, done = trio.Event(), trio.Event()

    async def give(share: int) -> None:
        await begin.wait()
        for n in range(share):
            await send.send(n)

    async def take() -> None:
        for _ in range(count):
            await receive.receive()
        done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        for n in range(SENDERS):
            nursery.start_soon(give, _share(count, n))

        async def work() -> None:
            begin.set()
            await done.wait()

        seconds = await timed(work)
    return seconds


async def our_restart(count: int) -> float:
    """Crashes an actor again and again; each restart takes the next message."""
    async with open_supervisor(max_restarts=count + 1, within_s=1e6) as supervisor:
        actor = supervisor.start_child(ChildSpec[None]("crash", _crash))

        async def work() -> None:
            for _ in range(count):
                await actor.ask(None)

        seconds = await timed(work)
    return seconds


async def bare_restart(count: int) -> float:
    """Catches an exception in a loop over the same channels, again and again."""
    send, asked = trio.open_memory_channel[None](1)
    answer, answers = trio.open_memory_channel[None](1)

    async def crash() -> None:
        async for each in asked:
            await answer.send(each)
            raise ValueError

    async def supervise() -> None:
        while True:
            try:
                await crash()
            except ValueError:
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervise)

        async def work() -> None:
            for _ in range(count):
                await send.send(None)
                await answers.receive()

        seconds = await timed(work)
        nursery.cancel_scope.cancel()
    return seconds


OPERATIONS: dict[str, tuple[Operation, Operation, str]] = {
    "spawn": (our_spawn, bare_spawn, "nursery.start_soon"),
    "tell": (our_tell, bare_tell, "memory channel"),
    "ask": (our_ask, bare_ask, "two memory channels"),
    "fan-in": (our_fan_in, bare_fan_in, "memory channel"),
    "restart": (our_restart, bare_restart, "a loop that catches"),
}
