"""Records of every earlier schema version can be loaded; records of a later version are left unchanged.

`tests/vectors/records/v<n>-heads.json` and `-entries.json` hold what schema version n wrote: `stored` is frozen, never
edited. `loaded` is the same record loaded and encoded by the current version; without it, nothing changed.
"""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from adjourn.protocol.codec import digest
from adjourn.protocol.errors import RecordTooNew, StoreCorrupt
from adjourn.protocol.events import Outcome, Status
from adjourn.protocol.messages import ModelDescriptor
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.record import (
    MIGRATIONS,
    SCHEMA_VERSION,
    Entry,
    Head,
    InputEntry,
    MessageEntry,
    Migration,
    Phase,
    decode_entry,
    decode_head,
    encode_entry,
    encode_head,
)

RECORDS = Path(__file__).parent.parent / "vectors" / "records"
FROZEN = {
    "v1-heads.json": "053a5fb700374b42af4bd0440a735b545f6bffb79dd3be8b739f554c8b0e76ae",
    "v1-entries.json": "100747743603e1a16290157c12a0290d0512dcebc48ca98e6c75a881d928ed93",
    "v2-heads.json": "c112a67518c64899fbe5cba7cd45cac5d34544dbfd00d28389cc77f8548bf30c",
    "v2-entries.json": "cde912f0efa5ae8d12287fd8aa29cd836fca5e698a4d24fc71ef7e5b6e96b1ff",
    "v3-heads.json": "9ac4eef250955c8eb4f1985422f1aa53d0fe87b16682237924705f0ae1bf2d25",
    "v3-entries.json": "cde912f0efa5ae8d12287fd8aa29cd836fca5e698a4d24fc71ef7e5b6e96b1ff",
    "v4-heads.json": "d756e8ce5b20460d1df85053ec49e7222a8ea3cb711da4e75bbac073c1fe227b",
    "v4-entries.json": "8e2732913f5ea7341c45593129392837d0be7c503abdf5be3090adb85abf414a",
}


def cases(kind: str) -> list[Any]:
    """Return (version, stored, loaded) of every case in the corpus."""
    found: list[Any] = []
    for path in sorted(RECORDS.glob(f"v*-{kind}.json")):
        version = int(path.name.removeprefix("v").split("-")[0])
        for name, case in json.loads(path.read_text(encoding="utf-8")).items():
            loaded = case.get("loaded", case["stored"])
            found.append(pytest.param(version, case["stored"], loaded, id=f"v{version} {name}"))
    return found


def stored_of(kind: str) -> list[Any]:
    return [stored for _, stored, _ in values(kind)]


def values(kind: str) -> list[Any]:
    return [case.values for case in cases(kind)]


def as_json(value: object) -> bytes:
    return msgspec.json.encode(value)


@pytest.mark.parametrize(("version", "stored", "loaded"), cases("heads"))
def test_an_old_head_loads_for_ever(version: int, stored: Any, loaded: Any) -> None:
    assert stored["schemaVersion"] == version
    assert json.loads(encode_head(decode_head(as_json(stored)))) == loaded


@pytest.mark.parametrize(("version", "stored", "loaded"), cases("entries"))
def test_an_old_entry_loads_for_ever(version: int, stored: Any, loaded: Any) -> None:
    assert json.loads(encode_entry(decode_entry(as_json(stored), version))) == loaded


def test_stored_records_are_frozen() -> None:
    found = {
        path.name: digest({name: case["stored"] for name, case in json.loads(path.read_text(encoding="utf-8")).items()})
        for path in RECORDS.iterdir()
    }
    assert found == FROZEN


def test_every_version_has_a_corpus_and_a_way_to_the_present() -> None:
    versions = range(1, SCHEMA_VERSION + 1)
    assert {f"v{version}-{kind}.json" for version in versions for kind in ("heads", "entries")} == set(FROZEN)
    assert set(MIGRATIONS) == set(range(1, SCHEMA_VERSION))


def test_the_corpus_has_every_field_of_a_head_and_every_kind_of_entry() -> None:
    heads, entries = stored_of("heads"), stored_of("entries")
    written = {field.encode_name for field in msgspec.structs.fields(Head)}
    assert set().union(*heads) == written
    assert {head["status"] for head in heads} == {*get_args(Status)}
    assert {call.phase for head in heads for call in decode_head(as_json(head)).calls} == {*get_args(Phase)}
    assert {entry["kind"] for entry in entries} == {entry.__struct_config__.tag for entry in get_args(Entry)}
    assert {entry["outcome"] for entry in entries if entry["kind"] == "decision"} == {*get_args(Outcome)}


def test_the_corpus_has_every_field_of_all_that_a_record_holds() -> None:
    used: set[tuple[type, str]] = set()
    for head in stored_of("heads"):
        used |= fields_set(decode_head(as_json(head)))
    for version, stored, _ in values("entries"):
        used |= fields_set(decode_entry(as_json(stored), version))
    known = {(kind, field.name) for kind in structs_in(Head | Entry) for field in msgspec.structs.fields(kind)}
    assert known - used == {(ModelDescriptor, "headers"), (ModelOptions, "headers")}, "headers are never recorded"


def structs_in(annotation: Any) -> set[type[msgspec.Struct]]:
    """Return the structs that a value of this type may be or contain."""
    if not (isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)):
        return {each for inner in get_args(annotation) for each in structs_in(inner)}
    fields = msgspec.structs.fields(annotation)
    return {annotation, *(each for field in fields for each in structs_in(field.type))}


def fields_set(value: Any) -> set[tuple[type, str]]:
    """Return the fields that are written for a value and its nested values."""
    if isinstance(value, tuple):
        return {each for inner in value for each in fields_set(inner)}
    if not isinstance(value, msgspec.Struct):
        return set()
    written = json.loads(as_json(value)).keys()
    fields = [field for field in msgspec.structs.fields(type(value)) if field.encode_name in written]
    inner = {each for field in fields for each in fields_set(getattr(value, field.name))}
    return inner | {(type(value), field.name) for field in fields}


def test_an_old_record_means_what_it_meant() -> None:
    heads = {head["id"]: decode_head(as_json(head)) for head in stored_of("heads")}
    gated, _, started, *_ = heads["run-2"].calls
    assert (gated.phase, gated.due_at) == ("gated", 1760000600000)
    assert started.claim is not None
    assert started.claim.by == "kiosk"
    assert heads["run-2"].metadata == {"tenant": "acme", "tags": ["é", 1, None, {"deep": True}]}
    assert heads["run-3"].abort is not None
    assert heads["run-3"].abort.reason == "changed my mind"
    entries = [decode_entry(as_json(stored), 1) for version, stored, _ in values("entries") if version == 1]
    calls = [call for entry in entries if isinstance(entry, MessageEntry) for call in entry.message.calls]
    assert [call.arguments for call in calls] == [{"order_id": 7, "amount": 12.5, "notes": ["a", None, {"b": []}]}, {}]
    assert [call.raw_arguments for call in calls] == [None, '{"order_id": ']


def test_a_head_of_version_1_has_waited_since_its_last_save() -> None:
    heads = {head["id"]: decode_head(as_json(head)) for head in stored_of("heads")}
    parked, mixed, fresh = heads["run-2"], heads["parked-mixed"], heads["run-1"]
    saved = parked.updated_at
    assert [call.since for call in parked.calls] == [saved, saved, saved, None]  # gated, offered, claimed
    assert parked.waiting_since == saved
    assert (mixed.waiting_since, mixed.calls[0].since) == (mixed.updated_at, mixed.updated_at)
    assert (fresh.waiting_since, fresh.spec_digest) == (None, "")


def test_heads_of_version_3_list_calls_that_have_their_result_and_all_that_wait_for_a_slot() -> None:
    heads = [head for head in stored_of("heads") if head["schemaVersion"] == 3 and "calls" in head]
    assert {call["phase"] for head in heads for call in head["calls"]} == {*get_args(Phase), "done"}
    for head in heads:
        left = [call["id"] for call in head["calls"] if call["phase"] != "done"]
        read = decode_head(as_json(head))
        assert ([call.id for call in read.calls], read.ready_from) == (left, 0)


def test_tools_of_version_1_take_no_edits_and_read_their_own_noes() -> None:
    specs = [stored for version, stored, _ in values("entries") if version == 1 and stored["kind"] == "spec"]
    tools = [tool for spec in specs for tool in decode_entry(as_json(spec), 1).spec.tools]
    assert {(tool.approval, tool.editable) for tool in tools} == {(False, False)}
    assert any(tool.decision for tool in tools)


def test_a_record_of_version_2_keeps_edits_refusals_and_declined_claims() -> None:
    found = {}
    for case in cases("entries"):
        version, stored, _ = case.values
        if version == 2:
            found[case.id] = decode_entry(as_json(stored), version)
    edited, refused = found["v2 decision-edited"], found["v2 decision-refused"]
    assert (edited.arguments, edited.arguments_digest) == ({"n": 5, "to": "carl"}, digest({"n": 5, "to": "carl"}))
    assert (refused.outcome, refused.decision) == ("declined", {"approved": False, "reason": "too much"})
    assert found["v2 result-edited"].message.arguments == {"n": 5, "to": "carl"}
    assert found["v2 result-declined-claim"].declined
    by_name = {tool.name: tool for tool in found["v2 spec"].spec.tools}
    assert (by_name["refund"].approval, by_name["refund"].editable) == (True, ("to",))
    assert (by_name["wire"].approval, by_name["wire"].editable) == (False, True)


# The mechanism, on made-up versions: in version 0 the status was called `state`, in -1 it was a number.

OLD = {
    -1: Migration(
        head=lambda head: {**head, "state": ["running", "paused"][head["state"]]},
        entry=lambda entry: {**entry, "time": entry["time"] * 1000},
    ),
    0: Migration(
        head=lambda head: {**{key: value for key, value in head.items() if key != "state"}, "status": head["state"]},
        entry=lambda entry: {**{key: value for key, value in entry.items() if key != "time"}, "at": entry["time"]},
    ),
}
OLD_HEAD = {"schemaVersion": -1, "id": "run", "agent": "a", "nonce": "n", "state": 1, "version": 4}
OLD_ENTRY = {"kind": "input", "messages": [], "time": 5}


def test_migrations_are_applied_one_after_another() -> None:
    head = decode_head(as_json(OLD_HEAD), OLD, 1)
    assert head == Head(id="run", agent="a", nonce="n", status="paused", schema_version=1, version=4)
    assert decode_entry(as_json(OLD_ENTRY), -1, OLD, 1) == InputEntry(messages=(), at=5000)


def test_migrations_begin_where_the_record_is() -> None:
    newer = {**OLD_HEAD, "schemaVersion": 0, "state": "paused"}
    assert decode_head(as_json(newer), OLD, 1).status == "paused"
    assert decode_entry(as_json({**OLD_ENTRY, "time": 5000}), 0, OLD, 1) == InputEntry(messages=(), at=5000)
    assert decode_entry(as_json({"kind": "input", "messages": [], "at": 5000}), 1, OLD, 1) == InputEntry(
        messages=(), at=5000
    )


def test_a_migrated_head_is_of_the_present_version() -> None:
    head = decode_head(as_json(OLD_HEAD), OLD, 1)
    assert json.loads(encode_head(head))["schemaVersion"] == 1


def test_a_newer_record_is_left_alone() -> None:
    newer = SCHEMA_VERSION + 1
    with pytest.raises(RecordTooNew, match=f"schema version {newer}"):
        decode_head(as_json({"schemaVersion": newer, "anything": "else"}))
    with pytest.raises(RecordTooNew):
        decode_entry(b"{}", newer)


@pytest.mark.parametrize("version", [0, -1])
def test_a_version_that_never_was_is_corrupt(version: int) -> None:
    with pytest.raises(StoreCorrupt, match="no adjourn has ever used"):
        decode_head(as_json({**OLD_HEAD, "schemaVersion": version}))
    with pytest.raises(StoreCorrupt, match="no adjourn has ever used"):
        decode_entry(as_json(OLD_ENTRY), version)


NO_RECORDS = [b"", b"{", b"[]", b"{}", b"\xff", b'{"schemaVersion": 1}', b'{"schemaVersion": "1"}', b'{"id": "\xff"}']


@pytest.mark.parametrize("data", NO_RECORDS)
def test_bytes_that_are_no_record_are_corrupt(data: bytes) -> None:
    with pytest.raises(StoreCorrupt):
        decode_head(data)
    with pytest.raises(StoreCorrupt):
        decode_entry(data, 1)


@pytest.mark.parametrize(
    "missing", [{"schemaVersion": -1}, {"schemaVersion": -1, "state": 7}, {"schemaVersion": -1, "state": "x"}]
)
def test_an_old_record_that_a_migration_cant_make_sense_of_is_corrupt(missing: dict[str, Any]) -> None:
    with pytest.raises(StoreCorrupt):
        decode_head(as_json(missing), OLD, 1)
    with pytest.raises(StoreCorrupt):
        decode_entry(as_json({"kind": "input"}), -1, OLD, 1)


def test_nesting_beyond_all_bounds_is_corrupt() -> None:
    deep = b'{"schemaVersion": 1, "metadata": ' + b"[" * 100_000
    with pytest.raises(StoreCorrupt):
        decode_head(deep)
    with pytest.raises(StoreCorrupt):
        decode_entry(b'{"kind": "decision", "decision": ' + b"[" * 100_000, 1)
