-- A page of $6 heads, newest first: those with status $1, of agent $2, and with a waiting call if $3, below the place
-- ($4, $5). NULL: no such filter. The planner drops the filters that are NULL, and so finds the index.
SELECT created_at, id, data FROM adjourn_heads
WHERE ($1::text IS NULL OR status = $1::text)
    AND ($2::text IS NULL OR agent = $2::text)
    AND (NOT $3::boolean OR waiting_since IS NOT NULL)
    AND ($4::bigint IS NULL OR (created_at, id) < ($4::bigint, $5::text))
ORDER BY created_at DESC, id DESC LIMIT $6::bigint
