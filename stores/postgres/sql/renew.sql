-- Renews the lease of node $1, which is at url $2, to $3 seconds from now. Returns a row if the lease had not ended.
UPDATE adjourn_nodes SET url = $2::text, expires = now() + make_interval(secs => $3::double precision)
WHERE id = $1::text AND expires > now() RETURNING true
