"""A user's own actor, from the outside: tell, ask, a monitor and a restart."""

from dataclasses import dataclass
from functools import partial

import pytest
import trio

from adjourn.actors.core import ActorCrashed, ActorEnded, ActorRef, ChildSpec, Mailbox, open_supervisor


@dataclass
class Add:
    amount: int


class Total:
    """Asks for the sum so far."""


async def counter(mailbox: Mailbox[Add | Total], start_at: int) -> None:
    total = start_at
    async for mail in mailbox:
        match mail.body:
            case Add(amount):
                if amount == 0:
                    raise ValueError("nothing to add")
                total += amount
            case Total():
                mail.reply(total)
            case _:
                mail.fail(TypeError("a counter is told Add or asked Total"))


async def watch(actor: ActorRef[Add | Total], seen: list[str]) -> None:
    seen.append(str(await actor.wait_ended()))


async def test_tell_ask_monitor_and_restart() -> None:
    seen: list[str] = []
    async with trio.open_nursery() as nursery:
        spec = ChildSpec("counter", partial(counter, start_at=100))
        async with open_supervisor(spec) as supervisor:
            (actor,) = supervisor.children()
            nursery.start_soon(watch, actor, seen)

            await actor.tell(Add(1))
            await actor.tell(Add(2))
            assert await actor.ask(Total()) == 103
            with pytest.raises(TypeError, match="told Add or asked Total"):
                await actor.ask("subtract")  # type: ignore[arg-type]

            with pytest.raises(ActorCrashed, match="nothing to add"):
                await actor.ask(Add(0))
            assert await actor.ask(Total()) == 100  # the same reference, after a restart
            assert actor.statistics().restarts == 1
            assert seen == []  # a restart is not an end

            await actor.tell(Add(5))
    assert seen == ["shutdown"]
    assert not actor.is_alive
    with pytest.raises(ActorEnded, match="counter"):
        await actor.tell(Add(1))
