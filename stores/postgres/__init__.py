"""A store in a PostgreSQL database. Needs the extra `adjourn[postgres]`."""

from .store import PostgresStore, open_postgres, open_postgres_rows

__all__ = ["PostgresStore", "open_postgres", "open_postgres_rows"]
