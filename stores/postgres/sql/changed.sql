-- At most $3 runs that nodes other than $2 have changed since the snapshot $1 was taken: id, createdAt, data, and whether
-- the run is deleted. Before them, in each row, the present snapshot: the next look begins there. It has a row without a
-- run if there are none.
-- A transaction that was under way at the snapshot is not visible in it, so its changes are found when it has committed.
WITH recent AS (
    SELECT run_id, max(deleted) AS deleted
    FROM adjourn_changes, unnest(runs) AS run_id
    WHERE xid >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(xid, $1::pg_snapshot)
        AND node IS DISTINCT FROM $2::text
    GROUP BY run_id LIMIT $3::bigint
)
SELECT here.mark, recent.run_id, head.created_at, coalesce(head.data, recent.deleted), head.id IS NULL
FROM (SELECT pg_current_snapshot() AS mark) AS here
    LEFT JOIN recent ON true
    LEFT JOIN adjourn_heads AS head ON head.id = recent.run_id
