#!/usr/bin/env bash
# install-deps.sh [build|test|demo|bench|coverage] ...   Installs Debian packages and the npm tools of proto/. Default: build test.
# Does nothing, quickly, where everything is there. Works as root or with sudo.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

build_packages=(cmake ninja-build ccache g++ pkg-config mold
  libcurl4-openssl-dev libgrpc++-dev protobuf-compiler-grpc libprotobuf-dev protobuf-compiler libabsl-dev libssl-dev libsqlite3-dev libpq-dev libre2-dev
  libcli11-dev libjemalloc-dev prometheus-cpp-dev zlib1g-dev libprotozero-dev libgtest-dev libgmock-dev)
demo_packages=(jq curl sqlite3 openssl)
test_packages=(spin postgresql sqlite3 jq openssl curl systemd clang clang-tidy clang-format lld llvm libclang-rt-14-dev)
bench_packages=(nginx-light)
coverage_packages=(gcc jq)  # gcov comes with the compiler

wanted=()
node_partner=0
for group in "${@:-build}"; do
  case $group in
    build) wanted+=("${build_packages[@]}") ;;
    test) wanted+=("${test_packages[@]}"); node_partner=1 ;;
    demo) wanted+=("${demo_packages[@]}"); node_partner=1 ;;
    bench) wanted+=("${bench_packages[@]}") ;;
    coverage) wanted+=("${coverage_packages[@]}") ;;
    *) echo "usage: install-deps.sh [build|test|demo|bench|coverage] ..." >&2; exit 2 ;;
  esac
done
if [[ $# -eq 0 ]]; then wanted+=("${test_packages[@]}"); node_partner=1; fi

installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# The protobuf tools run on Node.js; any version from 18 on will do, wherever it came from.
command -v node >/dev/null || wanted+=(nodejs)
command -v npm >/dev/null || wanted+=(npm)

missing=()
for package in "${wanted[@]}"; do installed "$package" || missing+=("$package"); done
if ((${#missing[@]})); then
  sudo=()
  if ((EUID != 0)); then sudo=(sudo); fi
  echo "installing: ${missing[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
fi

# npm_install DIR: runs `npm ci` unless node_modules was installed from this very lock file.
npm_install() {
  local dir=$1 stamp=$1/node_modules/.postern-lock
  if ! cmp -s "$dir/package-lock.json" "$stamp"; then
    npm ci --prefix "$dir" --no-audit --no-fund --loglevel=error
    cp "$dir/package-lock.json" "$stamp"
  fi
}
npm_install "$root/proto"
if ((node_partner)); then npm_install "$root/client/node"; fi
