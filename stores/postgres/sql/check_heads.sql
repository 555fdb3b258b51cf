-- The next $2 heads after the id $1, with their columns.
SELECT id, entries, data, version, status, agent, waiting_since, next_due FROM adjourn_heads
WHERE id > $1::text ORDER BY id LIMIT $2::bigint
