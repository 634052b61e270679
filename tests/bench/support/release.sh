# Sourced by the benchmarks. shellcheck shell=bash

# release_build TARGET...: builds them in the release build, or takes the one that POSTERN_BENCH_BUILD names; sets $build and $bin.
# Needs $root, the checkout.
release_build() {
  build=${POSTERN_BENCH_BUILD:-$root/build/release}
  bin=$build/bin
  [[ -n ${POSTERN_BENCH_BUILD:-} ]] && return
  (cd "$root" && cmake --preset release >/dev/null && cmake --build --preset release -j "$(nproc)" --target "$@" >&2)
}

# scratch_folder: makes $work, and removes it at the end, after ending the processes in $pids and calling `also_at_end` if the
# benchmark defines it. POSTERN_BENCH_KEEP keeps the folder.
scratch_folder() {
  work=$(mktemp -d "${TMPDIR:-/tmp}/postern-bench.XXXXXX")
  pids=()
  trap leave_nothing EXIT
}

leave_nothing() {
  ((${#pids[@]})) && kill "${pids[@]}" 2>/dev/null
  wait 2>/dev/null || true
  if declare -F also_at_end >/dev/null; then also_at_end; fi
  if [[ -n ${POSTERN_BENCH_KEEP:-} ]]; then echo "files are in $work" >&2; else rm -rf "$work"; fi
}
