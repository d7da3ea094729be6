#!/bin/sh
# Runs once, when PostgreSQL starts on an empty folder: three databases, each with a user of its own.
# The document keys lie apart, so that they can be backed up apart: a key that was destroyed must not
# come back with an old backup of everything else.
set -eu

owned_database() { # owned_database NAME OWNER SECRET
  # The password goes through the environment, where neither a list of processes nor a log shows it.
  PASSWORD=$(cat "${SECRETS:-/run/secrets}/$3") psql --quiet --no-psqlrc -v ON_ERROR_STOP=1 \
    --username postgres --dbname postgres <<SQL
\\getenv password PASSWORD
CREATE ROLE $2 LOGIN PASSWORD :'password';
CREATE DATABASE $1 OWNER $2;
REVOKE ALL ON DATABASE $1 FROM PUBLIC;
SQL
}
owned_database kursdocs kursdocs postgres-password-main
owned_database keys keys postgres-password-keys
owned_database filer filer postgres-password-filer
