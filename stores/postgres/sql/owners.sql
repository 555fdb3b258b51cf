-- The live nodes that own these runs. A run that is over has no owner.
SELECT head.id, node.id, node.url
FROM adjourn_heads AS head JOIN adjourn_nodes AS node ON node.id = head.node
WHERE head.id = ANY ($1::text[]) AND node.expires > now() AND head.status NOT IN ('completed', 'failed', 'aborted')
