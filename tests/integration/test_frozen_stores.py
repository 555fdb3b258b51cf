"""Whole stores, written by earlier versions in processes that were killed: they open, and their runs go on.

The JSON beside each store of `tests/vectors/stores/` has the expected runs. `frozen_runs.py` describes its format, and
`freeze_store.py` adds a store.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from frozen_media import FileMedium, Medium, PostgresMedium, ValkeyMedium, schema_versions
from frozen_runs import STORES, come_to, get, go_on, load, look
from runs import check_record

from adjourn.protocol.record import FINAL, SCHEMA_VERSION
from adjourn.stores import open_store
from adjourn.stores.address import open_rows
from adjourn.stores.checking import Fault, check_rows
from adjourn.stores.postgres.store import LAYOUT_VERSION as POSTGRES_LAYOUT
from adjourn.stores.sqlite_file import LAYOUT_VERSION as SQLITE_LAYOUT
from adjourn.stores.valkey.store import LAYOUT_VERSION as VALKEY_LAYOUT

FILES = {path.stem: path for path in sorted(STORES.iterdir()) if path.suffix != ".json"}
TOLD = {name: json.loads(path.with_suffix(".json").read_text(encoding="utf-8")) for name, path in FILES.items()}
LAYOUTS = {".sqlite3": SQLITE_LAYOUT, ".sql": POSTGRES_LAYOUT, ".jsonl": VALKEY_LAYOUT}


def marks(name: str) -> list[pytest.MarkDecorator]:
    """Return the marks of tests with a store: those with a server are slow."""
    return [] if FILES[name].suffix == ".sqlite3" else [pytest.mark.slow]


each_store = pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in FILES])
each_server = pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in FILES if marks(name)])
each_run = pytest.mark.parametrize(
    ("name", "run_id"),
    [
        pytest.param(name, run_id, marks=marks(name), id=f"{name} {run_id}")
        for name, told in TOLD.items()
        for run_id in told["runs"]
    ],
)


@pytest.fixture
def medium(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> Medium:
    """Where the frozen store is loaded."""
    match FILES[name].suffix:
        case ".sql":
            return PostgresMedium(request.getfixturevalue("postgres_server"))
        case ".jsonl":
            return ValkeyMedium(request.getfixturevalue("valkey_server"))
        case _:
            return FileMedium(tmp_path)


@pytest.fixture
def address(name: str, medium: Medium) -> str:
    """The address of a copy of the frozen store."""
    return medium.load(FILES[name].read_bytes())


def differences(found: Any, wanted: Any, where: str = "") -> list[str]:
    """Return where `found` differs from `wanted`. Additional fields in `found` are no difference."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        missing = [f"{where}/{key} is missing" for key in wanted if key not in found]
        shared = [key for key in wanted if key in found]
        return missing + [line for key in shared for line in differences(found[key], wanted[key], f"{where}/{key}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(found, wanted, strict=True))
        return [line for n, (one, other) in pairs for line in differences(one, other, f"{where}/{n}")]
    return [] if found == wanted and type(found) is type(wanted) else [f"{where} is {found!r}, not {wanted!r}"]


# The files.


def test_every_frozen_store_is_described() -> None:
    assert TOLD
    assert {path.stem for path in STORES.glob("*.json")} == set(FILES)


@each_store
async def test_a_frozen_store_stays_as_it_was_written(name: str, medium: Medium, address: str) -> None:
    told = TOLD[name]
    assert hashlib.sha256(FILES[name].read_bytes()).hexdigest() == told["sha256"]
    assert medium.layout(address) == told["layoutVersion"]
    assert await schema_versions(address) == {told["schemaVersion"]}


@pytest.mark.parametrize("suffix", LAYOUTS)
def test_the_present_layout_and_schema_have_a_frozen_store(suffix: str) -> None:
    told = [TOLD[name] for name, path in FILES.items() if path.suffix == suffix]
    frozen = {(each["layoutVersion"], each["schemaVersion"]) for each in told}
    assert (LAYOUTS[suffix], SCHEMA_VERSION) in frozen, "write one with tests/support/freeze_store.py"


# Opened.


@each_store
async def test_the_runs_of_a_frozen_store_look_as_before(name: str, address: str) -> None:
    told = TOLD[name]["runs"]
    found = await look(address)
    assert list(found) == list(told)
    assert differences(found, {run_id: run["seen"] for run_id, run in told.items()}) == []


@each_store
async def test_its_runs_are_found_by_what_they_are(name: str, address: str) -> None:
    told = TOLD[name]["runs"]
    snapshots = {run_id: run["seen"]["snapshot"] for run_id, run in told.items()}
    due = {run_id: run["seen"]["head"]["nextDue"] for run_id, run in told.items() if "nextDue" in run["seen"]["head"]}
    async with open_store(address) as store:

        async def ids(**filters: Any) -> list[str]:
            return [head.id for head in (await store.list(**filters)).heads]

        for field in ("status", "agent"):
            for value in {snapshot[field] for snapshot in snapshots.values()}:
                assert await ids(**{field: value}) == [run for run in told if snapshots[run][field] == value]
        assert await ids(waiting=True) == [run for run in told if waits_for_decision(snapshots[run])]
        found = [head.id for head in await store.due(max(due.values()))]
        assert found == sorted(due, key=lambda run_id: (due[run_id], run_id))


def waits_for_decision(snapshot: dict[str, Any]) -> bool:
    return any(call["kind"] == "decision" for call in snapshot["pending"])


@each_server
async def test_a_frozen_store_of_a_server_is_sound(name: str, address: str) -> None:
    faults: list[Fault] = []
    async with open_rows(address) as rows:
        assert await check_rows(rows, faults.append) == len(TOLD[name]["runs"])
    assert faults == []


@each_store
async def test_its_runs_can_be_read_without_their_agents(name: str, address: str) -> None:
    told = TOLD[name]
    found = await get(address, told["openAt"])
    assert list(found) == list(told["runs"])
    for run_id, run in told["runs"].items():
        if run["seen"]["head"].get("abort") and run["seen"]["snapshot"]["status"] not in FINAL:
            continue  # a requested abort finishes without the agent's code, at any moment
        assert differences(found[run_id], run["seen"]["snapshot"], run_id) == []


@each_run
async def test_a_run_goes_on(name: str, run_id: str, address: str) -> None:
    told = TOLD[name]["runs"][run_id]
    assert differences(await go_on(address, TOLD[name]["openAt"], run_id, told["steps"]), told["after"]) == []
    check_record(await load(address, run_id))


@each_store
async def test_actions_that_fell_due_while_the_store_was_closed_are_done(name: str, address: str) -> None:
    told = TOLD[name]["overdue"]
    wanted = {run_id: outcome and outcome["status"] for run_id, outcome in told.items()}
    assert differences(await come_to(address, TOLD[name]["overdueAt"], wanted), told) == []
