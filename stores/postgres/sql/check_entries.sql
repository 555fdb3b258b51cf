SELECT count(*) FROM adjourn_journal WHERE run_id = $1::text
