"""The mailbox: order, room, answers, and that no cancellation or end loses mail."""

import gc
import random
import weakref
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from profiles import repeats
from trio.testing import wait_all_tasks_blocked

from adjourn.actors.core import ActorCrashed, ActorEnded, Mail, Mailbox, MailboxFull


class Letter:
    """A body that can be weakly referenced."""


async def outcome_of(call: Callable[[], Awaitable[Any]], outcomes: list[Any]) -> None:
    try:
        outcomes.append(await call())
    except Exception as error:
        outcomes.append(error)


async def test_mail_comes_in_order() -> None:
    mailbox = Mailbox[int](3)
    for n in range(3):
        await mailbox.put(n)
    assert [(await mailbox.receive()).body for _ in range(3)] == [0, 1, 2]


async def test_a_full_mailbox_refuses_at_once_and_lets_senders_wait_in_order(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[int](1)
    mailbox.put_nowait(0)
    with pytest.raises(MailboxFull):
        mailbox.put_nowait(9)
    for n in range(1, 4):
        nursery.start_soon(mailbox.put, n)
        await wait_all_tasks_blocked()
    assert mailbox.statistics().waiting_senders == 3
    received = [mailbox.receive_nowait().body]
    with pytest.raises(MailboxFull):  # the free place belongs to the first waiting sender
        mailbox.put_nowait(9)
    received += [mailbox.receive_nowait().body for _ in range(3)]
    assert received == [0, 1, 2, 3]
    with pytest.raises(trio.WouldBlock):
        mailbox.receive_nowait()


async def test_completions_have_room_of_their_own() -> None:
    mailbox = Mailbox[str](1, reserved=2)
    mailbox.put_nowait("from outside")
    mailbox.put_reserved_nowait("effect 1")
    mailbox.put_reserved_nowait("effect 2")
    with pytest.raises(MailboxFull):
        mailbox.put_reserved_nowait("effect 3")
    assert mailbox.receive_nowait().body == "from outside"
    with pytest.raises(MailboxFull):
        mailbox.put_reserved_nowait("effect 3")
    mailbox.put_nowait("from outside again")
    assert [mailbox.receive_nowait().body for _ in range(3)] == ["effect 1", "effect 2", "from outside again"]
    mailbox.put_reserved_nowait("effect 3")
    with pytest.raises(MailboxFull):  # only one place is for ordinary mail
        [mailbox.put_nowait("more") for _ in range(2)]


@pytest.mark.parametrize(("capacity", "reserved"), [(0, 0), (1, -1)])
def test_a_mailbox_without_room_is_refused(capacity: int, reserved: int) -> None:
    with pytest.raises(ValueError, match="capacity >= 1"):
        Mailbox[int](capacity, reserved)


async def test_a_sender_cancelled_while_it_waits_was_never_in(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[int](1)
    mailbox.put_nowait(0)
    scopes = [trio.CancelScope() for _ in range(3)]

    async def send(n: int) -> None:
        with scopes[n]:
            await (mailbox.ask(n) if n == 1 else mailbox.put(n))

    for n in range(3):
        nursery.start_soon(send, n)
        await wait_all_tasks_blocked()
    scopes[0].cancel()
    scopes[1].cancel()
    await wait_all_tasks_blocked()
    assert [mailbox.receive_nowait().body for _ in range(2)] == [0, 2]
    assert mailbox.is_idle


async def test_a_call_cancelled_before_it_begins_does_nothing() -> None:
    mailbox = Mailbox[int](2)
    with trio.CancelScope() as scope:
        scope.cancel()
        await mailbox.put(1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await mailbox.ask(1)
    assert mailbox.statistics().waiting_mail == 0
    mailbox.put_nowait(2)
    with trio.CancelScope() as scope:
        scope.cancel()
        await mailbox.receive()
    assert mailbox.receive_nowait().body == 2


async def test_a_receiver_cancelled_while_mail_arrives_loses_none(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[int](2)
    received: list[int] = []

    async def receive(scope: trio.CancelScope) -> None:
        with scope:
            received.append((await mailbox.receive()).body)

    parked, woken = trio.CancelScope(), trio.CancelScope()
    nursery.start_soon(receive, parked)
    await wait_all_tasks_blocked()
    parked.cancel()
    mailbox.put_nowait(1)
    await wait_all_tasks_blocked()
    assert received == []
    assert mailbox.receive_nowait().body == 1

    nursery.start_soon(receive, woken)
    await wait_all_tasks_blocked()
    mailbox.put_nowait(2)
    woken.cancel()
    await wait_all_tasks_blocked()
    assert received == [2]
    assert mailbox.is_idle


async def test_two_receivers_are_refused(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[int](1)
    nursery.start_soon(mailbox.receive)
    await wait_all_tasks_blocked()
    with pytest.raises(trio.BusyResourceError):
        await mailbox.receive()
    with pytest.raises(trio.BusyResourceError):
        mailbox.receive_nowait()
    mailbox.put_nowait(1)


async def test_an_asker_gets_the_reply_or_the_failure(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[int](1)
    outcomes: list[Any] = []
    nursery.start_soon(outcome_of, lambda: mailbox.ask(20), outcomes)
    mail = await mailbox.receive()
    mail.reply(mail.body + 1)
    await wait_all_tasks_blocked()
    nursery.start_soon(outcome_of, lambda: mailbox.ask(20), outcomes)
    (await mailbox.receive()).fail(KeyError("no such thing"))
    await wait_all_tasks_blocked()
    assert outcomes[0] == 21
    assert isinstance(outcomes[1], KeyError)


async def test_an_answer_that_comes_before_the_asker_wakes_is_not_lost(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[str](1)
    mailbox.put_nowait("first")
    outcomes: list[Any] = []
    nursery.start_soon(outcome_of, lambda: mailbox.ask("second"), outcomes)
    await wait_all_tasks_blocked()
    mailbox.receive_nowait()
    mailbox.receive_nowait().reply("answered")  # the asker has not woken yet
    await wait_all_tasks_blocked()
    assert outcomes == ["answered"]


async def test_an_answer_after_the_asker_was_cancelled_is_harmless(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[int](1)
    scope = trio.CancelScope()

    async def ask() -> None:
        with scope:
            await mailbox.ask(1)

    nursery.start_soon(ask)
    mail = await mailbox.receive()
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert mailbox.is_idle
    mail.reply(1)


async def test_a_deferred_mail_whose_asker_was_cancelled_is_not_owed(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[int](1)
    scope = trio.CancelScope()

    async def ask() -> None:
        with scope:
            await mailbox.ask(1)

    nursery.start_soon(ask)
    await mailbox.receive()
    with pytest.raises(trio.WouldBlock):
        mailbox.receive_nowait()
    await wait_all_tasks_blocked()
    assert not mailbox.is_idle
    scope.cancel()
    await wait_all_tasks_blocked()
    assert mailbox.is_idle


async def test_a_put_that_is_cancelled_too_late_returns(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[trio.CancelScope](1)

    async def cancel_the_sender() -> None:
        while True:
            (await mailbox.receive()).body.cancel()

    nursery.start_soon(cancel_the_sender)
    returned = 0
    for _ in range(20):  # the scheduler decides whether the receiver or the sender wakes first
        await wait_all_tasks_blocked()
        with trio.CancelScope() as scope:
            await mailbox.put(scope)
            returned += 1
    await wait_all_tasks_blocked()
    assert returned == mailbox.statistics().delivered == 20
    nursery.cancel_scope.cancel()


async def test_a_mail_is_answered_once(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[int](1)
    nursery.start_soon(mailbox.ask, 1)
    mail = await mailbox.receive()
    mail.reply()
    with pytest.raises(RuntimeError, match="answered already"):
        mail.fail(ValueError())


async def test_the_answer_to_a_told_mail_is_dropped() -> None:
    mailbox = Mailbox[int](1)
    await mailbox.put(1)
    mail = await mailbox.receive()
    mail.reply(1)
    mail.fail(ValueError())


async def test_draining_delivers_waiting_mail_and_refuses_new_mail(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[str](1, reserved=1)
    mailbox.put_nowait("in")
    outcomes: list[Any] = []
    nursery.start_soon(outcome_of, lambda: mailbox.put("waits"), outcomes)
    nursery.start_soon(outcome_of, lambda: mailbox.ask("waits"), outcomes)
    await wait_all_tasks_blocked()
    mailbox.drain("it is stopping")
    await wait_all_tasks_blocked()
    assert [str(error) for error in outcomes] == ["it is stopping"] * 2
    assert all(isinstance(error, ActorEnded) for error in outcomes)
    with pytest.raises(ActorEnded):
        mailbox.put_nowait("late")
    mailbox.put_reserved_nowait("effect")
    assert [mail.body async for mail in mailbox] == ["in", "effect"]


async def test_draining_ends_a_parked_receiver(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[str](1)
    outcomes: list[Any] = []
    nursery.start_soon(outcome_of, mailbox.receive, outcomes)
    await wait_all_tasks_blocked()
    mailbox.drain("it is stopping")
    await wait_all_tasks_blocked()
    assert isinstance(outcomes[0], trio.EndOfChannel)


async def test_closing_answers_everyone_and_counts_what_is_lost(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[str](4, reserved=1)
    outcomes: list[Any] = []
    for _ in range(4):
        nursery.start_soon(outcome_of, lambda: mailbox.ask("asked"), outcomes)
    await wait_all_tasks_blocked()
    mailbox.receive_nowait()
    mailbox.receive_nowait()
    mailbox.put_nowait("told")
    mailbox.put_nowait("told")
    nursery.start_soon(outcome_of, lambda: mailbox.ask("waits"), outcomes)
    await wait_all_tasks_blocked()
    assert mailbox.statistics().unanswered == 2
    assert mailbox.close("it is over") == ["told", "told"]
    await wait_all_tasks_blocked()
    assert [str(error) for error in outcomes] == ["it is over"] * 5
    assert mailbox.is_idle
    with pytest.raises(ActorEnded):
        mailbox.put_reserved_nowait("effect")
    with pytest.raises(ActorEnded):
        await mailbox.ask("late")
    with pytest.raises(trio.EndOfChannel):
        await mailbox.receive()


async def test_mail_in_transit_at_the_end_is_not_received(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[int](1)
    outcomes: list[Any] = []
    nursery.start_soon(outcome_of, mailbox.receive, outcomes)
    await wait_all_tasks_blocked()
    mailbox.put_nowait(1)
    mailbox.close("it is over")
    await wait_all_tasks_blocked()
    assert isinstance(outcomes[0], trio.EndOfChannel)
    assert mailbox.is_idle


async def test_a_sender_after_the_end_gets_the_reason_of_the_end() -> None:
    mailbox = Mailbox[int](1)
    mailbox.drain("it is stopping")
    mailbox.close("it is over")
    with pytest.raises(ActorEnded, match="it is over"):
        mailbox.put_nowait(1)


async def test_a_tell_that_gets_room_as_the_actor_ends_raises(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[str](1)
    mailbox.put_nowait("first")
    outcomes: list[Any] = []
    nursery.start_soon(outcome_of, lambda: mailbox.put("second"), outcomes)
    await wait_all_tasks_blocked()
    mailbox.receive_nowait()
    mailbox.close("it is over")
    await wait_all_tasks_blocked()
    assert isinstance(outcomes[0], ActorEnded)


async def test_a_crash_fails_the_mail_in_hand_and_those_put_off_but_keeps_the_queue(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[int](3)
    outcomes: list[Any] = []
    for n in range(3):
        nursery.start_soon(outcome_of, lambda n=n: mailbox.ask(n), outcomes)
        await wait_all_tasks_blocked()
    put_off = mailbox.receive_nowait()
    mailbox.receive_nowait()
    mailbox.fail_received(lambda: ActorCrashed("it crashed"))
    await wait_all_tasks_blocked()
    assert [type(error) for error in outcomes] == [ActorCrashed] * 2
    assert outcomes[0] is not outcomes[1]
    put_off.reply("too late, and harmless")
    mailbox.receive_nowait().reply("served by the next incarnation")
    await wait_all_tasks_blocked()
    assert outcomes[2] == "served by the next incarnation"


async def test_a_deferred_mail_that_is_answered_is_not_owed(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[int](2)
    outcomes: list[Any] = []
    nursery.start_soon(outcome_of, lambda: mailbox.ask(1), outcomes)
    put_off = await mailbox.receive()
    with pytest.raises(trio.WouldBlock):
        mailbox.receive_nowait()
    assert not mailbox.is_idle
    put_off.reply("later")
    assert mailbox.is_idle
    mailbox.close("it is over")
    await wait_all_tasks_blocked()
    assert outcomes == ["later"]


async def test_statistics(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[int](2, reserved=1)
    nursery.start_soon(mailbox.ask, 1)
    await wait_all_tasks_blocked()
    mail = mailbox.receive_nowait()
    for n in range(3):
        nursery.start_soon(mailbox.put, n)
    await wait_all_tasks_blocked()
    statistics = mailbox.statistics()
    assert (statistics.capacity, statistics.reserved, statistics.delivered) == (2, 1, 1)
    assert (statistics.waiting_mail, statistics.waiting_senders, statistics.unanswered) == (2, 1, 1)
    mail.reply()
    mailbox.receive_nowait()
    assert mailbox.statistics().waiting_senders == 0


async def test_a_parked_receiver_keeps_no_mail_alive(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[Letter](2)

    async def actor() -> None:
        while True:
            (await mailbox.receive()).reply(Letter())

    nursery.start_soon(actor)
    letter = Letter()
    sent = weakref.ref(letter)
    answered = weakref.ref(await mailbox.ask(letter))
    del letter
    await wait_all_tasks_blocked()
    assert sent() is None
    assert answered() is None
    nursery.cancel_scope.cancel()


async def test_a_parked_mailbox_keeps_no_container(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[int](1)
    for n in range(3):
        nursery.start_soon(mailbox.ask, n)
    async with trio.open_nursery() as serving:

        async def serve() -> None:
            put_off = [await mailbox.receive() for _ in range(3)]
            for mail in put_off:
                mail.reply()
            await mailbox.receive()

        serving.start_soon(serve)
        await wait_all_tasks_blocked()
        assert not [held for held in gc.get_referents(mailbox) if isinstance(held, deque | OrderedDict | set)]
        serving.cancel_scope.cancel()


async def test_a_mail_kept_by_the_actor_keeps_no_answer_alive(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[int](1)
    held: list[Mail[int]] = []

    async def actor() -> None:
        held.append(await mailbox.receive())
        held[0].reply(Letter())

    nursery.start_soon(actor)
    answered = weakref.ref(await mailbox.ask(1))
    assert answered() is None


async def test_a_failed_ask_leaves_no_reference_cycle(nursery: trio.Nursery) -> None:
    mailbox = Mailbox[Letter](1)
    gc.collect()
    gc.disable()
    try:
        letter = Letter()
        sent = weakref.ref(letter)
        nursery.start_soon(outcome_of, lambda mailbox=mailbox, letter=letter: mailbox.ask(letter), outcomes := [])
        del letter
        (await mailbox.receive()).fail(ValueError("no"))
        await wait_all_tasks_blocked()
        outcomes.clear()
        mailbox.close("it is over")
        assert sent() is None
    finally:
        gc.enable()


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(repeats(10)))
async def test_many_senders_under_cancellation_lose_and_repeat_nothing(
    seed: int, autojump_clock: trio.testing.MockClock
) -> None:
    """Accepted mail is received once, cancelled mail never; each sender's order holds; every asker gets an answer."""
    chance = random.Random(seed)
    mailbox = Mailbox[tuple[int, int]](chance.randint(1, 4), reserved=1)
    received: list[tuple[int, int]] = []
    put: set[tuple[int, int]] = set()
    cancelled: set[tuple[int, int]] = set()
    answered = unanswered = 0

    async def send(sender: int, delays: list[float]) -> None:
        nonlocal answered, unanswered
        for n, delay in enumerate(delays):
            body = (sender, n)
            await trio.sleep(delay)
            with trio.move_on_after(0.3 * delay) as scope:
                if n % 3:
                    await mailbox.put(body)
                    put.add(body)
                else:
                    assert await mailbox.ask(body) == body
                    put.add(body)
                    answered += 1
            if scope.cancelled_caught:
                unanswered += not n % 3
                if n % 3:
                    cancelled.add(body)

    async def serve() -> None:
        """Receives mail, and is cancelled again and again."""
        while True:
            with trio.move_on_after(chance.random()):
                async for mail in mailbox:
                    received.append(mail.body)
                    mail.reply(mail.body)
                    with trio.CancelScope(shield=True):
                        await trio.sleep(chance.random() * 0.02)
                return

    async with trio.open_nursery() as serving:
        serving.start_soon(serve)
        async with trio.open_nursery() as senders:
            for sender in range(40):
                senders.start_soon(send, sender, [chance.random() for _ in range(20)])
        mailbox.drain("all is sent")

    assert len(received) == len(set(received))
    assert put <= set(received)
    assert not cancelled & set(received)
    assert cancelled
    assert answered
    assert unanswered
    for sender in range(40):
        assert (mine := [body for body in received if body[0] == sender]) == sorted(mine)
    assert mailbox.is_idle
    assert mailbox.statistics().delivered == len(received)
