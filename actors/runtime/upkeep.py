"""What can be done to a store that no system has open. For the command line, which knows no stores."""

from ...stores.sqlite_space import Compacted, compact_store

__all__ = ["Compacted", "compact_store"]
