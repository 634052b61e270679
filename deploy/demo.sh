#!/usr/bin/env bash
# demo.sh [--json] [--records N] [--terminate PARTNER] [--keep-running] [--break policy|fence|ledger]
# Installs what it needs, builds, and runs the main job: a shop streams orders, two carriers and a payment channel get what their contracts
# grant, one carrier is terminated while its streams are live, gets a signed deletion notice and answers it. Whether fields leaked is decided by
# a plain byte search for canaries. Exit code 0 only if everything held; 1: a promise was broken; 2: wrong usage; 3: the demo could not be run
# to its end. --break damages one part on purpose; the run must then end with 1.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
json=0 records=1000 victim=swift-parcel keep_running=0 break_what=''
while (($#)); do
  case $1 in
    --json) json=1 ;;
    --records) records=$2; shift ;;
    --terminate) victim=$2; shift ;;
    --keep-running) keep_running=1 ;;
    --break) break_what=$2; shift ;;
    *) sed -n '2,6p' "$0" >&2; exit 2 ;;
  esac
  shift
done
case $break_what in '' | policy | fence | ledger) ;; *) echo "--break takes policy, fence or ledger" >&2; exit 2 ;; esac

# A broken run waits for what will never come; it need not wait as long as a slow machine may take.
patience=60
[[ -n $break_what ]] && patience=10

say() { ((json)) || echo -e "$*"; }
die() { echo "demo: $*" >&2; exit 3; }

# --- build. Failpoints exist in the dev preset only. POSTERN_DEMO_BUILD names a build that is there already.
preset=release
[[ $break_what == fence ]] && preset=dev
"$root/deploy/install-deps.sh" build demo >&2
build=${POSTERN_DEMO_BUILD:-$root/build/$preset}
if [[ -z ${POSTERN_DEMO_BUILD:-} ]]; then
  (cd "$root" && cmake --preset "$preset" >/dev/null && cmake --build --preset "$preset" -j "$(nproc)" --target \
    posternd posternctl demo-shop demo-carrier demo-payment demo-inspect retail_descriptor_set >&2)
fi
bin=$build/bin

# --- a place to work, and an end for everything that was started
work=$(mktemp -d "${TMPDIR:-/tmp}/postern-demo.XXXXXX")
chmod 700 "$work"
pids=()
finish() {
  local code=$?
  if ((keep_running && code == 0)); then
    echo "everything keeps running in $work; to end it: kill ${pids[*]}; rm -r $work" >&2
    return
  fi
  ((${#pids[@]})) && kill "${pids[@]}" 2>/dev/null
  wait 2>/dev/null || true
  if [[ -n ${POSTERN_DEMO_KEEP:-} ]]; then echo "files are in $work" >&2; else rm -rf "$work"; fi
}
trap finish EXIT
trap 'echo "demo: line $LINENO failed" >&2; exit 3' ERR
mkdir -p "$work"/{shop/sent,swift-parcel,nordic-freight,clear-pay}
# shellcheck source=deploy/demo/gateway.sh
source "$root/deploy/demo/gateway.sh"

make_gateway || die "the gateway could not be set up: $(tail -3 "$work/logs/posternd.log")"
# A small credit window, so that a backlog stands behind it when the carrier is terminated.
sed -i 's/max_unacknowledged: 256/max_unacknowledged: 32/' "$work/bundle/contracts/swift-parcel.txtpb"
[[ $break_what == policy ]] && sed -i '/withheld_categories: "daily_track"/d' "$work/bundle/privacy_policy.txtpb"
[[ $break_what == fence ]] && export POSTERN_FAILPOINTS=fence.skip=skip
start_gateway || die "the gateway did not start: $(tail -3 "$work/logs/posternd.log")"
unset POSTERN_FAILPOINTS

"$bin/demo-payment" --address 127.0.0.1:0 --cert "$work/pki/partners/clear-pay/server.crt" --key "$work/pki/partners/clear-pay/server.key" \
  --ca "$work/pki/gateway/ca.crt" --folder "$work/clear-pay" >"$work/payment.port" 2>>"$work/logs/demo-payment.err" &
pids+=($!)
wait_for 10 test -s "$work/payment.port" || die "the payment channel did not start"

say "\n== alice applies the bundle, bob puts the contracts in force"
apply_bundle "127.0.0.1:$(cat "$work/payment.port")" || die "the bundle was refused: $(tail -5 "$work/logs/posternctl.log")"
((json)) || ctl alice get partners

# --- partners
nordic_delay=0
[[ $victim == nordic-freight ]] && nordic_delay=25
notice_key=$work/notice-signing.pub # handed to partners on a trusted way
openssl pkey -in "$work/data/keys/notice-signing.pem" -pubout -out "$notice_key"
"$bin/demo-carrier" --address "$partners" --partner swift-parcel --cert "$work/pki/partners/swift-parcel/client.crt" \
  --key "$work/pki/partners/swift-parcel/client.key" --ca "$work/pki/gateway/ca.crt" --folder "$work/swift-parcel" \
  --attestation-key "$work/pki/partners/swift-parcel/attestation.key" --notice-key "$notice_key" --streams 2 --window 16 --delay-ms 25 \
  2>>"$work/logs/swift-parcel.err" &
pids+=($!)
[[ $victim == swift-parcel ]] && victim_pid=$!
node "$root/client/node/partner.js" --address "localhost:${partners##*:}" --partner nordic-freight --cert "$work/pki/partners/nordic-freight/client.crt" \
  --key "$work/pki/partners/nordic-freight/client.key" --ca "$work/pki/gateway/ca.crt" --folder "$work/nordic-freight" \
  --attestation-key "$work/pki/partners/nordic-freight/attestation.key" --notice-key "$notice_key" --window 32 --delay-ms "$nordic_delay" \
  2>>"$work/logs/nordic-freight.err" &
pids+=($!)
[[ $victim == nordic-freight ]] && victim_pid=$!

# --- orders flow; the victim is terminated on the way
say "\n== the shop streams $records orders"
"$bin/demo-shop" --address "$shop" --cert "$work/pki/shop/client.crt" --key "$work/pki/shop/client.key" --ca "$work/pki/gateway/ca.crt" \
  --folder "$work/shop" --records "$records" --rate 500 >"$work/shop.json" 2>>"$work/logs/demo-shop.err" &
shop_pid=$!
received() { [[ -f $work/$1/received.tsv ]] && cut -f1 "$work/$1/received.tsv" | sort -u | wc -l || echo 0; }
enough() { (($(received "$victim") >= records / 10)); }
wait_for 60 enough || die "$victim received too little: $(tail -3 "$work/logs/$victim.err")"
ctl alice terminate "$victim" --dry-run -o json >"$work/dry-run.json" 2>>"$work/logs/posternctl.log" || die "the dry run failed"
ctl alice terminate "$victim" --confirm="$victim" --reason demo -o json >"$work/termination.json" 2>>"$work/logs/posternctl.log" ||
  die "termination failed: $(tail -3 "$work/logs/posternctl.log")"
terminated_at=$(date +%s%N)
say "== $victim was terminated while orders flow"
shop_code=0
wait "$shop_pid" || shop_code=$?
campaign=$(jq -r .campaign.name "$work/termination.json")
ctl alice campaign wait "$campaign" --seconds "$patience" -o json >"$work/campaign.json" 2>>"$work/logs/posternctl.log" || true
gone() { ! kill -0 "$victim_pid" 2>/dev/null; }
wait_for $((patience / 2)) gone || kill "$victim_pid" # a carrier that was never cut off does not end by itself
survivor=nordic-freight
[[ $victim == nordic-freight ]] && survivor=swift-parcel
drained() { (($(received "$survivor") >= records)); }
wait_for "$patience" drained || true
curl -fsS "http://$operations/metrics" >"$work/logs/metrics.txt" || die "no metrics"

# --- the audit log
if [[ $break_what == ledger ]]; then
  kill "$gateway"; wait "$gateway" || true
  sqlite3 "$work/data/ledger/ledger.db" "UPDATE audit_leaf SET leaf = CAST(substr(leaf, 1, 20) || x'5a' || substr(leaf, 22) AS BLOB) WHERE rowid = (SELECT rowid FROM audit_leaf LIMIT 1 OFFSET 7)"
  start_gateway || true
fi
audit_verified=false
if ctl alice audit verify -o json >"$work/audit.json" 2>>"$work/logs/posternctl.log"; then audit_verified=$(jq .verified "$work/audit.json"); fi
ledger_entries=0
if [[ $audit_verified == true ]]; then
  size=$(jq .size "$work/audit.json")
  for ((start = 0; start < size; start += 1000)); do ctl alice audit entries --start "$start" --limit 1000 -o json; done >"$work/entries.json" 2>>"$work/logs/posternctl.log"
  ledger_entries=$(grep -c '"kind": "KIND_DISCLOSURE"' "$work/entries.json" || true)
fi

# --- the byte search: canaries that a partner may not see over all it got; every canary over all the gateway wrote
cat "$work/shop/planted.tsv" >"$work/planted.tsv"
cut -f1 "$work/planted.tsv" "$work/clear-pay/planted.tsv" >"$work/all.canaries"
grep -E '^[0-9]{4} ' "$work/all.canaries" | tr -d ' ' >"$work/compact.canaries" || true
cat "$work/compact.canaries" >>"$work/all.canaries"
seen() { # seen PATTERNS FILE...: distinct canaries found
  local patterns=$1; shift
  local found=0
  LC_ALL=C grep -aohrFf "$patterns" "$@" >"$work/seen" || found=$?
  ((found <= 1)) || die "the search for canaries could not be made" # nothing found is 1
  sort -u "$work/seen" | wc -l
}
for p in swift-parcel nordic-freight clear-pay; do
  awk -F'\t' -v p="$p" 'index("," $4 ",", "," p ",") == 0 { print $1; if ($1 ~ /^[0-9]+ /) { gsub(" ", "", $1); print $1 } }' "$work/planted.tsv" >"$work/$p.withheld"
  awk -F'\t' -v p="$p" 'index("," $4 ",", "," p ",") > 0 { print $1 }' "$work/planted.tsv" >"$work/$p.granted"
done
cut -f1 "$work/clear-pay/planted.tsv" >"$work/shop.withheld"
shop_leaks=$(seen "$work/shop.withheld" "$work/shop/received.bin")
on_disk=$(seen "$work/all.canaries" "$work/data")
mkdir -p "$work/gateway-logs"
cp "$work/logs/posternd.log" "$work/logs/metrics.txt" "$work/logs/posternctl.log" "$work/gateway-logs/"
in_logs=$(seen "$work/all.canaries" "$work/gateway-logs")

# --- what was promised against what came
awk -F'\t' '$2 == "DISCLOSURE_STATE_UNDELIVERED" || $2 == "DISCLOSURE_STATE_WITHDRAWN" { print $1 }' "$work/shop/outcomes.tsv" | grep "^partners/$victim/" | sort -u >"$work/undelivered" || true
cut -f1 "$work/$victim/received.tsv" | sort -u >"$work/victim.received"
broken_promise=$(comm -12 "$work/undelivered" "$work/victim.received" | wc -l)
late=$(awk -F'\t' -v t="$terminated_at" '$2 > t' "$work/$victim/received.tsv" | cut -f1 | sort -u | wc -l)
possibly_held=$(jq '.effect.possibly_held_count | tonumber' "$work/termination.json")
released_after=$((broken_promise + (late > possibly_held ? late - possibly_held : 0)))
partner_json() { # NAME TYPE
  jq -n --argjson received "$(received "$1")" --argjson fields "$("$bin/demo-inspect" "$work/$1" --type "$2" | wc -l)" \
    --argjson seen "$(seen "$work/$1.withheld" "$work/$1/received.bin")" '{received: $received, distinct_fields: $fields, canaries_seen: $seen}'
}
jq -n --argjson records "$records" \
  --argjson swift "$(partner_json swift-parcel shop.v1.Shipment)" --argjson nordic "$(partner_json nordic-freight shop.v1.Shipment)" \
  --argjson pay "$(partner_json clear-pay shop.v1.PaymentRequest)" --argjson disk "$on_disk" --argjson logs "$in_logs" \
  --argjson shop_leaks "$shop_leaks" --slurpfile t "$work/termination.json" --slurpfile c "$work/campaign.json" --slurpfile s "$work/shop.json" \
  --argjson reported "$(wc -l <"$work/undelivered")" --argjson after "$released_after" --argjson audit "$audit_verified" \
  --argjson entries "$ledger_entries" '
  {records_sent: $records,
   partners: {"swift-parcel": $swift, "nordic-freight": $nordic, "clear-pay": $pay},
   canaries_on_disk: $disk, canaries_in_logs: $logs, response_canaries_at_shop: $shop_leaks,
   live_streams_at_termination: $t[0].effect.live_streams,
   backlog_at_termination: ($t[0].effect.undelivered_count | tonumber),
   possibly_held: ($t[0].effect.possibly_held_count | tonumber),
   undelivered_reported: $reported, released_after_termination: $after,
   notices: {issued: ($c[0].notice_count | tonumber), handles: ($c[0].handle_count | tonumber),
             attested: ($c[0].attested_count | tonumber), refused: ($c[0].refused_count | tonumber)},
   audit_verified: $audit, ledger_entries: $entries, payments: $s[0].paid, without_outcome: $s[0].without_outcome}' >"$work/result.json"

if ((json)); then
  cat "$work/result.json"
else
  sample=SH-000000
  say "\n== order $sample: what the shop sent, and what each carrier got"
  "$bin/demo-inspect" "$work/shop/sent" --show $sample >"$work/sent.txt"
  "$bin/demo-inspect" "$work/swift-parcel" --show $sample >"$work/swift.txt"
  "$bin/demo-inspect" "$work/nordic-freight" --show $sample >"$work/nordic.txt"
  paste -d'|' <(cut -c1-60 "$work/sent.txt") <(cut -c1-60 "$work/swift.txt") <(cut -c1-60 "$work/nordic.txt") |
    awk -F'|' 'BEGIN { printf "%-62s%-62s%s\n", "SHOP", "SWIFT-PARCEL", "NORDIC-FREIGHT" } { printf "%-62s%-62s%s\n", $1, $2, $3 }'
  say "\n== what was withheld, and why"
  "$bin/posternctl" policy preview -f "$work/bundle" --type shop.v1.Shipment --record <("$bin/demo-inspect" "$work/shop/sent" --raw $sample) || true
  say "\n== the notice and the attestation"
  ctl alice campaign get "$campaign" && ctl alice campaign notices "$campaign"
  cat "$work/logs/$victim.err"
  say "\n== the audit log"
  ctl alice audit verify || true
  say "\n== in numbers"
  cat "$work/result.json"
fi
tail -n 3 "$work/logs/demo-shop.err" >&2 || true

# --- the verdict. The C++ carrier also tries an attestation with a gap, which must be refused.
jq -e --argjson gap "$([[ $victim == swift-parcel ]] && echo 1 || echo 0)" --arg survivor "$survivor" '
  .canaries_on_disk == 0 and .canaries_in_logs == 0 and .response_canaries_at_shop == 0
  and ([.partners[].canaries_seen] | add) == 0 and ([.partners[].received] | min) > 0
  and .partners[$survivor].received == .records_sent
  and .live_streams_at_termination > 0 and .backlog_at_termination > 0 and .released_after_termination == 0
  and .undelivered_reported >= .backlog_at_termination and .without_outcome == 0
  and .notices.issued > 0 and .notices.attested == .notices.issued and .notices.refused == $gap
  and .audit_verified and .ledger_entries > 0' "$work/result.json" >/dev/null || { echo "demo: a promise was broken" >&2; exit 1; }
((shop_code == 0)) || die "the shop ended with $shop_code"
for p in swift-parcel nordic-freight clear-pay; do # the search can find things: what is granted must be there
  (($(seen "$work/$p.granted" "$work/$p/received.bin") > 0)) || die "nothing granted reached $p"
done
say "\nevery promise held"
