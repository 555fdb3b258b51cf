-- The owner with epoch $1 releases the store. Returns a row if it is the current owner.
UPDATE adjourn_store SET is_clean = true WHERE epoch = $1::bigint AND epoch > 0 RETURNING epoch
