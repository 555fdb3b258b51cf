-- Adds the node $1 at url $2 with a lease of $3 seconds, and removes nodes whose lease ended a day ago. Returns the epoch
-- for runs that are saved first.
WITH gone AS (
    DELETE FROM adjourn_nodes WHERE expires < now() - interval '1 day'
), added AS (
    INSERT INTO adjourn_nodes (id, url, expires)
    VALUES ($1::text, $2::text, now() + make_interval(secs => $3::double precision))
)
SELECT epoch + 1 FROM adjourn_store
