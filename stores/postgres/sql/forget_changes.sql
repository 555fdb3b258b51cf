-- Removes changes older than $1 seconds, except those that another node removes now.
DELETE FROM adjourn_changes WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM adjourn_changes WHERE at < now() - make_interval(secs => $1::double precision)
    FOR UPDATE SKIP LOCKED
))
