"""The Store contract as a test suite, for any store that anyone writes. Needs trio alone, no test framework.

    @pytest.mark.parametrize("clause", clauses_for(MyStore.claims), ids=str)
    async def test_contract(clause, tmp_path):
        await clause.check(lambda: open_my_store(tmp_path / "runs"))

`check_store` runs all of it at once. What a store claims (`StoreClaims`) decides which clauses it has to keep. A clause
takes an empty store, and doesn't depend on how fast it is. One that fails says what it expected, and a note on the
exception names it. A process killed in the middle of a save is beyond what runs inside a process: a durable store tests
that by itself.
"""

from collections.abc import Callable

from ..base import StoreClaims
from . import calls, cancelled, deadlines, journals, lists, owners, pages, races, reopening, values
from .contract import Clause, Opener, a_head, a_journal, next_head

__all__ = ["CLAUSES", "Clause", "Opener", "a_head", "a_journal", "check_store", "clauses_for", "next_head"]

_FILES = (calls, values, journals, lists, pages, deadlines, owners, races, cancelled, reopening)
CLAUSES: tuple[Clause, ...] = tuple(clause for each in _FILES for clause in each.CLAUSES)


def clauses_for(claims: StoreClaims) -> tuple[Clause, ...]:
    """The clauses that a store with these claims has to keep."""
    return tuple(clause for clause in CLAUSES if all(getattr(claims, need) for need in clause.needs))


async def check_store(new: Callable[[], Opener]) -> None:
    """Check all that the store claims. `new` gives the opener of another empty store each time.

    Raises: as `Clause.check`, from the first clause that is broken.
    """
    async with new()() as store:
        claims = store.claims
    for clause in clauses_for(claims):
        await clause.check(new())
