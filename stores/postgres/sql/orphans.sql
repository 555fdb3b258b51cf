-- Makes node $1 the owner of at most $3 running runs of the agents $2 that no live node owns. Nodes that ask at once get
-- different runs. About the array, see claim.sql. Unless $4 is NULL, also unfinished runs that the node owns already and
-- that are not among $4: an earlier call made it their owner, but its answer was lost.
WITH free AS (
    SELECT id, node FROM adjourn_heads
    WHERE agent = ANY ($2::text[]) AND (
        status = 'running'
            AND (node IS NULL OR node <> ALL (ARRAY (SELECT id FROM adjourn_nodes WHERE expires > now())))
        OR $4::text[] IS NOT NULL AND node = $1::text AND id <> ALL ($4::text[])
            AND status NOT IN ('completed', 'failed', 'aborted')
    )
    ORDER BY created_at LIMIT $3::bigint FOR UPDATE SKIP LOCKED
)
UPDATE adjourn_heads AS head SET node = $1::text, epoch = epoch + 1 FROM free WHERE head.id = free.id
RETURNING head.id, head.created_at, head.data, head.epoch, free.node IS NULL OR free.node = $1::text
