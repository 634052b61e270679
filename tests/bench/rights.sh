#!/usr/bin/env bash
# What people's rights cost, in gateways that run, on SQLite and over mTLS. On a ledger of N delivered disclosures: how long an access report
# takes, and an erasure until it is in force; how many orders a second retention closes beside half of the load that the gateway can take, and
# what that does to the load's p99. And in pairs of runs of two gateways the CPU time that the check of consents and supervision add to
# CreateDisclosure, with the confidence interval; also, without a goal, to batches of 64. Goals: 50 ms, 20 ms, 5,000 orders/s, p99 by a factor
# of 1.2, CPU by 1.05. Options are bench-rights': --json --check --disclosures 5000000 --each 20 --rounds N --orders N
# --only requests,retention,overhead,overhead-batch. 5 million take 10 GB and some minutes to fill.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
"$root/deploy/install-deps.sh" build demo >&2
# shellcheck source=tests/bench/support/release.sh
source "$root/tests/bench/support/release.sh"
release_build posternd posternctl bench-rights retail_descriptor_set
scratch_folder
# shellcheck source=deploy/demo/gateway.sh
source "$root/deploy/demo/gateway.sh"
# shellcheck source=tests/bench/support/carriers.sh
source "$root/tests/bench/support/carriers.sh"

folder=$work
sites=()
# site NAME [SED]: a gateway of its own with one carrier, whose contract SED changes
site() {
  work=$folder/$1
  mkdir "$work"
  make_gateway || { tail -n 3 "$work/logs/posternd.log" >&2; exit 1; }
  make_carriers 1 "${2:-}"
  echo 'limits { retention_settle_seconds: 1 }' >>"$work/postern.txtpb"
  start_gateway || { tail -n 3 "$work/logs/posternd.log" >&2; exit 1; }
  apply_carriers 1
  sites+=("--$1" "localhost:${shop##*:}" "localhost:${partners##*:}" "localhost:${operators##*:}" "$work/pki")
  work=$folder
}

site full 's/max_unacknowledged: 256/max_unacknowledged: 4096/'
site watched
watched=$gateway
site plain '/^supervision/d'
"$bin/bench-rights" "${sites[@]}" --watched-pid "$watched" --plain-pid "$gateway" "$@"
