#!/usr/bin/env bash
# How long TerminatePartner takes while 100 Receive streams are live, 64 of them the partner's own, with a backlog of 0, 10^4 and 10^6 records
# that wait for it, in an empty ledger and in a full one; and how fast a deletion campaign is enumerated. Goals: p99 50 ms on SQLite, 100 ms on
# PostgreSQL, whatever the backlog and the ledger; 50,000 handles/s. revocation.sh [--store sqlite|postgres] and bench-delivery's options:
# --json --check --backlog 0,10000,1000000 --terminations N --rows N --handles N. The whole takes some minutes and 10 GB.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
store=sqlite
if [[ ${1:-} == --store ]]; then store=${2:?}; shift 2; fi
[[ $store == sqlite || $store == postgres ]] || { echo "--store is sqlite or postgres" >&2; exit 2; }
options=("$@")
groups=(build demo)
if [[ $store == postgres ]]; then
  groups+=(test)
  options=(--p99-ms 100 "$@")
fi
"$root/deploy/install-deps.sh" "${groups[@]}" >&2
# shellcheck source=tests/bench/support/release.sh
source "$root/tests/bench/support/release.sh"
release_build posternd posternctl bench-delivery retail_descriptor_set
also_at_end() { if [[ $store == postgres ]]; then stop_postgres; fi; }
scratch_folder
# shellcheck source=deploy/demo/gateway.sh
source "$root/deploy/demo/gateway.sh"
# shellcheck source=tests/bench/support/carriers.sh
source "$root/tests/bench/support/carriers.sh"
# shellcheck source=tests/bench/support/postgres.sh
source "$root/tests/bench/support/postgres.sh"

carriers=$("$bin/bench-delivery" revocation --count-partners "${options[@]}")
make_gateway || { tail -n 3 "$work/logs/posternd.log" >&2; exit 1; }
make_carriers "$carriers" '/^supervision/d'
if [[ $store == postgres ]]; then
  start_postgres
  echo "store { postgres: \"$conninfo\" }" >>"$work/postern.txtpb"
fi
start_gateway || { tail -n 3 "$work/logs/posternd.log" >&2; exit 1; }
apply_carriers "$carriers"
"$bin/bench-delivery" revocation --shop "localhost:${shop##*:}" --partners "localhost:${partners##*:}" \
  --operators "localhost:${operators##*:}" --pki "$work/pki" "${options[@]}"
