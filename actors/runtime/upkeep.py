"""Maintenance of a store that no system has open. For the command line, which must not import `stores`."""

from ...stores.sqlite_space import Compacted, compact_store

__all__ = ["Compacted", "compact_store"]
