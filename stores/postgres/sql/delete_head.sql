-- Node $3 deletes run $1 unless its epoch is above $2. Returns whether it did, if the run exists.
WITH found AS (
    SELECT id, epoch, data FROM adjourn_heads WHERE id = $1::text FOR UPDATE
), gone AS (
    DELETE FROM adjourn_heads AS head USING found WHERE head.id = found.id AND found.epoch <= $2::bigint
), told AS (
    INSERT INTO adjourn_changes (node, runs, deleted)
    SELECT $3::text, ARRAY[id], data FROM found WHERE epoch <= $2::bigint
)
SELECT epoch <= $2::bigint FROM found
