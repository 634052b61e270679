#!/usr/bin/env bash
# sample_config_test.sh: the example configuration of the service passes --check once the files that it names are there, and without a
# credential directory it is refused before a key is written anywhere.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
bin=$POSTERN_DEMO_BUILD/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -m 700 "$work"/{data,keys,tls}
"$bin/posternctl" pki dev "$work/pki" >/dev/null
cp "$work/pki/gateway/server.crt" "$work/tls/gateway.crt"
cp "$work/pki/gateway/server.key" "$work/tls/gateway.key"
cp "$work/pki/gateway/client.crt" "$work/pki/gateway/client.key" "$work/tls/"
cp "$work/pki/shop/ca.crt" "$work/tls/shop-ca.crt"
cp "$work/pki/operators/ca.crt" "$work/tls/operators-ca.crt"
sed "s#/var/lib/postern#$work/data#" "$root/deploy/systemd/postern.txtpb" >"$work/postern.txtpb"

status=0
env -u CREDENTIALS_DIRECTORY "$bin/posternd" --config "$work/postern.txtpb" --init-keys 2>"$work/refusal" || status=$?
((status == 3)) && grep -q 'CREDENTIALS_DIRECTORY' "$work/refusal" && [[ -z $(ls "$work/keys") ]]

export CREDENTIALS_DIRECTORY=$work/keys
"$bin/posternd" --config "$work/postern.txtpb" --init-keys
[[ -s $work/keys/root-keyset && -s $work/keys/minors-root-keyset ]]
"$bin/posternd" --config "$work/postern.txtpb" --check
