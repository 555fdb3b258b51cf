"""A store in a Valkey or Redis server. Needs the extra `adjourn[valkey]`."""

from .store import ValkeyStore, open_valkey, open_valkey_rows

__all__ = ["ValkeyStore", "open_valkey", "open_valkey_rows"]
