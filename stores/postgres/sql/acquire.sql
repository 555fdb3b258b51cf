-- A new owner, $1. Returns its epoch, and whether the owner before it had released the store.
WITH before AS (SELECT is_clean FROM adjourn_store FOR UPDATE)
UPDATE adjourn_store SET epoch = epoch + 1, owner = $1::text, is_clean = false FROM before
RETURNING epoch, before.is_clean
