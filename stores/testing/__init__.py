"""The Store contract as a test suite, for any store that anyone writes. Needs trio alone, no test framework.

    @pytest.mark.parametrize("clause", clauses_for(MyStore.claims), ids=str)
    async def test_contract(clause, tmp_path):
        await clause.check(lambda: open_my_store(tmp_path / "runs"))

`check_store` runs all of it at once. A process killed in the middle of a save is beyond what runs inside a process: a
durable store tests that by itself.
"""

from collections.abc import Callable

from ..base import StoreClaims
from . import calls, lists, owners, races
from .contract import Clause, Opener, a_head, a_journal, next_head

__all__ = ["CLAUSES", "Clause", "Opener", "a_head", "a_journal", "check_store", "clauses_for", "next_head"]

CLAUSES: tuple[Clause, ...] = calls.CLAUSES + lists.CLAUSES + owners.CLAUSES + races.CLAUSES


def clauses_for(claims: StoreClaims) -> tuple[Clause, ...]:
    """The clauses that a store with these claims has to keep."""
    return tuple(clause for clause in CLAUSES if clause.needs is None or getattr(claims, clause.needs))


async def check_store(new: Callable[[], Opener]) -> None:
    """Check all that the store claims. `new` gives the opener of another empty store each time.

    Raises: AssertionError, from the first clause that is broken.
    """
    async with new()() as store:
        claims = store.claims
    for clause in clauses_for(claims):
        await clause.check(new())
