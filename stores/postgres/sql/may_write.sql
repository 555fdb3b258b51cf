-- The ownership, locked until the transaction ends: a change of owner waits.
SELECT epoch, is_clean FROM adjourn_store FOR SHARE
