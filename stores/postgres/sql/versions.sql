SELECT id, version FROM adjourn_heads WHERE id = ANY ($1::text[])
