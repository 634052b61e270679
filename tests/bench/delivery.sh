#!/usr/bin/env bash
# Records a second from the gateway to 1, 10 and 100 Receive streams of as many partners: from a committed backlog, and from the shop through
# the commit; beside a bare gRPC stream that forwards the same bytes, one record a message and 64. How many records go into a message is the
# gateway's own choice; the result says how many they were. And what an idle partner stream costs, with its connection. mTLS everywhere. Goals:
# backlog 0.7 of the bare stream at one record a message and 0.5 at 64, end to end 0.2 at 64, 130 KB a stream. Options are bench-delivery's:
# --json --check --streams 1,10,100 --records N --rounds N
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
"$root/deploy/install-deps.sh" build demo >&2
# shellcheck source=tests/bench/support/release.sh
source "$root/tests/bench/support/release.sh"
release_build posternd posternctl bench-delivery bench-sink retail_descriptor_set
scratch_folder
# shellcheck source=deploy/demo/gateway.sh
source "$root/deploy/demo/gateway.sh"
# shellcheck source=tests/bench/support/carriers.sh
source "$root/tests/bench/support/carriers.sh"

carriers=100
make_gateway || { tail -n 3 "$work/logs/posternd.log" >&2; exit 1; }
make_carriers "$carriers" '/^supervision/d; s/max_unacknowledged: 256/max_unacknowledged: 4096/'
start_gateway || { tail -n 3 "$work/logs/posternd.log" >&2; exit 1; }
apply_carriers "$carriers"
"$bin/bench-sink" --address 127.0.0.1:0 --cert "$work/pki/gateway/server.crt" --key "$work/pki/gateway/server.key" \
  --ca <(cat "$work/pki/shop/ca.crt" "$work"/pki/partners/*/ca.crt) >"$work/sink.port" &
sink=$!
pids+=("$sink")
wait_for 10 test -s "$work/sink.port" || { echo "bench-sink does not start" >&2; exit 1; }
"$bin/bench-delivery" delivery --shop "localhost:${shop##*:}" --partners "localhost:${partners##*:}" \
  --operators "localhost:${operators##*:}" --pki "$work/pki" --posternd-pid "$gateway" --bare "localhost:$(cat "$work/sink.port")" \
  --bare-pid "$sink" "$@"
