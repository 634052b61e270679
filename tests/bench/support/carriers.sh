# Sourced after deploy/demo/gateway.sh: a gateway with many partners of one kind.

# make_carriers COUNT [SED]: in place of the retail bundle's partners carrier-1 to carrier-COUNT, each with a certificate of its own and
# swift-parcel's contract as SED changes it. After make_gateway, before start_gateway.
make_carriers() {
  local i partner_options=()
  for i in $(seq "$1"); do partner_options+=(--partner "carrier-$i"); done
  rm -rf "$work/pki"
  "$bin/posternctl" pki dev "$work/pki" "${partner_options[@]}" 2>>"$work/logs/posternctl.log" || return 1
  for i in $(seq "$1"); do
    sed "s/swift-parcel/carrier-$i/g; ${2:-}" "$work/bundle/contracts/swift-parcel.txtpb" >"$work/bundle/contracts/carrier-$i.txtpb"
    sed "s/swift-parcel/carrier-$i/g; s/Swift Parcel/Carrier $i/" "$root/deploy/demo/partners/swift-parcel.txtpb" >"$work/bundle/partners/carrier-$i.txtpb"
  done
  rm "$work"/bundle/contracts/{swift-parcel,nordic-freight,clear-pay}.txtpb
}

# apply_carriers COUNT: by alice, put in force by bob; fails unless all are
apply_carriers() {
  local revision in_force=0
  ctl alice apply -f "$work/bundle" -o json >"$work/apply.json" 2>>"$work/logs/posternctl.log" || { tail -n 5 "$work/logs/posternctl.log" >&2; return 1; }
  for revision in $(jq -r '.revisions[] | select(.state == "STATE_PENDING") | .name' "$work/apply.json"); do
    ctl bob activate "$revision" >>"$work/logs/posternctl.log" 2>&1 && in_force=$((in_force + 1))
  done
  ((in_force == $1)) || { echo "only $in_force of $1 contracts are in force" >&2; return 1; }
}
