#!/usr/bin/env bash
# Runs once, as superuser, when the database's volume is empty: a database and an owner each for Airflow and for serving, who
# cannot enter each other's, and the role that consumers log in as, which can read and nothing else.
set -euo pipefail
run() { psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" "$@"; }
run --dbname postgres -v airflow="$AIRFLOW_DB_PASSWORD" -v handpick="$HANDPICK_DB_PASSWORD" -v reader="$HANDPICK_READER_PASSWORD" <<'SQL'
create role airflow login password :'airflow';
create role handpick login password :'handpick';
create role handpick_reader login password :'reader' connection limit 50;
alter role handpick_reader set default_transaction_read_only = on;
alter role handpick_reader set statement_timeout = '60s';
alter role handpick_reader set idle_in_transaction_session_timeout = '60s';
-- Airflow's page shows lists with the rights of the reader.
grant handpick_reader to handpick;
create database airflow owner airflow;
create database handpick owner handpick;
revoke all on database airflow, handpick, postgres, template1 from public;
grant connect on database handpick to handpick_reader;
SQL
run --dbname handpick <<'SQL'
revoke all on schema public from public;
-- Large objects and advisory locks belong to nobody, so no other right keeps a reader from making them.
select format('revoke execute on function %s from public', p.oid::regprocedure) from pg_proc p
where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f'
  and (p.proname like 'lo\_%' or p.proname in ('loread', 'lowrite') or p.proname ~ '^pg_(try_)?advisory') \gexec
SQL
