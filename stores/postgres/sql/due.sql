-- The next $4 heads that are due at $1, earliest first, after the place ($2, $3).
SELECT next_due, id, created_at, data FROM adjourn_heads
WHERE next_due <= $1::bigint AND (next_due, id) > ($2::bigint, $3::text)
ORDER BY next_due, id LIMIT $4::bigint
