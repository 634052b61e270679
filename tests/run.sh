#!/usr/bin/env bash
# run.sh [MODE] [-j N] [--preset NAME] [--mutants] [--json]
#
#   unit | integration | e2e   the tests of that label, in the dev build
#   fuzz                       every fuzz target: its corpus, then FUZZ_SECONDS (20) of new inputs each (clang)
#   asan                       unit, integration and fuzz corpora under AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan                       unit tests of everything that does not include gRPC, under ThreadSanitizer
#   coverage                   line coverage of policy/ by its unit tests, floor 95 % (tests/coverage.sh)
#   nightly                    what takes hours: ten million oracle cases in the release build
#   crash                      CRASH_ROUNDS (2000) power cuts and kills of a gateway under traffic (tests/crash.sh); e2e makes 200
#   lint                       protos, API golden, layering, systemd unit, the tools' own tests
#   model                      the revocation protocol, every state of it (spin)
#   clauses                    unit, integration and e2e, then the clause report (--mutants, --json: see tests/clauses/report.mjs)
#   core                       lint, model, unit, fuzz corpora, integration, e2e and the clause report (what .ci/run does)
#   all                        core, asan and tsan (default)
#
# --preset NAME runs unit, integration, e2e, lint and clauses in another build. The last line is "N passed, N failed", summed over all
# CTest runs; skipped and disabled tests count as failed, and so does a build that breaks. Exit status: 0 only if some test ran and
# none failed. POSTERN_BUILD_ROOT moves the builds away from build/.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

mode=all jobs=$(nproc) preset=dev report_args=()
while (($#)); do
  case $1 in
    unit | integration | e2e | fuzz | asan | tsan | coverage | nightly | crash | lint | model | clauses | core | all) mode=$1 ;;
    -j) jobs=$2; shift ;;
    -j*) jobs=${1#-j} ;;
    --preset) preset=$2; shift ;;
    --mutants | --json) report_args+=("$1") ;;
    -h | --help) sed -n '2,22s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) sed -n '2,22s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done

build_root=${POSTERN_BUILD_ROOT:-$PWD/build}
results=$build_root/test-results
rm -rf "$results"
mkdir -p "$results"

passed=0 failed=0 timings=()

# timed NAME COMMAND...: runs it and remembers how long it took.
timed() {
  local name=$1 started=$SECONDS status=0
  shift
  printf '\n== %s\n' "$name"
  "$@" || status=$?
  timings+=("$(printf '%5d s  %s' $((SECONDS - started)) "$name")")
  return $status
}

# fail WHAT: counts something that is not a test as one failure.
fail() {
  echo "FAILED: $1"
  failed=$((failed + 1))
}

configure_and_build() {
  local preset=$1 target=$2 log=$results/build-$1-$2.log
  cmake --preset "$preset" -B "$build_root/$preset" >"$log" 2>&1 || { tail -40 "$log"; return 1; }
  cmake --build "$build_root/$preset" --target "$target" -j "$jobs" >"$log" 2>&1 || { grep -A20 -E 'FAILED|error:' "$log" | head -120; return 1; }
}

# build PRESET [TARGET]: once each; later calls return the first outcome.
declare -A built=()
build() {
  local preset=$1 target=${2:-all}
  local key=$preset/$target
  if [[ -z ${built[$key]:-} ]]; then
    if timed "build $key" configure_and_build "$preset" "$target"; then built[$key]=yes; else built[$key]=no; fail "build $key"; fi
  fi
  [[ ${built[$key]} == yes ]]
}

attribute() { sed -n "s/.*<testsuite.* $2=\"\([0-9]*\)\".*/\1/p;s/^[[:space:]]*$2=\"\([0-9]*\)\".*/\1/p" "$1" | head -1; }

# ctest_run NAME PRESET LABELS [CTEST OPTIONS]: runs the tests whose label matches, and adds them to the sums.
ctest_run() {
  local name=$1 build=$build_root/$2 labels=$3 xml=$results/$1.xml status=0
  shift 3
  ctest --test-dir "$build" -L "^($labels)\$" --no-tests=error --output-on-failure --output-junit "$xml" --timeout 600 "$@" \
    >"$results/$name.log" 2>&1 || status=$?
  local tests failures disabled skipped
  tests=$(attribute "$xml" tests) failures=$(attribute "$xml" failures) disabled=$(attribute "$xml" disabled)
  skipped=$(attribute "$xml" skipped)
  local bad=$((${failures:-0} + ${disabled:-0} + ${skipped:-0}))
  passed=$((passed + ${tests:-0} - bad)) failed=$((failed + bad))
  if ((status != 0 || bad > 0)); then grep -vE '^ *[0-9]+/[0-9]+ Test .*Passed|^ +Start +[0-9]+:' "$results/$name.log" | tail -150; fi
  if ((${tests:-0} == 0)); then fail "$name ran no tests"; elif ((status != 0 && bad == 0)); then fail "$name (ctest exit status $status)"; fi
  echo "$name: ${tests:-0} tests, $bad failed"
  return $status
}

run_lint() { build "$preset" layering && timed lint ctest_run lint "$preset" 'lint|layering' -j "$jobs"; }
run_unit() { build "$preset" && timed unit ctest_run unit "$preset" 'unit' -j "$jobs"; }
run_corpora() { build "$preset" && timed corpora ctest_run corpora "$preset" fuzz -j "$jobs"; }
run_integration() { build "$preset" && timed integration ctest_run integration "$preset" integration -j "$jobs"; }
# Whole processes share the machine's ports and cores: one at a time.
run_e2e() { build "$preset" && timed e2e ctest_run e2e "$preset" e2e -j 1; }
run_nightly() { build release unit_policy_projection && timed nightly ctest_run nightly release nightly -C nightly -j "$jobs"; }
run_crash() {
  build "$preset" crash_rounds && build "$preset" posternd || return
  if POSTERN_BUILD=$build_root/$preset timed crash tests/crash.sh --rounds "${CRASH_ROUNDS:-2000}"; then passed=$((passed + 1)); else fail crash; fi
}
run_coverage() { if JOBS=$jobs timed coverage tests/coverage.sh; then passed=$((passed + 1)); else fail coverage; fi; }
run_asan() { build asan && timed asan ctest_run asan asan 'unit|integration|fuzz' -j "$jobs"; }
run_tsan() { build tsan && timed tsan ctest_run tsan tsan unit -j "$jobs"; }

run_fuzz() {
  build fuzz postern_fuzzers || return
  timed 'fuzz corpora' ctest_run fuzz-corpora fuzz fuzz -j "$jobs"
  local target name found=$build_root/fuzz/found
  for target in "$build_root"/fuzz/bin/fuzz_*; do
    [[ -x $target ]] || continue
    name=${target##*/}
    mkdir -p "$found/$name"
    # New inputs go to the build directory; a crash leaves its input there too.
    if timed "fuzz $name" "$target" -max_total_time="${FUZZ_SECONDS:-20}" -print_final_stats=1 -artifact_prefix="$found/$name-" \
      "$found/$name" "$(<"$target.corpus")" >"$results/$name.log" 2>&1; then
      passed=$((passed + 1))
    else
      tail -60 "$results/$name.log"
      fail "$name"
    fi
  done
}

run_model() { build "$preset" layering && timed model ctest_run model "$preset" model -j "$jobs"; }

run_clauses() {
  local xml
  xml=$(ls "$results"/{unit,integration,e2e,asan,tsan,lint}.xml 2>/dev/null)
  # shellcheck disable=SC2086  # a list of files
  POSTERN_BUILD=$build_root/$preset timed 'clause report' node tests/clauses/report.mjs --json-file "$results/clauses.json" \
    "${report_args[@]}" $xml || fail 'the clause report'
}

finish() {
  printf '\n'
  ((${#timings[@]})) && printf '%s\n' "${timings[@]}"
  if ((passed + failed == 0)); then echo 'no test ran'; fi
  echo "$passed passed, $failed failed"
  ((failed == 0 && passed > 0))
  exit
}
trap 'fail interrupted; finish' INT TERM

timed dependencies deploy/install-deps.sh build test || { fail dependencies; finish; }
case $mode in
  unit) run_unit ;;
  integration) run_integration ;;
  e2e) run_e2e ;;
  lint) run_lint ;;
  model) run_model ;;
  fuzz) run_fuzz ;;
  asan) run_asan ;;
  tsan) run_tsan ;;
  coverage) run_coverage ;;
  nightly) run_nightly ;;
  crash) run_crash ;;
  clauses) run_unit; run_integration; run_e2e; run_clauses ;;
  core) run_lint; run_model; run_unit; run_corpora; run_integration; run_e2e; run_clauses ;;
  all) run_lint; run_model; run_unit; run_corpora; run_integration; run_e2e; run_asan; run_tsan; run_clauses ;;
esac
finish
