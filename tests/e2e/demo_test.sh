#!/usr/bin/env bash
# demo_test.sh [DEMO OPTIONS]: the demo holds every promise, and its JSON has what it says it has.
# Clause: P1.1a, P1.3a, P1.3c, P1.4e, W1.2b, W1.2c, W6b
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$root/deploy/demo.sh" --json --records 400 "$@" >"$out"
cat "$out"
jq -es 'length == 1 and (.[0] |
  (.partners | keys) == ["clear-pay", "nordic-freight", "swift-parcel"]
  and ([.partners[].canaries_seen] == [0, 0, 0]) and .canaries_on_disk == 0 and .canaries_in_logs == 0
  and .live_streams_at_termination > 0 and .backlog_at_termination > 0 and .released_after_termination == 0
  and .notices.issued == .notices.attested and .notices.handles > 0 and .audit_verified == true
  and .records_sent == 400 and .ledger_entries >= 400)' "$out"
