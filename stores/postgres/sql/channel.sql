-- The channel of the store's hints, which other stores in the database don't use, and the process that serves this
-- connection.
SELECT 'adjourn_' || 'adjourn_heads'::regclass::oid, pg_backend_pid()
