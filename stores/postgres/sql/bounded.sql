-- Ends this connection's statements after $1, unless the address, the role or the database has set a bound.
SELECT set_config('statement_timeout', $1::text, false) WHERE current_setting('statement_timeout') = '0'
