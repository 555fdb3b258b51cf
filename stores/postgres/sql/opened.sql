-- The layout of the store in this schema; no row if there is none.
SELECT current_setting('server_encoding'), to_regclass('adjourn_store') IS NOT NULL
