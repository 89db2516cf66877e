#!/usr/bin/env bash
# Runs once when the database's volume is empty: the serving database and the read-only role that consumers log in as.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -v password="$HANDPICK_READER_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
create role handpick_reader login password :'password';
create database handpick;
SQL
