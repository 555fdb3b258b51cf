DELETE FROM adjourn_heads WHERE id = $1::text
