-- The run $1: its head first, as number -1, then its journal. One statement, so one state of the store.
SELECT -1 AS n, entries, created_at, data FROM adjourn_heads WHERE id = $1::text
UNION ALL
SELECT n, schema_version, NULL, data FROM adjourn_journal WHERE run_id = $1::text
ORDER BY n
