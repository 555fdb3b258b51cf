-- Makes node $2 the owner of run $1, unless the run is over or another live node owns it. Returns the new epoch, and
-- whether the owner before had let the run go.
-- An array of the live nodes, not a join with them: where the row was changed meanwhile, PostgreSQL checks the condition
-- again on the new row, but would take the joined rows as they were.
WITH free AS (
    SELECT id, node FROM adjourn_heads
    WHERE id = $1::text AND status NOT IN ('completed', 'failed', 'aborted') AND (
        node IS NULL OR node = $2::text
        OR node <> ALL (ARRAY (SELECT id FROM adjourn_nodes WHERE expires > now()))
    )
    FOR UPDATE
)
UPDATE adjourn_heads AS head SET node = $2::text, epoch = epoch + 1 FROM free WHERE head.id = free.id
RETURNING head.epoch, free.node IS NULL OR free.node = $2::text
