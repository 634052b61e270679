#!/usr/bin/env bash
# demo_break_test.sh policy|fence|ledger: the damaged run must fail, and for the reason that the damage is about.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$(mktemp)
trap 'rm -f "$out"' EXIT
if "$root/deploy/demo.sh" --json --records 400 --break "$1" >"$out"; then
  echo "the demo did not notice a broken $1"
  exit 1
fi
cat "$out"
case $1 in
  policy) jq -e '[.partners[].canaries_seen] | add > 0' "$out" ;;
  fence) jq -e '.released_after_termination > 0' "$out" ;;
  ledger) jq -e '.audit_verified == false' "$out" ;;
esac
