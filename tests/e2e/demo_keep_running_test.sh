#!/usr/bin/env bash
# The demo leaves everything running where asked to, says where and how to end it, and that ends it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$(mktemp) err=$(mktemp)
trap 'rm -f "$out" "$err"' EXIT
fail() { echo "demo_keep_running: $*" >&2; cat "$err" >&2; exit 1; }
"$root/deploy/demo.sh" --json --records 400 --keep-running >"$out" 2>"$err" || { cat "$out"; fail "the demo failed"; }
jq -e .audit_verified "$out" >/dev/null || fail 'no result'
work=$(sed -n 's/^everything keeps running in \([^;]*\);.*/\1/p' "$err")
end=$(sed -n 's/^everything keeps running in [^;]*; to end it: //p' "$err")
[[ -d $work && $end == kill* ]] || fail 'it does not say where and how'
operations=$(jq -r .operations "$work/data/run/listeners.json")
curl -fsS "http://$operations/healthz" >/dev/null || fail 'the gateway is gone'
bash -c "$end" || true # partners that have ended by themselves cannot be killed
for _ in $(seq 100); do
  curl -fsS "http://$operations/healthz" >/dev/null 2>&1 || break
  sleep 0.1
done
if curl -fsS "http://$operations/healthz" >/dev/null 2>&1; then fail 'the gateway is still there'; fi
rm -rf "$work"
