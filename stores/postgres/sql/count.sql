SELECT count(*) FROM adjourn_heads WHERE status = $1::text
