#!/usr/bin/env bash
# dependency_report_test.sh: the report names every library of the gateway with the package and the version that it comes from.
# Clause: P1.3d
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
report=$("$root/deploy/dependency-report.sh" "$POSTERN_DEMO_BUILD/bin/posternd" "$POSTERN_DEMO_BUILD/bin/posternctl")
for library in libgrpc libssl libsqlite3 libprotobuf; do
  jq -e --arg library "$library" \
    'any(.libraries[]; (.library | startswith($library)) and .package != "" and (.version | test("[0-9]")))' <<<"$report" >/dev/null ||
    { echo "the report lacks $library"; exit 1; }
done
[[ $(jq '[.libraries[] | select(.package == "" or .version == "")] | length' <<<"$report") == 0 ]] ||
  { echo "libraries of no package:"; jq '.libraries[] | select(.package == "")' <<<"$report"; exit 1; }
status=0
"$root/deploy/dependency-report.sh" /nonexistent >/dev/null 2>&1 || status=$?
((status == 2)) || { echo "a missing binary is reported on"; exit 1; }
