#!/usr/bin/env bash
# What an idle gateway costs: its resident memory, and how long it takes from its start until it answers /healthz, with 100 contracts of 100
# partners in force. Goals: 40 MB, 0.5 s. Options: --json --check
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
json=0 check=0 contracts=100
for option in "$@"; do
  case $option in
    --json) json=1 ;;
    --check) check=1 ;;
    *) echo "usage: bench.sh start [--json] [--check]" >&2; exit 2 ;;
  esac
done
"$root/deploy/install-deps.sh" build demo >&2
# shellcheck source=tests/bench/support/release.sh
source "$root/tests/bench/support/release.sh"
release_build posternd posternctl retail_descriptor_set
scratch_folder
# shellcheck source=deploy/demo/gateway.sh
source "$root/deploy/demo/gateway.sh"
# shellcheck source=tests/bench/support/carriers.sh
source "$root/tests/bench/support/carriers.sh"

make_gateway || { tail -n 3 "$work/logs/posternd.log" >&2; exit 1; }
make_carriers "$contracts"
start_gateway || { tail -n 3 "$work/logs/posternd.log" >&2; exit 1; }
apply_carriers "$contracts"

# Three starts, the median counts.
starts=()
for _ in 1 2 3; do
  kill "$gateway"; wait "$gateway" 2>/dev/null || true
  rm -f "$work/data/run/listeners.json"
  begin=$(date +%s%N)
  "$bin/posternd" --config "$work/postern.txtpb" 2>>"$work/logs/posternd.log" &
  gateway=$!
  pids=("$gateway")
  until [[ -s $work/data/run/listeners.json ]] && exec 3<>"/dev/tcp/${operations%:*}/$(jq -r .operations "$work/data/run/listeners.json" | sed 's/.*://')" &&
    printf 'GET /healthz HTTP/1.0\r\n\r\n' >&3 && head -n 1 <&3 | grep -q ' 200 '; do sleep 0.005; done
  starts+=($((($(date +%s%N) - begin) / 1000000)))
done
start_ms=$(printf '%s\n' "${starts[@]}" | sort -n | sed -n 2p)
sleep 1
rss_kb=$(awk '/VmRSS/ { print $2 }' "/proc/$gateway/status")
met=true
if ((start_ms >= 500 || rss_kb >= 40 * 1024)); then met=false; fi
if ((json)); then
  jq -n --argjson contracts "$contracts" --argjson start "$start_ms" --argjson rss "$rss_kb" --argjson met "$met" \
    '{contracts: $contracts, start_to_serving_ms: $start, idle_rss_kb: $rss, met: $met}'
else
  echo "$contracts contracts: serving after $start_ms ms (goal < 500), idle RSS $rss_kb kB (goal < 40960)"
fi
if ((check)) && [[ $met == false ]]; then exit 1; fi
