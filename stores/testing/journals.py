"""The Store contract for long journals and large entries: up to a run's default limits."""

from ...protocol.errors import VersionConflict
from ...protocol.messages import AssistantMessage, Text, user
from ...protocol.record import Call, InputEntry, Limits, MessageEntry, Record
from .calling import error_of
from .contract import Clause, Opener, a_head, a_journal, a_long_journal, clause, next_head
from .expecting import expect_record

__all__ = ["CLAUSES"]

LONG = 10_500  # finds a store that returns at most 10,000 at once


@clause()
async def a_long_journal_comes_back_in_order(opener: Opener) -> None:
    journal = a_long_journal(LONG)
    head, done = a_head(version=0), 0
    async with opener() as store:
        for ends in (1, 12, 12, 113, 1_213, LONG):  # the third save appends nothing
            head = next_head(head)
            await store.save(head, list(journal[done:ends]), expected_version=head.version - 1)
            done = ends
            if done < 200:
                expect_record(await store.load("run"), Record(head=head, journal=journal[:done]), f"{done} entries")
        expect_record(await store.load("run"), Record(head=head, journal=journal), "entries in the order of the saves")


@clause()
async def a_long_journal_is_deleted_whole(opener: Opener) -> None:
    anew = Record(head=a_head(), journal=a_long_journal(2))
    async with opener() as store:
        await store.save(a_head(), a_long_journal(LONG), expected_version=0)
        await store.delete("run", epoch=0)
        assert await store.load("run") is None, "a deleted run is not loaded"
        await store.save(anew.head, anew.journal, expected_version=0)
        expect_record(await store.load("run"), anew, "a new run under the same id")


@clause()
async def a_large_entry_comes_back_whole(opener: Opener) -> None:
    largest = Limits().max_input_bytes
    texts = ["x" * (2**16 - 1), "é" * 2**16, "\x00" * 2**16, "xyz " * 2**18, "é" * (largest // 2)]
    journal = tuple(MessageEntry(message=AssistantMessage(content=(Text(text=text),))) for text in texts)
    journal = (InputEntry(messages=(user("x" * largest, 1),), at=1), *journal)
    head = a_head()
    async with opener() as store:
        await store.save(head, journal[:3], expected_version=0)
        await store.save(next_head(head), journal[3:], expected_version=1)
        whole = Record(head=next_head(head), journal=journal)
        expect_record(await store.load("run"), whole, f"entries of up to {largest} bytes")


@clause()
async def a_large_head_comes_back_whole(opener: Opener) -> None:
    calls = tuple(Call(id=f"call-{n}", name="refund", index=n, phase="gated", due_at=n) for n in range(1_500))
    head = a_head(calls=calls, metadata={"text": "x" * 2**16}, next_due=1)
    async with opener() as store:
        await store.save(head, expected_version=0)
        expect_record(await store.load("run"), Record(head=head, journal=()), "a head of 1,500 open calls")
        assert (await store.list()).heads == await store.due(1) == (head,), "list and due return the same head"


@clause()
async def what_a_refused_save_would_append_never_comes_up(opener: Opener) -> None:
    head = a_head()
    async with opener() as store:
        await store.save(head, a_journal(), expected_version=0)
        error = await error_of(store.save(next_head(head), a_long_journal(2_000), expected_version=2))
        assert isinstance(error, VersionConflict), "expected version 2, stored is 1"
        await store.save(next_head(head), a_long_journal(3, start=7_000), expected_version=1)
        whole = Record(head=next_head(head), journal=a_journal() + a_long_journal(3, start=7_000))
        expect_record(await store.load("run"), whole, "only the entries of accepted saves")


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
