#!/usr/bin/env bash
# coverage.sh [FLOOR]   Line coverage of policy/ by its own unit tests, file by file. Fails below FLOOR percent (95).
#
# Builds preset `coverage` (unoptimised, GCC's --coverage, without gRPC), runs unit_policy_*, and adds up what gcov counts: a line is
# covered if it ran in any instance of its code. POSTERN_BUILD_ROOT moves the build away from build/.
set -euo pipefail
cd "$(dirname "$0")/.."
floor=${1:-95}
build=${POSTERN_BUILD_ROOT:-$PWD/build}/coverage
jobs=${JOBS:-$(nproc)}

deploy/install-deps.sh build coverage
cmake --preset coverage -B "$build" >/dev/null
targets=(unit_policy_projection unit_policy_language unit_policy_report unit_policy_schemas)
# Binaries of an earlier build must not be taken for what does not compile.
cmake --build "$build" --target "${targets[@]}" -j "$jobs" >"$build/build.log" 2>&1 || { grep -E 'FAILED|error' "$build/build.log" >&2; exit 1; }
find "$build" -name '*.gcda' -delete
for target in "${targets[@]}"; do
  POSTERN_ORACLE_CASES=${POSTERN_ORACLE_CASES:-8000} "$build/bin/$target" --gtest_brief=1 >"$build/$target.log" 2>&1 || { tail -40 "$build/$target.log"; exit 1; }
done

find "$build/policy" -name '*.gcda' -print0 | xargs -0 gcov --json-format --stdout 2>/dev/null |
  jq -rs --arg root "$PWD/" --argjson floor "$floor" '
    [.[].files[] | (.file | ltrimstr($root) | sub("^(\\.\\./)+"; "")) as $name | select($name | startswith("policy/"))
     | .lines[] | {name: $name, line: .line_number, count}]
    | group_by(.name)
    | map({name: .[0].name, lines: (group_by(.line) | map(map(.count) | max))}
          | {name, all: (.lines | length), covered: (.lines | map(select(. > 0)) | length)})
    | (.[] | "\(.covered * 1000 / .all | round / 10) %\t\(.covered)/\(.all)\t\(.name)"),
      ((map(.covered) | add) as $covered | (map(.all) | add) as $all
       | "policy/: \($covered) of \($all) lines, \($covered * 1000 / $all | round / 10) %, floor \($floor) %",
         (if $covered * 100 < $floor * $all then "BELOW THE FLOOR" else empty end))' | tee "$build/coverage.txt"
! grep -q 'BELOW THE FLOOR' "$build/coverage.txt"
