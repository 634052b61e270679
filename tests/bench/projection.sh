#!/usr/bin/env bash
# The projector beside its peers in one process: memcpy of the record, a protozero loop, libprotobuf's parse alone and with TrimMessage
# (generated on an arena, and dynamic). Rounds are interleaved; ratios are of minima. Options: --json --check --rounds N --cell NAME
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
"$root/deploy/install-deps.sh" build >&2
# shellcheck source=tests/bench/support/release.sh
source "$root/tests/bench/support/release.sh"
release_build bench-projection
exec "$build/bin/bench-projection" "$@"
