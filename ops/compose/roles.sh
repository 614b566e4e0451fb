#!/bin/sh
# Runs once, in an empty PostgreSQL: the application's role, and a login that is a member of it and owns nothing.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$APP_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE feature_api_app NOLOGIN;
CREATE ROLE feature_api_login LOGIN PASSWORD :'password' IN ROLE feature_api_app;
SQL
