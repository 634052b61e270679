#!/usr/bin/env bash
# crash.sh [--store sqlite|postgres] [--rounds N] [--power N] [--kill N] [--seed S] [--json]
#
# Crashes a gateway N times (200) while shop and partner are busy with it, and compares what is found afterwards with everything
# that anybody was told: seven rounds in eight lose power under a simulated disk that drops and tears what was not synced, one in
# eight kills the real posternd before or after a system call that writes, syncs, renames or sends, at a named point of its code,
# or at random. On PostgreSQL every round is a kill, and every other time its server is killed too. --power and --kill give the
# numbers of each instead. Exit status: 0 only if every round was made and nothing was lost, unaccounted, duplicated, forked,
# damaged or undeliverable.
#
# --json prints one object: rounds, lost, unaccounted, forked, duplicates, damaged, undelivered, restarts_failed, and how many
# crashes came at which boundary. POSTERN_BUILD names a finished dev build; otherwise build/dev is brought up to date.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in -h | --help) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

build=${POSTERN_BUILD:-}
if [[ -z $build ]]; then
  build=build/dev
  { cmake --preset dev && cmake --build "$build" --target crash_rounds posternd -j "$(nproc)"; } >&2
fi
exec "$build/bin/crash_rounds" "$@"
