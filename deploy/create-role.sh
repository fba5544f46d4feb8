#!/bin/sh
# An ordinary role for the service, which row security binds, and a database that it owns.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$TASKS_PASSWORD" -U "${POSTGRES_USER:-postgres}" <<'SQL'
CREATE ROLE tasks LOGIN PASSWORD :'password';
CREATE DATABASE tasks OWNER tasks ENCODING 'UTF8' TEMPLATE template0;
SQL
