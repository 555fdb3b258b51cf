-- The next $2 runs after the id $1 that have journal entries, and whether each has no head. One probe of the index a run,
-- however many entries it has.
WITH RECURSIVE runs (id) AS (
    (SELECT run_id FROM adjourn_journal WHERE run_id > $1::text ORDER BY run_id LIMIT 1)
    UNION ALL
    SELECT (SELECT run_id FROM adjourn_journal WHERE run_id > runs.id ORDER BY run_id LIMIT 1)
    FROM runs WHERE runs.id IS NOT NULL
)
SELECT id, NOT EXISTS (SELECT FROM adjourn_heads AS head WHERE head.id = runs.id)
FROM runs WHERE id IS NOT NULL LIMIT $2::bigint
