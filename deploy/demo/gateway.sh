# Sourced: a gateway in a folder of its own, with development certificates and the retail bundle. Needs $root, $build, $bin and $work.

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
  local deadline=$((SECONDS + $1)); shift
  until "$@"; do ((SECONDS < deadline)) || return 1; sleep 0.05; done
}

# make_gateway: certificates, configuration, keys and the bundle folder in $work
make_gateway() {
  mkdir -p "$work"/{data,logs,bundle/partners}
  chmod 700 "$work" "$work/data"
  "$bin/posternctl" pki dev "$work/pki" --partner swift-parcel --partner nordic-freight --partner clear-pay 2>>"$work/logs/posternctl.log"
  cp "$root/deploy/demo/postern.txtpb.in" "$work/postern.txtpb"
  cp -r "$root/policy/retail/contracts" "$root/policy/retail/catalogue.txtpb" "$root/policy/retail/privacy_policy.txtpb" \
    "$build/retail/retail.binpb" "$work/bundle/"
  ln -s "$work/pki" "$work/bundle/partners/pki"
  "$bin/posternd" --config "$work/postern.txtpb" --init-keys >>"$work/logs/posternd.log" 2>&1 &&
    "$bin/posternd" --config "$work/postern.txtpb" --check 2>>"$work/logs/posternd.log"
}

# start_gateway: starts posternd; sets $gateway (pid) and the addresses $shop $partners $operators $operations
start_gateway() {
  rm -f "$work/data/run/listeners.json"
  "$bin/posternd" --config "$work/postern.txtpb" 2>>"$work/logs/posternd.log" &
  gateway=$!
  pids+=("$gateway")
  wait_for 20 test -s "$work/data/run/listeners.json" || return 1
  shop=$(jq -r .shop "$work/data/run/listeners.json")
  partners=$(jq -r .partners "$work/data/run/listeners.json")
  operators=$(jq -r .operators "$work/data/run/listeners.json")
  operations=$(jq -r .operations "$work/data/run/listeners.json")
}

# ctl PERSON ARGS...: posternctl as alice or bob
ctl() {
  local person=$1; shift
  "$bin/posternctl" --address "$operators" --cert "$work/pki/operators/$person.crt" --key "$work/pki/operators/$person.key" \
    --ca "$work/pki/gateway/ca.crt" "$@"
}

# apply_bundle PAYMENT_ADDRESS: partners and bundle by alice; contracts put in force by bob
apply_bundle() {
  local file revision
  for file in "$root"/deploy/demo/partners/*.txtpb; do
    sed "s/@ADDRESS@/$1/" "$file" >"$work/bundle/partners/$(basename "$file")"
  done
  ctl alice apply -f "$work/bundle" -o json >"$work/apply.json" 2>>"$work/logs/posternctl.log" || return 1
  for revision in $(jq -r '.revisions[] | select(.state == "STATE_PENDING") | .name' "$work/apply.json"); do
    ctl bob activate "$revision" >>"$work/logs/posternctl.log" 2>&1 || return 1
  done
}
