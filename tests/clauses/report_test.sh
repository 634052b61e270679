#!/usr/bin/env bash
# The clause report on a small tree with every kind of row; --update writes the expected report anew.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$here/testdata
export POSTERN_CTEST=$tree/ctest

# report ARGS...: the report's output; it must exit with 1, for the tree has failed rows.
report() {
  local output status=0
  output=$(node "$here/report.mjs" --root "$tree" "$@") || status=$?
  if ((status != 1)); then echo "exit status $status of: report $*" >&2; exit 1; fi
  echo "$output"
}

if [[ ${1:-} == --update ]]; then report --mutants "$tree/results.xml" > "$tree/expected.txt"; fi
report --mutants "$tree/results.xml" | diff -u "$tree/expected.txt" -
report --json "$tree/results.xml" | jq -e '.summary == {passed: 3, failed: 2, open: 2}' >/dev/null
# Where nothing ran, nothing is proved.
report --json | jq -e '.summary == {passed: 0, failed: 5, open: 2}' >/dev/null
report --only no_version "$tree/results.xml" | grep 'fails for another reason' >/dev/null  # -q would end before the report has been read
