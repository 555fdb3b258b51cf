-- Makes node $2 the owner of run $1, unless the run is over or another live node owns it. Returns the new epoch, and
-- whether the owner before had let the run go.
WITH free AS (
    SELECT id, node FROM adjourn_heads AS head
    WHERE id = $1::text AND status NOT IN ('completed', 'failed', 'aborted') AND NOT EXISTS (
        SELECT FROM adjourn_nodes AS owner
        WHERE owner.id = head.node AND owner.id <> $2::text AND owner.expires > now()
    )
    FOR UPDATE
)
UPDATE adjourn_heads AS head SET node = $2::text, epoch = epoch + 1 FROM free WHERE head.id = free.id
RETURNING head.epoch, free.node IS NULL OR free.node = $2::text
