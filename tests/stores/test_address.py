"""Stores by address."""

from pathlib import Path

import pytest

from adjourn.protocol.errors import InvalidParams
from adjourn.stores import MemoryStore, SqliteStore, open_store, shown_address
from adjourn.stores.testing import a_head


async def test_memory_is_a_memory_store() -> None:
    async with open_store("memory:") as store:
        assert isinstance(store, MemoryStore)


async def test_three_slashes_are_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    async with open_store("sqlite:///data/runs.db") as store:
        assert isinstance(store, SqliteStore)
        await store.save(a_head(), expected_version=0)
    assert (tmp_path / "data" / "runs.db").exists()


async def test_four_slashes_are_an_absolute_path(tmp_path: Path) -> None:
    async with open_store(f"sqlite:///{tmp_path}/runs.db"):
        pass
    assert (tmp_path / "runs.db").exists()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "memory",
        "memory://x",
        "runs.db",
        "sqlite:",
        "sqlite://",
        "sqlite://runs.db",
        "sqlite:///",
        "sqlite:////",
        "sqlite:///:memory:",
        "sqlite:///runs.db?mode=ro",
        "mysql://localhost/runs",
    ],
)
async def test_a_wrong_address_says_which_are_right(address: str) -> None:
    with pytest.raises(
        InvalidParams, match=r"memory: .* sqlite:///runs\.db .* sqlite:////var/lib/runs\.db .* postgresql://"
    ):
        async with open_store(address):
            pass


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("sqlite:///runs.db", "sqlite:///runs.db"),
        ("postgresql://ann@db/runs?sslmode=require", "postgresql://ann@db/runs?sslmode=require"),
        ("postgresql://ann:word@db:5433/runs", "postgresql://ann@db:5433/runs"),
        ("postgresql://db/runs?user=ann&password=word&sslpassword=word", "postgresql://db/runs?user=ann"),
        ("postgresql://:word@db/runs", "postgresql://db/runs"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert shown_address(address) == shown
