-- Deletes run $1 unless its epoch is above $2. Returns whether it did, if the run exists.
WITH found AS (
    SELECT id, epoch FROM adjourn_heads WHERE id = $1::text FOR UPDATE
), gone AS (
    DELETE FROM adjourn_heads AS head USING found WHERE head.id = found.id AND found.epoch <= $2::bigint
)
SELECT epoch <= $2::bigint FROM found
