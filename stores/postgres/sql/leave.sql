-- Removes node $1, lets its runs go, and tells the other nodes.
WITH gone AS (
    DELETE FROM adjourn_nodes WHERE id = $1::text
), free AS (
    UPDATE adjourn_heads SET node = NULL WHERE node = $1::text
)
SELECT pg_notify('adjourn_' || 'adjourn_heads'::regclass::oid, 'left ' || $1::text)
