"""The server's settings that decide whether it keeps what was saved. No tasks here."""

import logging

from coredis.exceptions import RedisError

from .connection import Connection

__all__ = ["WANTED", "warn_of_settings"]

_LOG = logging.getLogger("adjourn.stores")

WANTED = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


async def warn_of_settings(connection: Connection, where: str) -> None:
    """Log one warning if the server may lose saved runs. Says nothing if the user may not read the settings."""
    try:
        found = await connection.call("CONFIG GET", *WANTED)
    except RedisError:
        if not connection.is_alive():
            raise
        return
    missing = [f"{name} {value}" for name, value in WANTED.items() if found.get(name.encode()) != value.encode()]
    if missing:
        _LOG.warning("%s: saved runs may be lost, because the server lacks the settings %s", where, ", ".join(missing))
