-- Removes node $1, and lets its runs go.
WITH gone AS (
    DELETE FROM adjourn_nodes WHERE id = $1::text
)
UPDATE adjourn_heads SET node = NULL WHERE node = $1::text
