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

# PostgreSQL refuses root.
as=()
if ((EUID == 0)); then
  as=(runuser -u postgres --)
  chown postgres "$work"
fi
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
trap '"${as[@]}" "$bin/pg_ctl" -D "$work/data" -m immediate stop >/dev/null || true; rm -rf "$work"' EXIT
cd /
"${as[@]}" "$bin/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --locale C >/dev/null
"${as[@]}" "$bin/pg_ctl" -D "$work/data" -w -l "$work/log" \
  -o "-k $work -c listen_addresses= -c shared_buffers=256MB -c max_wal_size=4GB" start >/dev/null
mkdir "$work/raw"
"$build/bin/bench-ledger" "$work/raw" --postgres "host=$work user=postgres dbname=postgres" "$@"
