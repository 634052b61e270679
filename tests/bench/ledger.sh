#!/usr/bin/env bash
# The ledger on SQLite beside what the disk and SQLite can do without it. Options are bench-ledger's: --json --check --seconds S --rounds N
# --rows N (5000000 is the goal's size; needs 10 GB)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
"$root/deploy/install-deps.sh" build >&2
build=${POSTERN_BENCH_BUILD:-$root/build/release}
if [[ -z ${POSTERN_BENCH_BUILD:-} ]]; then
  (cd "$root" && cmake --preset release >/dev/null && cmake --build --preset release -j "$(nproc)" --target bench-ledger >&2)
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/postern-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$build/bin/bench-ledger" "$work" "$@"
