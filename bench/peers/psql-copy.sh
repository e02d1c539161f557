#!/bin/sh
# Peers `psql-text` and `psql-binary`: PostgreSQL's own bulk load by psql of a file that was masked before. What a file costs at least.
# Leaves out everything but the load: no parse, no check, no mask, no receipts or positions, no quarantine, no ledger; one bad row and
# nothing is loaded. Reads BENCH_DATABASE_URL, BENCH_TABLE and BENCH_FILE.
#
#   psql-copy.sh PSQL text|binary
set -eu

# By libpq's variables: the URL as an argument would show its password to everyone on this machine. Nothing in a benchmark's is escaped.
place=${BENCH_DATABASE_URL#*://}
credentials=${place%%@*}
place=${place#*@}
server=${place%%/*}
database=${place#*/}
export PGUSER="${credentials%%:*}" PGPASSWORD="${credentials#*:}" PGHOST="${server%:*}" PGPORT="${server##*:}" PGDATABASE="${database%%\?*}"

exec "$1" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --command "\\copy $BENCH_TABLE from '$BENCH_FILE' with (format $2)"
