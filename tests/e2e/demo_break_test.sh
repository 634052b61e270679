#!/usr/bin/env bash
# demo_break_test.sh policy|fence|ledger: the damaged run must reach its verdict and fail, for the reason that the damage is about.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$(mktemp)
trap 'rm -f "$out"' EXIT
status=0
"$root/deploy/demo.sh" --json --records 400 --break "$1" >"$out" || status=$?
cat "$out"
((status == 1)) || { echo "the demo ended with $status where a broken $1 is 1"; exit 1; }
case $1 in
  policy) broken='[.partners[].canaries_seen] | add > 0' ;;
  fence) broken='.released_after_termination > 0' ;;
  ledger) broken='.audit_verified == false and .released_after_termination == 0' ;;
esac
# Slurped, so that no output at all is not taken for success.
jq -es "length == 1 and (.[0] | $broken)" "$out"
