"""A store in a PostgreSQL database. Needs the extra `adjourn[postgres]`."""

from .store import PostgresStore, open_postgres

__all__ = ["PostgresStore", "open_postgres"]
