"""The table layout of an adjourn store's SQLite file, its version in the header, and migrations. No runs here."""

import sqlite3

from ..protocol.errors import StoreCorrupt, StoreTooNew

__all__ = ["LAYOUT_VERSION", "lay_out", "layout_of", "migrate"]

APPLICATION_ID = 0x61646A6E  # "adjn": marks the file as an adjourn store, in its header
LAYOUT_VERSION = 2  # `user_version` in the header

# Heads and journal entries are JSON text in `data`. Columns beside it hold the fields that the store searches by.
_LAYOUT = """
CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL,              -- of the present owner
    owner TEXT,                          -- who that is, for people
    is_clean INTEGER NOT NULL DEFAULT 0  -- 1: it has left in order, or there never was one
);
INSERT INTO store VALUES (1, 0, NULL, 1);
CREATE TABLE heads (
    id TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    status TEXT NOT NULL,
    next_due INTEGER,                -- ms
    created_at INTEGER NOT NULL,     -- ms
    entries INTEGER NOT NULL,        -- in the journal
    data TEXT NOT NULL,
    agent TEXT NOT NULL DEFAULT '',
    waiting_since INTEGER            -- ms; NULL: no call waits for a decision
) WITHOUT ROWID;
CREATE INDEX heads_by_due ON heads (next_due, id) WHERE next_due IS NOT NULL;
-- One for each combination of filters in `Store.list`.
CREATE INDEX heads_by_age ON heads (created_at, id);
CREATE INDEX heads_by_status ON heads (status, created_at, id);
CREATE INDEX heads_by_agent ON heads (agent, created_at, id);
CREATE INDEX heads_by_agent_and_status ON heads (agent, status, created_at, id);
CREATE INDEX waiting_by_age ON heads (created_at, id) WHERE waiting_since IS NOT NULL;
CREATE INDEX waiting_by_status ON heads (status, created_at, id) WHERE waiting_since IS NOT NULL;
CREATE INDEX waiting_by_agent ON heads (agent, created_at, id) WHERE waiting_since IS NOT NULL;
CREATE INDEX waiting_by_agent_and_status ON heads (agent, status, created_at, id) WHERE waiting_since IS NOT NULL;
CREATE TABLE journal (
    run_id TEXT NOT NULL,
    n INTEGER NOT NULL,  -- from 0
    schema_version INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (run_id, n)
) WITHOUT ROWID;
"""

# In a head of schema version 1, a gated call waits for a decision, and has waited since the last save or longer. How
# the last owner stopped is unknown: assume a crash, unless the store never had an owner.
_FROM_1 = """
ALTER TABLE store ADD COLUMN is_clean INTEGER NOT NULL DEFAULT 0;
UPDATE store SET is_clean = 1 WHERE epoch = 0;
ALTER TABLE heads ADD COLUMN agent TEXT NOT NULL DEFAULT '';
ALTER TABLE heads ADD COLUMN waiting_since INTEGER;
UPDATE heads SET
    agent = coalesce(json_extract(data, '$.agent'), ''),
    waiting_since = CASE
        WHEN status NOT IN ('completed', 'failed', 'aborted') AND EXISTS (
            SELECT 1 FROM json_each(data, '$.calls') AS call
            WHERE CASE call.type WHEN 'object' THEN json_extract(call.value, '$.phase') END = 'gated'
        ) THEN coalesce(json_extract(data, '$.updatedAt'), created_at)
    END
WHERE json_valid(data);
CREATE INDEX heads_by_agent ON heads (agent, created_at, id);
CREATE INDEX heads_by_agent_and_status ON heads (agent, status, created_at, id);
CREATE INDEX waiting_by_age ON heads (created_at, id) WHERE waiting_since IS NOT NULL;
CREATE INDEX waiting_by_status ON heads (status, created_at, id) WHERE waiting_since IS NOT NULL;
CREATE INDEX waiting_by_agent ON heads (agent, created_at, id) WHERE waiting_since IS NOT NULL;
CREATE INDEX waiting_by_agent_and_status ON heads (agent, status, created_at, id) WHERE waiting_since IS NOT NULL;
"""

# MIGRATIONS[n] leads from layout n to n + 1. Never remove one. A migration must not fail on damaged heads, and needs no
# more memory than SQLite's page cache, whatever the number of runs.
MIGRATIONS: dict[int, str] = {1: _FROM_1}


def layout_of(connection: sqlite3.Connection, path: str) -> int:
    """Return the file's layout version; 0 for a new file.

    Raises:
        StoreTooNew: a newer adjourn made the file.
        StoreCorrupt: another program made the file, or no adjourn has ever used its layout version.
    """
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application_id != APPLICATION_ID:
        if application_id or layout or tables:
            raise StoreCorrupt(f"{path} is an SQLite database of another program", path=path)
        return 0
    if layout > LAYOUT_VERSION:
        raise StoreTooNew(f"{path} has layout {layout}; this adjourn reads up to {LAYOUT_VERSION}", path=path)
    if layout < 1:
        raise StoreCorrupt(f"{path} has layout {layout}, which no adjourn has ever used", path=path)
    return layout


def lay_out(connection: sqlite3.Connection) -> None:
    """Create the tables in a new file. If the process dies meanwhile, the file stays empty, that is, new."""
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # works only in a new file; lets freed pages be given back
    _execute(connection, _LAYOUT, f"PRAGMA application_id = {APPLICATION_ID};")


def migrate(connection: sqlite3.Connection, layout: int) -> None:
    """Migrate the tables from an older layout to the current one. If the process dies meanwhile, the old one stays."""
    _execute(connection, *[MIGRATIONS[n] for n in range(layout, LAYOUT_VERSION)])
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log has all rewritten pages: shrink it


def _execute(connection: sqlite3.Connection, *scripts: str) -> None:
    # One transaction. If a statement fails, closing the connection rolls it back.
    version = f"PRAGMA user_version = {LAYOUT_VERSION};"
    connection.executescript("\n".join(["BEGIN IMMEDIATE;", *scripts, version, "COMMIT;"]))
