"""The Store contract as a test suite for any store. Needs only trio, no test framework.

    @pytest.mark.parametrize("clause", clauses_for(MyStore.claims), ids=str)
    async def test_contract(clause, tmp_path):
        await clause.check(lambda: open_my_store(tmp_path / "runs"))

`check_store` runs everything at once. A store's claims (`StoreClaims`) decide which clauses apply to it. A clause takes
an empty store, and does not depend on speed. A failed clause says what it expected, and a note on the exception names
it. Not covered: a process killed during a save; a durable store needs its own test for that.
"""

from collections.abc import Callable

from ..base import StoreClaims
from . import calls, cancelled, changes, deadlines, journals, lists, nodes, owners, pages, races, reopening, values
from .contract import Clause, Opener, a_head, a_journal, next_head

__all__ = ["CLAUSES", "Clause", "Opener", "a_head", "a_journal", "check_store", "clauses_for", "next_head"]

_FILES = (calls, values, journals, lists, pages, deadlines, owners, nodes, changes, races, cancelled, reopening)
CLAUSES: tuple[Clause, ...] = tuple(clause for each in _FILES for clause in each.CLAUSES)


def clauses_for(claims: StoreClaims) -> tuple[Clause, ...]:
    """Returns the clauses that apply to a store with these claims."""
    return tuple(clause for clause in CLAUSES if all(getattr(claims, need) for need in clause.needs))


async def check_store(new: Callable[[], Opener]) -> None:
    """Checks everything that the store claims. Each call of `new` returns the opener of another empty store.

    Raises: as `Clause.check`, from the first broken clause.
    """
    async with new()() as store:
        claims = store.claims
    for clause in clauses_for(claims):
        await clause.check(new())
