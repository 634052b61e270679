#!/usr/bin/env bash
# check.sh [all|intact|broken]: looks at every state of revocation.pml, and shows that the check finds each protocol that lacks a part.
# One line per build; exit status 0 only if the intact protocol holds everywhere and every broken one is found.
set -euo pipefail
cd "$(dirname "$0")"
what=${1:-all}
work=$(mktemp -d "${TMPDIR:-/tmp}/postern-model.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0

# explore MACRO...: the verifier's verdict, in $work/verdict.
explore() {
  spin -o3 "${@/#/-D}" -a "$PWD/revocation.pml" >"$work/spin.log" 2>&1 || { cat "$work/spin.log"; exit 1; }
  gcc -w -O2 -DSAFETY -DMEMLIM=3000 -o "$work/pan" pan.c
  "$work/pan" -m1000000 -n >"$work/verdict" 2>&1 || true
  rm -f revocation.pml.trail
}

# complete: the search ended by itself, without an error.
complete() { grep -q 'errors: 0' "$work/verdict" && ! grep -qE 'Search not completed|max search depth too small|pan: (out of|reached)' "$work/verdict"; }
states() { sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$work/verdict"; }

cp revocation.pml "$work"
cd "$work"
if [[ $what != broken ]]; then
  for scope in '' COARSE; do
    # shellcheck disable=SC2086  # no macro or one
    explore $scope
    if complete; then
      echo "holds     ${scope:-FULL}: $(states) states"
    else
      echo "VIOLATED  ${scope:-FULL}"; grep -E 'violated|errors|completed|pan:' verdict; failed=1
    fi
  done
fi
if [[ $what != intact ]]; then
  for broken in $(grep -oE 'BREAK_[A-Z_]+[A-Z]' revocation.pml | sort -u); do
    explore "$broken"
    if ! grep -q 'assertion violated' verdict; then explore "$broken" COARSE; fi
    if grep -q 'assertion violated' verdict; then
      echo "found     $broken: $(sed -n 's/.*assertion violated *\(.*\) (at depth.*/\1/p' verdict)"
    else
      echo "NOT FOUND $broken"; failed=1
    fi
  done
fi
exit $failed
