#!/usr/bin/env bash
# The projector beside its peers in one process: memcpy of the record, a protozero loop, libprotobuf's parse alone and with TrimMessage
# (generated on an arena, and dynamic). Rounds are interleaved; ratios are of minima. Options: --json --check --rounds N --cell NAME
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
"$root/deploy/install-deps.sh" build >&2
build=${POSTERN_BENCH_BUILD:-$root/build/release}
if [[ -z ${POSTERN_BENCH_BUILD:-} ]]; then
  (cd "$root" && cmake --preset release >/dev/null && cmake --build --preset release -j "$(nproc)" --target bench-projection >&2)
fi
exec "$build/bin/bench-projection" "$@"
