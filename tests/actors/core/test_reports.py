"""Dead letters and depth alarms."""

from typing import Any

import pytest
from trio.testing import wait_all_tasks_blocked

from adjourn.actors.core import (
    ChildSpec,
    DeadLetter,
    DepthAlarm,
    Mailbox,
    Report,
    ReportReader,
    SupervisorSpec,
    open_supervisor,
)


async def ends_on_none(mailbox: Mailbox[Any]) -> None:
    async for mail in mailbox:
        if mail.body is None:
            return


async def waiting(reader: ReportReader) -> list[Report]:
    """The reports that wait now."""
    return [await anext(reader) for _ in range(len(reader))]


async def test_messages_that_nobody_received_are_reported_with_the_reason() -> None:
    async with open_supervisor(ChildSpec("a", ends_on_none, "temporary")) as supervisor:
        (ref,) = supervisor.children()
        with supervisor.open_reports() as reader:
            for body in (None, "first", "second"):
                ref.tell_nowait(body)
            await ref.wait_ended()
            assert await waiting(reader) == [DeadLetter("a", "first", "normal"), DeadLetter("a", "second", "normal")]


async def test_a_crash_that_is_restarted_leaves_no_dead_letters() -> None:
    async def crashes(mailbox: Mailbox[Any]) -> None:
        async for mail in mailbox:
            if mail.body == "crash":
                raise ValueError("boom")

    async with open_supervisor(ChildSpec("a", crashes)) as supervisor:
        (ref,) = supervisor.children()
        with supervisor.open_reports() as reader:
            for body in ("crash", "queued"):
                ref.tell_nowait(body)
            await wait_all_tasks_blocked()
            assert await waiting(reader) == []
            assert ref.statistics().mailbox.delivered == 2


async def test_reports_come_from_the_whole_tree_to_every_reader() -> None:
    below = SupervisorSpec("below", (ChildSpec("a", ends_on_none, "temporary"),))
    async with open_supervisor(below) as root:
        await wait_all_tasks_blocked()
        (ref,) = root.supervisor("below").children()
        with root.open_reports() as one, root.supervisor("below").open_reports() as two:
            for body in (None, "lost"):
                ref.tell_nowait(body)
            await ref.wait_ended()
            assert await waiting(one) == await waiting(two) == [DeadLetter("a", "lost", "normal")]


async def test_a_reader_that_lags_misses_the_oldest_and_can_tell() -> None:
    async with open_supervisor(ChildSpec("a", ends_on_none, "temporary")) as supervisor:
        (ref,) = supervisor.children()
        with supervisor.open_reports(capacity=2) as reader:
            for body in (None, 1, 2, 3):
                ref.tell_nowait(body)
            await ref.wait_ended()
            assert reader.missed == 1
            assert await waiting(reader) == [DeadLetter("a", 2, "normal"), DeadLetter("a", 3, "normal")]
        with pytest.raises(ValueError, match="capacity >= 1"), supervisor.open_reports(capacity=0):
            pass


async def test_an_alarm_begins_at_its_depth_and_ends_at_half_of_it() -> None:
    handled: list[int] = []

    async def one_by_one(mailbox: Mailbox[int]) -> None:
        async for mail in mailbox:
            handled.append(mail.body)

    async with open_supervisor(alarm_depth=4) as supervisor:
        with supervisor.open_reports() as reader:
            ref = supervisor.start_child(ChildSpec("a", one_by_one))
            for n in range(6):
                ref.tell_nowait(n)
            await wait_all_tasks_blocked()
            assert await waiting(reader) == [DepthAlarm("a", 4, True), DepthAlarm("a", 2, False)]
            ref.tell_nowait(6)
            await wait_all_tasks_blocked()
            assert await waiting(reader) == []
    assert handled == list(range(7))


async def test_a_mailbox_smaller_than_the_alarm_depth_alarms_when_it_is_full() -> None:
    async with open_supervisor(alarm_depth=100) as supervisor:
        with supervisor.open_reports() as reader:
            ref = supervisor.start_child(ChildSpec("a", ends_on_none, capacity=2))
            ref.tell_nowait(1)
            assert await waiting(reader) == []
            ref.tell_nowait(2)
            assert await waiting(reader) == [DepthAlarm("a", 2, True)]
