#!/usr/bin/env bash
# readme_test.sh: the commands of README.md, "A first gateway", do what the README says, as they are written there; then apply and diff.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
export TMPDIR=$work
finish() { jobs -p | xargs -r kill 2>/dev/null || true; wait || true; rm -rf "$work"; }
trap finish EXIT
awk '/^## /{ wanted = ($0 == "## A first gateway") } wanted && /^```sh$/{ inside = 1; next } /^```$/{ inside = 0 } inside' README.md |
  sed "s#build/release#$POSTERN_DEMO_BUILD#; s#\$PWD/$POSTERN_DEMO_BUILD#$POSTERN_DEMO_BUILD#" >"$work/commands"
grep -q posternd "$work/commands"
# Sourced, so that what it starts in the background is this shell's to end.
# shellcheck disable=SC1091
source "$work/commands" >"$work/output"
cat "$work/output"
grep -E 'swift-parcel +logistics +active' "$work/output"

# On that gateway: diff tells what differs, and apply changes nothing at all where it may not change everything.
ends() { # ends CODE ARGS...: posternctl ends with that code; what it says is in said
  local want=$1 code=0; shift
  "$bin/posternctl" "$@" >said 2>&1 || code=$?
  ((code == want)) || { cat said; echo "posternctl $* ended with $code, not $want"; exit 1; }
}
ends 0 diff -f bundle
sed -i 's/Swift Parcel AG/Swift Parcel SE/' bundle/partners/swift-parcel.txtpb
ends 1 diff -f bundle
grep -q 'legal_entity: Swift Parcel AG -> Swift Parcel SE' said
ends 0 apply -f bundle --dry-run
sed -i 's#swift-parcel.dev/client#swift-parcel.dev/other#' bundle/partners/swift-parcel.txtpb
ends 0 apply -f bundle --dry-run
grep -q 'partners/swift-parcel would be updated once a second person applies the same' said
ends 2 apply -f bundle
grep -q -- '--remove-identities' said
ends 0 describe swift-parcel
grep -q 'Swift Parcel AG' said
sed -i 's/name: "recipient.name"/name: "recipient.nam"/; s/path: "recipient.name"/path: "recipient.nam"/' bundle/contracts/swift-parcel.txtpb
ends 2 diff -f bundle
grep -q 'contracts/swift-parcel.txtpb:[0-9]*:[0-9]*: error' said

# The page that tells with whom what is shared follows the contracts in force and the partners' states, not the folder.
ends 0 policy render
grep -q '^## partners/swift-parcel' said
if grep -q 'Sharing is paused' said; then cat said; exit 1; fi
ends 0 suspend swift-parcel --reason review
ends 0 policy render
grep -q 'Sharing is paused' said
ends 0 resume swift-parcel
ends 0 policy render --html
grep -q '<h2>partners/swift-parcel</h2>' said
