-- The nodes whose lease has not ended.
SELECT id, url FROM adjourn_nodes WHERE expires > now() ORDER BY id
