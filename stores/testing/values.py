"""The Store contract for values: ids of every form, and numbers and texts at their limits."""

from typing import Any

from ...protocol.codec import MAX_DEPTH, MAX_INT, canonical_json
from ...protocol.messages import AssistantMessage, Text, ToolCall
from ...protocol.record import DecisionEntry, Entry, MessageEntry, Record
from .calling import all_pages, save_all
from .contract import Clause, Opener, a_head, clause, next_head
from .expecting import expect_record
from .filled import every_entry, full_head

__all__ = ["CLAUSES", "IDS", "VALUES"]

# Run ids are 1 to 128 letters, digits, _ and -.
IDS = (
    *("a", "A", "aa", "aA", "Aa", "AA"),  # case matters
    *("a_b", "axb", "a-b", "ab", "a__", "___", "_", "-", "--", "-a", "a-"),  # no character is a wildcard
    *("run", "run-1", "run-10", "run-1-0", "run_1", "run1", "1-run"),  # no prefix stands for the whole id
    *("0", "00", "7", "007", "-7", "1e3", "1000", "0x10", "16", "1_000", "9" * 30),  # all are text, not numbers
    *("null", "None", "true", "NaN", "__proto__"),
    *("x" * 128, "x" * 127, "x" * 127 + "X", "x" * 127 + "y", "-" * 128),
)


def _nested(levels: int) -> Any:
    return [_nested(levels - 1)] if levels else "the end"


# The whole value domain of `protocol.codec`.
VALUES: dict[str, Any] = {
    "empty": [None, "", [], {}, [[]], [{}], {"": {"": ""}}],
    "plain": [True, False, 1, 0, -1],
    "integers": [MAX_INT, -MAX_INT, MAX_INT - 1, 2**31, -(2**31), 2**32, 10**15],
    "floats": [0.1, 1 / 3, -2.5e-8, 5e-324, 1.7976931348623157e308, 123456789.12345678, 1e21],
    "texts": ["\x00", "a\x00b", "\x01\x1f\x7f", '"', "\\", "\\u0041", "/", "%_*?", "'; --", " a ", "\t\r\n", "a\n"],
    "unicode": ["é", "e\u0301", "ß", "İ", "\u2028\u2029", "\ufeff", "\uffff", "\ufffd", "\U0010ffff", "👩\u200d👧"],
    "not text": ["null", "true", "1", "1.0", "NaN", "2025-11-28", "{}", "[]"],
    "keys": {"": 1, " ": 2, "a.b": 3, "$set": 4, "a\x00b": 5, "A": 6, "a": 7, "é": 8, "e\u0301": 9, "1": 10},
    "deep": _nested(MAX_DEPTH - 1),  # inside an object
}


@clause()
async def ids_are_told_apart_whatever_they_look_like(opener: Opener) -> None:
    records = {run_id: _record_of(run_id) for run_id in IDS}
    async with opener() as store:
        await save_all(store, [record.head for record in records.values()])
        for record in list(records.values()):
            record = records[record.head.id] = Record(head=next_head(record.head), journal=record.journal)
            await store.save(record.head, record.journal, expected_version=1)
        found = [head.id for head in await all_pages(store, 7)]
        assert found == sorted(IDS, reverse=True), f"with equal createdAt, ordered by the id's characters; got {found}"
        for run_id in IDS[::3]:
            await store.delete(run_id, epoch=0)
            del records[run_id]
        for run_id in IDS:
            if record := records.get(run_id):
                expect_record(await store.load(run_id), record, "a run that was not deleted")
            else:
                assert await store.load(run_id) is None, f"run {run_id} is deleted"
        found = {head.id for head in await all_pages(store, 7)}
        assert found == set(records), "no other run was deleted"


@clause()
async def values_come_back_from_the_edges_of_their_domain(opener: Opener) -> None:
    head = a_head(metadata=VALUES)
    journal: tuple[Entry, ...] = (
        MessageEntry(message=AssistantMessage(content=(ToolCall(id="call-1", name="refund", arguments=VALUES),))),
        DecisionEntry(tool_call_id="call-1", outcome="decided", at=MAX_INT, args_digest="", decision=VALUES),
    )
    async with opener() as store:
        await store.save(head, journal, expected_version=0)
        record = await store.load("run")
        listed = (await store.list()).heads
    expect_record(record, Record(head=head, journal=journal), "values of every kind")
    assert record is not None
    message, decided = record.journal
    assert isinstance(message, MessageEntry)
    assert isinstance(decided, DecisionEntry)
    places = (record.head.metadata, listed[0].metadata, message.message.calls[0].arguments, decided.decision)
    for place, found in zip(("load's metadata", "list's metadata", "arguments", "a decision"), places, strict=True):
        for kind, value in VALUES.items():  # == takes True for 1, canonical JSON doesn't
            assert canonical_json(found[kind]) == canonical_json(value), f"{kind} values in {place}: {found[kind]!r}"


@clause()
async def every_field_comes_back(opener: Opener) -> None:
    record = Record(head=full_head("run"), journal=every_entry())
    async with opener() as store:
        await store.save(record.head, record.journal, expected_version=0)
        expect_record(await store.load("run"), record, "a record with every field")
        assert (await store.list()).heads == await store.due(MAX_INT) == (record.head,), (
            "list and due return whole heads"
        )


@clause()
async def an_empty_text_is_not_an_absent_one(opener: Opener) -> None:
    async with opener() as store:
        for run_id, text in (("empty", ""), ("absent", None)):
            head = a_head(run_id, agent="", owner=text, reason=text, model_call=text, metadata={"text": text})
            entry = DecisionEntry(tool_call_id="", outcome="declined", at=0, args_digest="", by=text, reason=text)
            await store.save(head, (entry,), expected_version=0)
            expect_record(await store.load(run_id), Record(head=head, journal=(entry,)), f"{run_id} texts")
            assert head in (await store.list(agent="")).heads, "an empty agent name can be filtered for"


def _record_of(run_id: str) -> Record:
    message = MessageEntry(message=AssistantMessage(content=(Text(text=run_id),)))
    decided = DecisionEntry(tool_call_id=run_id, outcome="decided", at=1, args_digest="d")
    return Record(head=a_head(run_id, metadata={"id": run_id}), journal=(message, decided))


CLAUSES = tuple(value for value in list(globals().values()) if isinstance(value, Clause))
