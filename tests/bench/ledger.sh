#!/usr/bin/env bash
# ledger.sh [--store sqlite|postgres] [OPTIONS]   The ledger beside what the disk and the database can do without it: on SQLite (default), or
# on a PostgreSQL server of its own. Options are bench-ledger's: --json --check --seconds S --rounds N --rows N (5000000 is the goal's size;
# needs 10 GB)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
store=sqlite
if [[ ${1:-} == --store ]]; then store=${2:?}; shift 2; fi
[[ $store == sqlite || $store == postgres ]] || { echo "--store is sqlite or postgres" >&2; exit 2; }
groups=(build)
if [[ $store == postgres ]]; then groups+=(test); fi
"$root/deploy/install-deps.sh" "${groups[@]}" >&2
# shellcheck source=tests/bench/support/release.sh
source "$root/tests/bench/support/release.sh"
release_build bench-ledger
scratch_folder
if [[ $store == sqlite ]]; then
  "$bin/bench-ledger" "$work" "$@"
  exit
fi

# shellcheck source=tests/bench/support/postgres.sh
source "$root/tests/bench/support/postgres.sh"
also_at_end() { stop_postgres; }
start_postgres
mkdir "$work/raw"
"$bin/bench-ledger" "$work/raw" --postgres "$conninfo" "$@"
