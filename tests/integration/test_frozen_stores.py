"""Whole stores, written by earlier versions in processes that were killed: they open, and their runs go on.

The JSON beside each file of `tests/vectors/stores/` has the expected runs. `frozen_runs.py` describes its format, and
`freeze_store.py` adds a file.
"""

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from frozen_runs import STORES, come_to, get, go_on, load, look
from runs import check_record

from adjourn.protocol.record import FINAL, SCHEMA_VERSION
from adjourn.stores.sqlite_file import LAYOUT_VERSION

TOLD = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(STORES.glob("*.json"))}
RUNS = [(name, run_id) for name, told in TOLD.items() for run_id in told["runs"]]

each_store = pytest.mark.parametrize("name", TOLD)
each_run = pytest.mark.parametrize(("name", "run_id"), RUNS, ids=[" ".join(run) for run in RUNS])


def copied(name: str, folder: Path) -> Path:
    """Copy a frozen store, to open the copy."""
    return Path(shutil.copy(STORES / f"{name}.sqlite3", folder))


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


def versions(path: Path) -> tuple[int, set[int]]:
    """Return a store's layout and the schema versions of its records."""
    with closing(sqlite3.connect(path)) as connection:
        [layout] = connection.execute("PRAGMA user_version").fetchone()
        heads = connection.execute("SELECT json_extract(data, '$.schemaVersion') FROM heads").fetchall()
        tables = ["journal"] if layout < 3 else ["journal", "specs"]
        entries = [row for table in tables for row in connection.execute(f"SELECT schema_version FROM {table}")]
    return layout, {version for (version,) in heads + entries}


# The files.


def test_every_frozen_store_is_described() -> None:
    assert TOLD
    assert {path.name for path in STORES.iterdir()} == {
        f"{name}.{kind}" for name in TOLD for kind in ("json", "sqlite3")
    }


@each_store
def test_a_frozen_store_stays_as_it_was_written(name: str, tmp_path: Path) -> None:
    told = TOLD[name]
    assert hashlib.sha256((STORES / f"{name}.sqlite3").read_bytes()).hexdigest() == told["sha256"]
    assert versions(copied(name, tmp_path)) == (told["layoutVersion"], {told["schemaVersion"]})


def test_the_present_layout_and_schema_have_a_frozen_store() -> None:
    frozen = {(told["layoutVersion"], told["schemaVersion"]) for told in TOLD.values()}
    assert (LAYOUT_VERSION, SCHEMA_VERSION) in frozen, "write one with tests/support/freeze_store.py"


# Opened.


@each_store
async def test_the_runs_of_a_frozen_store_look_as_before(name: str, tmp_path: Path) -> None:
    told = TOLD[name]["runs"]
    found = await look(copied(name, tmp_path))
    assert list(found) == list(told)
    assert differences(found, {run_id: run["seen"] for run_id, run in told.items()}) == []


@each_store
async def test_its_runs_can_be_read_without_their_agents(name: str, tmp_path: Path) -> None:
    told = TOLD[name]
    found = await get(copied(name, tmp_path), told["openAt"])
    assert list(found) == list(told["runs"])
    for run_id, run in told["runs"].items():
        if run["seen"]["head"].get("abort") and run["seen"]["snapshot"]["status"] not in FINAL:
            continue  # a requested abort finishes without the agent's code, at any moment
        assert differences(found[run_id], run["seen"]["snapshot"], run_id) == []


@each_run
async def test_a_run_goes_on(name: str, run_id: str, tmp_path: Path) -> None:
    path, told = copied(name, tmp_path), TOLD[name]["runs"][run_id]
    assert differences(await go_on(path, TOLD[name]["openAt"], run_id, told["steps"]), told["after"]) == []
    check_record(await load(path, run_id))


@each_store
async def test_actions_that_fell_due_while_the_store_was_closed_are_done(name: str, tmp_path: Path) -> None:
    told = TOLD[name]["overdue"]
    wanted = {run_id: outcome and outcome["status"] for run_id, outcome in told.items()}
    assert differences(await come_to(copied(name, tmp_path), TOLD[name]["overdueAt"], wanted), told) == []
