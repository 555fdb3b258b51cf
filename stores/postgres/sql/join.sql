-- Adds the node $1 at url $2 with a lease of $3 seconds, and removes nodes whose lease ended a day ago.
WITH gone AS (
    DELETE FROM adjourn_nodes WHERE expires < now() - interval '1 day'
)
INSERT INTO adjourn_nodes (id, url, expires)
VALUES ($1::text, $2::text, now() + make_interval(secs => $3::double precision))
