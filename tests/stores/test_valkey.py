"""The store in a Valkey server, on a real one: the Store contract, and what a server does to a store."""

from functools import partial

import pytest

from adjourn.stores import open_store
from adjourn.stores.testing import Clause, clauses_for
from adjourn.stores.valkey import ValkeyStore

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("clause", clauses_for(ValkeyStore.claims), ids=str)
async def test_valkey_keeps_the_contract(clause: Clause, valkey: str) -> None:
    await clause.check(partial(open_store, valkey))
