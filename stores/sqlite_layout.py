"""The table layout of an adjourn store's SQLite file, its version in the header, and migrations. No runs here."""

import sqlite3

from ..protocol.errors import StoreCorrupt, StoreTooNew

__all__ = ["LAYOUT_VERSION", "lay_out", "layout_of", "migrate"]

APPLICATION_ID = 0x61646A6E  # "adjn": marks the file as an adjourn store, in its header
LAYOUT_VERSION = 3  # `user_version` in the header

# Heads and journal entries are JSON text in `data`. Columns beside it hold the fields that the store searches by.
#
# All runs append to the end of `journal`, so the saves of a group fill few pages. Runs of one agent begin with the same
# spec, which `specs` holds once. The keys are integers, because a table with a text key moves rows of more than 1,000
# bytes to pages of their own; one with an integer key moves rows of more than 4,000. There are few indexes, because a
# change of a run's status rewrites them; `sqlite_reads.page` merges several ranges of one.
_LAYOUT = """
CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL,              -- of the present owner
    owner TEXT,                          -- who that is, for people
    is_clean INTEGER NOT NULL DEFAULT 0  -- 1: it has left in order, or there never was one
);
INSERT INTO store VALUES (1, 0, NULL, 1);
CREATE TABLE heads (
    n INTEGER PRIMARY KEY,           -- the run's number in `journal`
    id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    status TEXT NOT NULL,
    agent TEXT NOT NULL,
    waiting_since INTEGER,           -- ms; NULL: no call waits for a decision
    next_due INTEGER,                -- ms
    created_at INTEGER NOT NULL,     -- ms
    spec INTEGER,                    -- entry 0 is this row of `specs`; NULL: `journal` has entry 0
    entries INTEGER NOT NULL,        -- in the run's journal
    data TEXT NOT NULL
);
CREATE TABLE specs (
    n INTEGER PRIMARY KEY,
    digest TEXT NOT NULL,            -- SHA-256 of `data`, hex
    schema_version INTEGER NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (digest, schema_version)
);
CREATE TABLE journal (
    at INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,            -- `heads.n`
    n INTEGER NOT NULL,              -- from 0
    schema_version INTEGER NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX heads_by_due ON heads (next_due, id) WHERE next_due IS NOT NULL;
CREATE INDEX heads_by_status ON heads (status, waiting_since IS NOT NULL, created_at, id);
CREATE INDEX heads_by_agent ON heads (agent, status, waiting_since IS NOT NULL, created_at, id);
CREATE INDEX heads_by_spec ON heads (spec) WHERE spec IS NOT NULL;
CREATE UNIQUE INDEX journal_by_run ON journal (run, n);
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

# Layout 3 numbered the runs. The runs of earlier layouts keep their specs in their journals.
_FROM_2 = """
ALTER TABLE heads RENAME TO old_heads;
ALTER TABLE journal RENAME TO old_journal;
CREATE TABLE heads (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    status TEXT NOT NULL,
    agent TEXT NOT NULL,
    waiting_since INTEGER,
    next_due INTEGER,
    created_at INTEGER NOT NULL,
    spec INTEGER,
    entries INTEGER NOT NULL,
    data TEXT NOT NULL
);
CREATE TABLE specs (
    n INTEGER PRIMARY KEY,
    digest TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (digest, schema_version)
);
CREATE TABLE journal (
    at INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    n INTEGER NOT NULL,
    schema_version INTEGER NOT NULL,
    data TEXT NOT NULL
);
INSERT INTO heads (id, version, epoch, status, agent, waiting_since, next_due, created_at, entries, data)
    SELECT id, version, epoch, status, agent, waiting_since, next_due, created_at, entries, data
    FROM old_heads ORDER BY created_at, id;
INSERT INTO journal (run, n, schema_version, data)
    SELECT heads.n, old_journal.n, old_journal.schema_version, old_journal.data
    FROM old_journal CROSS JOIN heads ON heads.id = old_journal.run_id;
DROP TABLE old_heads;
DROP TABLE old_journal;
CREATE INDEX heads_by_due ON heads (next_due, id) WHERE next_due IS NOT NULL;
CREATE INDEX heads_by_status ON heads (status, waiting_since IS NOT NULL, created_at, id);
CREATE INDEX heads_by_agent ON heads (agent, status, waiting_since IS NOT NULL, created_at, id);
CREATE INDEX heads_by_spec ON heads (spec) WHERE spec IS NOT NULL;
CREATE UNIQUE INDEX journal_by_run ON journal (run, n);
"""

# MIGRATIONS[n] leads from layout n to n + 1. Never remove one. A migration must not fail on damaged heads, and needs no
# more memory than SQLite's page cache, whatever the number of runs.
MIGRATIONS: dict[int, str] = {1: _FROM_1, 2: _FROM_2}


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
