-- The first $3 journal entries of run $1 from number $2 on.
SELECT n, schema_version, data FROM adjourn_journal
WHERE run_id = $1::text AND n >= $2::bigint ORDER BY n LIMIT $3::bigint
