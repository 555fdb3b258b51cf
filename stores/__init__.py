"""Where records live: the Store contract and its implementations. Storage only: nothing here knows what a run does."""

from .base import Page, Store, StoreClaims
from .memory import MemoryStore

__all__ = ["MemoryStore", "Page", "Store", "StoreClaims"]
