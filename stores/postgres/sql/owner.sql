-- The owner of run $1, if the run is not over and its owner is a node.
SELECT head.node, owner.url FROM adjourn_heads AS head JOIN adjourn_nodes AS owner ON owner.id = head.node
WHERE head.id = $1::text AND status NOT IN ('completed', 'failed', 'aborted')
