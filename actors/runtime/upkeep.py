"""What the command line needs of stores, which it must not import: upkeep, and an address without its password."""

from collections.abc import Callable

from ...protocol.errors import InvalidParams
from ...stores.address import open_rows, open_store, shown_address
from ...stores.checking import Fault, check_rows
from ...stores.migrating import Migrated, migrate_runs
from ...stores.sqlite_space import Compacted, compact_store
from .watchdog import watched

__all__ = ["Compacted", "Fault", "Migrated", "check_store", "compact_store", "migrate_store", "shown_address"]

STORE_S = 60  # how long a call of a store may take


async def check_store(
    address: str, tell: Callable[[Fault], None], progress: Callable[[int], None] | None = None
) -> int:
    """Check the store at this address, and change nothing. Calls `tell` with each fault as it is found, and `progress`
    with the number of runs checked so far.

    The store may be in use. The check sees its state at the start; in a Valkey store, each run in its state when read.

    Returns: the number of runs.
    Raises: as `open_rows`.
    """
    async with open_rows(address) as rows:
        return await check_rows(rows, tell, progress)


async def migrate_store(
    source: str, target: str, *, merge: bool = False, progress: Callable[[Migrated], None] | None = None
) -> Migrated:
    """Copy all runs of the store at the address `source` to the one at `target`, which is created if it doesn't exist.

    Raises: as `open_store` and `migrate_runs`; InvalidParams for the same address twice, and for `memory:`.
    """
    if source == target or "memory:" in (source, target):
        raise InvalidParams(
            "expected the addresses of two different stores, each sqlite:///…, postgresql://… or valkey://…"
        )
    async with (
        open_store(source, create=False) as one,
        open_store(target) as two,
        watched(one, STORE_S),
        watched(two, STORE_S),
    ):
        return await migrate_runs(one, two, merge=merge, progress=progress)
