#!/usr/bin/env bash
# bench.sh NAME [--json] [--check] [OPTIONS]   NAME: delivery | gateway | ledger | projection | revocation | rights | start
# Runs one benchmark on the release build, with its peers beside it in the same run. --check: exit code 1 below a goal.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
name=${1:-}
shift || true
[[ -n $name && -x $root/tests/bench/$name.sh ]] || { echo "usage: bench.sh NAME [--json] [--check]; NAME is one of: $(cd "$root/tests/bench" && ls ./*.sh | sed 's#./##; s#.sh##' | tr '\n' ' ')" >&2; exit 2; }
exec "$root/tests/bench/$name.sh" "$@"
