#!/usr/bin/env bash
# check.sh lint      the protos follow the style of proto/buf.yaml
# check.sh breaking  the protos break nothing that tests/golden/api/postern.v1.binpb promises
# check.sh detects   a renamed, a removed and a retyped field are each found by `breaking`
# check.sh --update  writes the golden anew: only when the break is meant
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
proto=$(cd "$here/../../../proto" && pwd)
buf=$proto/node_modules/.bin/buf
golden=$here/postern.v1.binpb
rules='{"version":"v2","breaking":{"use":["FILE"]}}'
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache  # buf writes a cache; the test leaves nothing behind

# image PROTO_DIR OUT: the descriptor image of the public API, without comments.
image() { (cd "$1" && "$buf" build --path postern --exclude-source-info -o "$2"); }
breaking() { "$buf" breaking "$1" --against "$golden" --config "$rules" --exclude-imports; }

case ${1:-} in
  lint) cd "$proto" && "$buf" lint ;;
  breaking) image "$proto" "$work/now.binpb" && breaking "$work/now.binpb" ;;
  detects)
    for edit in 's/string partner_kind = 2;/string kind_of_partner = 2;/' '/string partner_kind = 2;/d' 's/string partner_kind = 2;/bytes partner_kind = 2;/'; do
      rm -rf "$work/proto"; mkdir "$work/proto"
      cp -r "$proto/postern" "$proto/buf.yaml" "$work/proto/"
      ln -s "$proto/node_modules" "$work/proto/node_modules"
      sed -i "$edit" "$work/proto/postern/v1/contract.proto"
      if cmp -s "$proto/postern/v1/contract.proto" "$work/proto/postern/v1/contract.proto"; then echo "the edit did nothing: $edit"; exit 1; fi
      image "$work/proto" "$work/now.binpb"
      if breaking "$work/now.binpb"; then echo "not found: $edit"; exit 1; fi
    done ;;
  --update) image "$proto" "$golden" && echo "wrote $golden" ;;
  *) sed -n '2,5s/^# //p' "$0" >&2; exit 2 ;;
esac
