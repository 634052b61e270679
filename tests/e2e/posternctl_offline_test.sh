#!/usr/bin/env bash
# The offline half of posternctl, on the shipped bundle: output for people and programs, exit codes.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
ctl=$POSTERN_DEMO_BUILD/bin/posternctl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "posternctl_offline: $*" >&2; exit 1; }
# expect CODE COMMAND...: runs it, output in $work/out and $work/err
expect() {
  local want=$1 code=0; shift
  "$@" >"$work/out" 2>"$work/err" || code=$?
  ((code == want)) || { cat "$work/out" "$work/err"; fail "'$*' ended with $code, not $want"; }
}
mkdir "$work/bundle"
cp -r "$root"/policy/retail/{contracts,catalogue.txtpb,privacy_policy.txtpb} "$POSTERN_DEMO_BUILD/retail/retail.binpb" "$work/bundle"

expect 0 "$ctl" --help
grep -q 'Exit codes' "$work/out" || fail 'the help does not tell the exit codes'
expect 2 "$ctl" no-such-command
expect 2 "$ctl" terminate swift-parcel --cert /nonexistent --confirm=
expect 0 "$ctl" completion
# complete WORDS...: what follows the last of them
complete_words() {
  (source "$work/completion"; COMP_WORDS=(posternctl "$@"); COMP_CWORD=$#; _posternctl; echo " ${COMPREPLY[*]} ")
}
cp "$work/out" "$work/completion"
[[ $(complete_words --address host:1 policy '') == *' lint '* ]] || fail 'completion stops at the value of an option'
[[ $(complete_words policy lint -f bundle --) == *' --previous '* ]] || fail 'completion stops at the value of a short option'
[[ $(complete_words terminate swift-parcel --) == *' --confirm '* ]] || fail 'completion stops at an argument'
[[ $(complete_words pol) == ' policy ' ]] || fail 'completion does not complete'

expect 0 "$ctl" policy explain -f "$work/bundle" --partner swift-parcel --purpose delivery --type shop.v1.Shipment -o json
jq -e '[.fields[] | select(.path == "account_email") | .granted] == [false]' "$work/out" || fail 'explain'
expect 2 "$ctl" policy explain -f "$work/bundle" --partner swift-parcel --purpose marketing --type shop.v1.Shipment
"$ctl" policy lint -f "$work/bundle" -o json >"$work/out" || (($? == 1)) || fail 'lint'

expect 0 "$ctl" policy render -f "$work/bundle"
grep -q 'swift-parcel' "$work/out" || fail 'render leaves a partner out'
expect 0 "$ctl" policy render -f "$work/bundle" --html
grep -qi '<html' "$work/out" || fail 'render --html'

expect 0 "$ctl" contract export-schema -f "$work/bundle" partners/swift-parcel/contracts/parcel --out "$work/schema"
protoc -I "$work/schema" --descriptor_set_out=/dev/null shop/v1/shipment.proto || fail 'the exported schema does not compile'
grep -q account_email "$work/schema/shop/v1/shipment.proto" && fail 'the exported schema tells a field that is not granted'

cat >"$work/record.txtpb" <<'TXT'
reference: "SH-1" version: 1 order_number: "O-1" customer_id: "customer-7" account_email: "hidden@example.org"
recipient { name: "Chloé" phone: "+33612345678" minor: false address { street: "Rue 1" city: "Lyon" postcode: "69001" country: "FR" } }
sender { country: "DE" } remark: "card 4111 1111 1111 1111"
TXT
expect 0 "$ctl" policy preview -f "$work/bundle" --type shop.v1.Shipment --text --record "$work/record.txtpb" -o json
jq -e '[.columns[] | select(.partner == "partners/swift-parcel") | .fields[] | select(.path == "recipient.name")] | length == 1' "$work/out" || fail 'preview'
grep -q 'hidden@example.org' "$work/out" && fail 'preview shows what no partner gets'
grep -q '4111' "$work/out" && fail 'preview shows a card number'
expect 0 "$ctl" policy preview -f "$work/bundle" --type shop.v1.Shipment --text --record "$work/record.txtpb"
grep -q 'not granted' "$work/out" || fail 'preview tells no reasons'
# A partner that would get nothing has a line with the reason in place of an empty column.
sed 's/name: "Chloé"//' "$work/record.txtpb" >"$work/nameless.txtpb"
expect 0 "$ctl" policy preview -f "$work/bundle" --type shop.v1.Shipment --text --record "$work/nameless.txtpb"
grep -Eq '^swift-parcel delivery +gets nothing: .*required' "$work/out" || { cat "$work/out"; fail 'preview does not say who gets nothing'; }
head -1 "$work/out" | grep -q 'swift-parcel' && fail 'preview has a column for who gets nothing'

# A contract that exceeds the policy: place, clause, exit code 1.
sed -i 's/fields { path: "recipient.company" }/fields { path: "account_email" }/' "$work/bundle/contracts/swift-parcel.txtpb"
expect 1 "$ctl" policy lint -f "$work/bundle"
grep -Eq 'contracts/swift-parcel.txtpb:[0-9]+:[0-9]+: error: .*\[[PW][0-9]' "$work/err" || { cat "$work/err"; fail 'no place or clause'; }

"$ctl" pki dev "$work/pki" --partner x
[[ $(stat -c %a "$work/pki/gateway/server.key") == 600 ]] || fail 'a private key can be read by others'
expect 4 "$ctl" get partners --address localhost:1 --timeout 2 --cert "$work/pki/operators/alice.crt" --key "$work/pki/operators/alice.key" --ca "$work/pki/gateway/ca.crt"
expect 2 "$ctl" get partners --cert "$work/nothing"
echo "posternctl_offline: ok"
