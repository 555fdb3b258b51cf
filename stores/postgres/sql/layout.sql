-- The tables of an adjourn store, layout 1. They are made in the first schema of the connection's search_path.
-- Heads and journal entries are JSON text in `data`. Columns beside it hold the fields that the store searches by.
CREATE TABLE adjourn_store (
    one integer PRIMARY KEY CHECK (one = 1),
    layout integer NOT NULL,
    epoch bigint NOT NULL,       -- of the current owner; 0: the store has had no owner yet
    owner text,                  -- the current owner's name, for people
    is_clean boolean NOT NULL    -- the owner has released the store, or it has had no owner yet
);
INSERT INTO adjourn_store VALUES (1, 1, 0, NULL, true);
CREATE TABLE adjourn_nodes (
    id text COLLATE "C" PRIMARY KEY,
    url text,                    -- where other nodes reach it
    expires timestamptz NOT NULL -- the end of its lease, by the server's clock
);
-- What nodes have saved or deleted lately, for the lists of the other nodes: a row a statement, removed when it is
-- two minutes old.
CREATE TABLE adjourn_changes (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT now(),
    node text COLLATE "C",       -- the node that made the change; NULL: it was made without nodes
    runs text[] COLLATE "C" NOT NULL,
    deleted text                 -- if the run, which is the only one then, was deleted: its head
);
CREATE INDEX adjourn_changes_by_xid ON adjourn_changes (xid);
CREATE TABLE adjourn_heads (
    id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    epoch bigint NOT NULL,
    node text COLLATE "C",       -- the node that owns the run; NULL: none, or the run was saved without nodes
    status text NOT NULL,
    agent text COLLATE "C" NOT NULL,
    waiting_since bigint,        -- ms; NULL: no call waits for a decision
    next_due bigint,             -- ms
    created_at bigint NOT NULL,  -- ms, of the first save; the one in `data` may differ
    entries bigint NOT NULL,     -- in the journal
    data text NOT NULL
) WITH (fillfactor = 70);        -- room for the next version of a head on its page, which then needs no new index entry
CREATE INDEX adjourn_heads_by_due ON adjourn_heads (next_due, id) WHERE next_due IS NOT NULL;
CREATE INDEX adjourn_heads_by_age ON adjourn_heads (created_at, id);
CREATE INDEX adjourn_heads_by_status ON adjourn_heads (status, created_at, id);
CREATE INDEX adjourn_heads_by_agent ON adjourn_heads (agent, created_at, id);
CREATE INDEX adjourn_heads_by_agent_and_status ON adjourn_heads (agent, status, created_at, id);
CREATE INDEX adjourn_heads_waiting ON adjourn_heads (created_at, id) WHERE waiting_since IS NOT NULL;
CREATE INDEX adjourn_heads_by_node ON adjourn_heads (node) WHERE node IS NOT NULL;
CREATE TABLE adjourn_journal (
    run_id text COLLATE "C" NOT NULL,
    n bigint NOT NULL,           -- from 0
    schema_version integer NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (run_id, n)
);
