#!/usr/bin/env bash
# verify_unit.sh UNIT [MAX_EXPOSURE]: the unit has no error or warning, and its exposure (0.0 best, 10.0 worst) is within the limit.
# /usr/bin/posternd is replaced by a binary that exists on every machine, for systemd checks that it does.
set -euo pipefail
unit=$1 limit=${2:-1.5}
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
sed 's#/usr/bin/posternd#/bin/true#' "$unit" > "$work/posternd.service"

complaints=$(systemd-analyze verify --man=no --recursive-errors=no "$work/posternd.service" 2>&1) || { echo "$complaints"; exit 1; }
if [[ -n $complaints ]]; then echo "$complaints"; exit 1; fi

report=$(systemd-analyze security --offline=yes --no-pager "$work/posternd.service")
exposure=$(sed -n 's/.*Overall exposure level[^:]*: \([0-9.]*\).*/\1/p' <<<"$report")
echo "exposure $exposure, limit $limit"
awk -v have="$exposure" -v limit="$limit" 'BEGIN { exit !(have != "" && have + 0 <= limit + 0) }' || { grep '✗' <<<"$report"; exit 1; }
