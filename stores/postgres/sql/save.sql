-- Saves many runs, each once, and appends to their journals. Each run is saved whole or not at all. One statement, so one
-- round trip and one commit for all. Returns the ownership, and for each run its id, whether it was saved, and the epoch
-- that was stored before.
-- $1…$11: one array a field of the heads, with `entries` the number of new entries. $12…$15: the new entries of all runs:
-- the run's id, the entry's place among the run's new entries from 1, schema version and data. $16: the node that
-- saves, and owns runs saved for the first time.
-- The row lock makes saves wait for a change of owner that is under way, and the other way round.
WITH owner AS MATERIALIZED (
    SELECT epoch, is_clean FROM adjourn_store FOR SHARE
), given AS MATERIALIZED (
    SELECT head.* FROM unnest(
        $1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
        $9::bigint[], $10::bigint[], $11::text[]
    ) AS head (id, expected, version, epoch, status, agent, waiting_since, next_due, created_at, entries, data)
), allowed AS MATERIALIZED (
    SELECT given.* FROM given, owner
    -- Epoch 0 may write without an owner, for tests and tools.
    WHERE given.epoch > owner.epoch OR (given.epoch = owner.epoch AND (owner.epoch = 0 OR NOT owner.is_clean))
), changed AS (
    UPDATE adjourn_heads AS stored SET
        version = given.version, epoch = given.epoch, status = given.status, agent = given.agent,
        waiting_since = given.waiting_since, next_due = given.next_due, entries = stored.entries + given.entries,
        data = given.data
    FROM allowed AS given
    WHERE stored.id = given.id AND stored.version = given.expected AND given.expected <> 0
        AND stored.epoch <= given.epoch
    RETURNING stored.id, stored.entries - given.entries AS before
), added AS (
    INSERT INTO adjourn_heads
        (id, version, epoch, node, status, agent, waiting_since, next_due, created_at, entries, data)
    SELECT id, version, epoch, $16::text, status, agent, waiting_since, next_due, created_at, entries, data
    FROM allowed WHERE expected = 0
    ON CONFLICT (id) DO NOTHING
    RETURNING id, 0::bigint AS before
), saved AS (
    SELECT id, before FROM changed UNION ALL SELECT id, before FROM added
), appended AS (
    INSERT INTO adjourn_journal (run_id, n, schema_version, data)
    SELECT saved.id, saved.before + entry.place - 1, entry.schema_version, entry.data
    FROM saved JOIN unnest($12::text[], $13::bigint[], $14::integer[], $15::text[])
        AS entry (run_id, place, schema_version, data) ON entry.run_id = saved.id
), told AS (
    INSERT INTO adjourn_changes (node, runs) SELECT $16::text, array_agg(id) FROM saved HAVING count(*) > 0
)
SELECT owner.epoch, owner.is_clean, given.id, saved.id IS NOT NULL, stored.epoch
FROM owner, given LEFT JOIN saved ON saved.id = given.id LEFT JOIN adjourn_heads AS stored ON stored.id = given.id
