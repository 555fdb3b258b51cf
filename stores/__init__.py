"""Stores for the records of runs: the Store contract and its implementations. Storage only, nothing about running."""

from .address import open_store, shown_address
from .base import Acquired, Page, Store, StoreClaims
from .gil import thread_friendly
from .memory import MemoryStore
from .migrating import Migrated, migrate_runs
from .shared import Changed, Claimed, Hint, Node, Orphan, Owned, SharedStore
from .simple import SimpleBackend, SimpleStore
from .sqlite import SqliteStore
from .sqlite_space import Compacted, compact_store

__all__ = [
    "Acquired",
    "Changed",
    "Claimed",
    "Compacted",
    "Hint",
    "MemoryStore",
    "Migrated",
    "Node",
    "Orphan",
    "Owned",
    "Page",
    "SharedStore",
    "SimpleBackend",
    "SimpleStore",
    "SqliteStore",
    "Store",
    "StoreClaims",
    "compact_store",
    "migrate_runs",
    "open_store",
    "shown_address",
    "thread_friendly",
]
