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
build=${POSTERN_BENCH_BUILD:-$root/build/release}
if [[ -z ${POSTERN_BENCH_BUILD:-} ]]; then
  (cd "$root" && cmake --preset release >/dev/null && cmake --build --preset release -j "$(nproc)" --target bench-ledger >&2)
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/postern-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
if [[ $store == sqlite ]]; then
  "$build/bin/bench-ledger" "$work" "$@"
  exit
fi

# shellcheck source=tests/bench/support/postgres.sh
source "$root/tests/bench/support/postgres.sh"
trap 'stop_postgres; rm -rf "$work"' EXIT
start_postgres
mkdir "$work/raw"
"$build/bin/bench-ledger" "$work/raw" --postgres "$conninfo" "$@"
