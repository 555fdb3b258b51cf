-- After the head, in the same transaction but a statement of its own: it then sees what saves appended that the deletion
-- of the head had to wait for.
DELETE FROM adjourn_journal WHERE run_id = $1::text
