"""What the command line needs of stores, which it must not import: upkeep, and an address without its password."""

from ...stores.address import shown_address
from ...stores.sqlite_space import Compacted, compact_store

__all__ = ["Compacted", "compact_store", "shown_address"]
