#!/usr/bin/env bash
# readme_test.sh: the commands of README.md, "A first gateway", do what the README says, as they are written there.
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
