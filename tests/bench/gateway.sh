#!/usr/bin/env bash
# The gateway beside its peers: a direct gRPC call shop -> partner, and nginx grpc_pass. mTLS on both sides everywhere, a durable ledger and a
# receiving partner on Postern's side. Options are bench-gateway's: --json --check --seconds N --rounds N --callers 1,16 --batches 1,64
# --peers postern,direct,nginx; and --quick for one short round (half a minute; the whole takes two and a half).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
"$root/deploy/install-deps.sh" build bench demo >&2
options=()
for option in "$@"; do
  if [[ $option == --quick ]]; then options+=(--seconds 1 --rounds 1); else options+=("$option"); fi
done
# shellcheck source=tests/bench/support/release.sh
source "$root/tests/bench/support/release.sh"
release_build posternd posternctl bench-gateway bench-sink bench-receiver retail_descriptor_set
scratch_folder
# shellcheck source=deploy/demo/gateway.sh
source "$root/deploy/demo/gateway.sh"

make_gateway || { tail -3 "$work/logs/posternd.log" >&2; exit 1; }
sed -i 's/max_unacknowledged: 256/max_unacknowledged: 4096/' "$work/bundle/contracts/swift-parcel.txtpb"
cat >>"$work/postern.txtpb" <<TXT
limits { calls_per_connection: 4096 calls_per_principal: 8192 }
TXT
start_gateway || { tail -3 "$work/logs/posternd.log" >&2; exit 1; }
idle_rss_kb=$(awk '/VmRSS/ { print $2 }' "/proc/$gateway/status")
apply_bundle 127.0.0.1:1 || { tail -5 "$work/logs/posternctl.log" >&2; exit 1; }

"$bin/bench-receiver" --address "$partners" --cert "$work/pki/partners/swift-parcel/client.crt" \
  --key "$work/pki/partners/swift-parcel/client.key" --ca "$work/pki/gateway/ca.crt" >"$work/receiver.out" &
receiver=$!
pids+=("$receiver")
"$bin/bench-sink" --address 127.0.0.1:0 --cert "$work/pki/partners/clear-pay/server.crt" --key "$work/pki/partners/clear-pay/server.key" \
  --ca <(cat "$work/pki/gateway/ca.crt" "$work/pki/shop/ca.crt") >"$work/sink.port" &
sink=$!
pids+=("$sink")
wait_for 10 test -s "$work/sink.port" || { echo "bench-sink does not start" >&2; exit 1; }
sink_port=$(cat "$work/sink.port")

# nginx: two workers, keepalive to the sink, nothing logged.
nginx_port=$((20000 + RANDOM % 20000))
cat >"$work/nginx.conf" <<TXT
worker_processes 2; daemon off; pid $work/nginx.pid; error_log $work/logs/nginx.log error;
events { worker_connections 4096; }
http {
  access_log off; client_max_body_size 0; http2_recv_buffer_size 1m;
  client_body_temp_path $work/nginx-body; proxy_temp_path $work/nginx-proxy; fastcgi_temp_path $work/nginx-f; uwsgi_temp_path $work/nginx-u; scgi_temp_path $work/nginx-s;
  upstream sink { server 127.0.0.1:$sink_port; keepalive 256; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:$nginx_port ssl http2 reuseport;
    ssl_certificate $work/pki/gateway/server.crt; ssl_certificate_key $work/pki/gateway/server.key; ssl_protocols TLSv1.3;
    ssl_client_certificate $work/pki/shop/ca.crt; ssl_verify_client on;
    http2_max_concurrent_streams 1024; keepalive_requests 100000000; client_body_timeout 1h;
    location / {
      grpc_pass grpcs://sink; grpc_ssl_certificate $work/pki/gateway/client.crt; grpc_ssl_certificate_key $work/pki/gateway/client.key;
      grpc_ssl_trusted_certificate $work/pki/partners/clear-pay/ca.crt; grpc_ssl_verify on; grpc_ssl_name localhost; grpc_ssl_session_reuse on;
      grpc_read_timeout 1h; grpc_send_timeout 1h; grpc_buffer_size 64k;
    }
  }
}
TXT
nginx -c "$work/nginx.conf" -p "$work" 2>>"$work/logs/nginx.log" &
pids+=($!)
wait_for 10 test -s "$work/nginx.pid" || { cat "$work/logs/nginx.log" >&2; exit 1; }

code=0
"$bin/bench-gateway" --postern "localhost:${shop##*:}" --direct "localhost:$sink_port" --nginx "localhost:$nginx_port" \
  --cert "$work/pki/shop/client.crt" --key "$work/pki/shop/client.key" --ca "$work/pki/gateway/ca.crt" \
  --sink-ca "$work/pki/partners/clear-pay/ca.crt" --postern-pid "$gateway" --direct-pid "$sink" --nginx-pid "$(cat "$work/nginx.pid")" \
  --receiver-pid "$receiver" --receiver-report "$work/receiver.out" "${options[@]}" >"$work/result" || code=$?

# Rows committed = received = acknowledged = answered: nothing may be left on the way.
settled() { [[ $(ctl alice suspend swift-parcel --reason bench --dry-run -o json | jq '[.effect.possibly_held_count, .effect.undelivered_count] | map(tonumber) | add') == 0 ]]; }
wait_for 60 settled || { echo "records stay unacknowledged" >&2; code=1; }
kill -USR1 "$receiver"
sleep 0.1
received=$(tail -n 1 "$work/receiver.out" | jq .received)
acknowledged=$(ctl alice suspend swift-parcel --reason bench --dry-run -o json | jq '.effect.delivered_count | tonumber')
committed=$(sqlite3 -readonly "$work/data/ledger/ledger.db" 'SELECT count(*) FROM disclosure')
disclosed=$(jq .disclosed "$work/result" 2>/dev/null || sed -n 's/^disclosed //p' "$work/result")
if jq -e . "$work/result" >/dev/null 2>&1; then
  jq --argjson committed "$committed" --argjson received "$received" --argjson acknowledged "$acknowledged" --argjson rss "$idle_rss_kb" \
    '. + {committed: $committed, received: $received, acknowledged: $acknowledged, idle_rss_kb: $rss}' "$work/result"
else
  cat "$work/result"
  echo "committed $committed, received $received, acknowledged $acknowledged; idle RSS $idle_rss_kb kB"
fi
[[ $disclosed == "$committed" && $committed == "$received" && $received == "$acknowledged" ]] ||
  { echo "answered $disclosed, committed $committed, received $received, acknowledged $acknowledged: they differ" >&2; code=1; }
exit "$code"
