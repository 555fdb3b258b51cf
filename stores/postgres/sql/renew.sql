-- Renews the lease of node $1, to $2 seconds from now. Returns a row if the lease had not ended.
UPDATE adjourn_nodes SET expires = now() + make_interval(secs => $2::double precision)
WHERE id = $1::text AND expires > now() RETURNING true
