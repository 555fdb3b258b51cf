-- The numbers of journal entries without a head, of at most $1 runs.
SELECT run_id, count(*) FROM adjourn_journal AS entry
WHERE NOT EXISTS (SELECT FROM adjourn_heads WHERE id = entry.run_id) GROUP BY run_id LIMIT $1::bigint
