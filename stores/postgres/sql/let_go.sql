-- Node $1 lets runs go: $2 their ids, $3 the epochs with which it owns them.
UPDATE adjourn_heads AS head SET node = NULL
FROM unnest($2::text[], $3::bigint[]) AS given (id, epoch)
WHERE head.id = given.id AND head.epoch = given.epoch AND head.node = $1::text
