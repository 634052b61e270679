// bench-projection: the projector beside its peers, in one process. See tests/bench/projection.sh.
#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/bench/projection/compile_load.h"
#include "tests/bench/projection/goals.h"
#include "tests/bench/projection/subjects.h"

namespace postern::bench {
namespace {

constexpr double kCompileGoalSeconds = 1;

struct Options {
  bool json = false;
  bool check = false;
  int rounds = 60;
  std::string cell;  // only this one
};

struct Results {
  std::map<std::string, Timings> cells;
  std::string json;
  bool sound = true;  // outputs agree, nothing allocated, compiling is quick enough
};

void Complain(Results* results, const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  results->sound = false;
}

void RunCell(const Cell& cell, const Options& options, Results* results) {
  const CellSubjects subjects(cell);
  const std::string problem = subjects.Check();
  if (!problem.empty()) Complain(results, absl::StrCat(cell.name, ": ", problem));
  const Timings timings = Time(subjects.subjects(), options.rounds);
  absl::StrAppend(&results->json, results->cells.empty() ? "" : ",", "\"", cell.name,
                  "\":{\"record_bytes\":", subjects.record_bytes(), ",\"record_fields\":", subjects.record_fields(),
                  ",\"projected_bytes\":", subjects.projected_bytes(), ",\"subjects\":{");
  if (!options.json) {
    std::printf("%s: %zu bytes, %d fields, %zu bytes projected\n", cell.name.c_str(), subjects.record_bytes(),
                subjects.record_fields(), subjects.projected_bytes());
  }
  const double copy = timings.at("memcpy").min_ns;
  for (const Subject& subject : subjects.subjects()) {
    const Timing& timing = timings.at(subject.name);
    absl::StrAppendFormat(&results->json,
                          "%s\"%s\":{\"min_ns\":%.1f,\"median_ns\":%.1f,\"per_memcpy\":%.2f,\"heap_allocations\":%.2f}",
                          &subject == &subjects.subjects()[0] ? "" : ",", subject.name, timing.min_ns, timing.median_ns,
                          timing.min_ns / copy, timing.heap_allocations);
    if (!options.json) {
      std::printf("  %-22s min %9.1f ns   median %9.1f ns   %7.2f x memcpy   %.2f allocations\n", subject.name.c_str(),
                  timing.min_ns, timing.median_ns, timing.min_ns / copy, timing.heap_allocations);
    }
    const bool ours = subject.name.rfind("project", 0) == 0 && subject.name != "project_and_verify";
    if (ours && timing.heap_allocations > 0)
      Complain(results, absl::StrCat(cell.name, ": ", subject.name, " allocates"));
  }
  absl::StrAppend(&results->json, "}}");
  results->cells[cell.name] = timings;
}

int Run(const Options& options) {
  Results results;
  for (const bool carrier : {true, false}) {
    for (const auto& [size, label] :
         {std::pair{OrderSize::kSmall, "0.2k"}, {OrderSize::kMiddle, "2k"}, {OrderSize::kLarge, "20k"}}) {
      const Cell cell{size, carrier, absl::StrCat(carrier ? "carrier." : "payment.", label)};
      if (options.cell.empty() || options.cell == cell.name) RunCell(cell, options, &results);
    }
  }
  std::string goals;
  bool floors = true;
  for (const Outcome& outcome : Judge(results.cells)) {
    const Goal& goal = outcome.goal;
    const std::string floor = goal.floor ? absl::StrCat(*goal.floor) : "";
    floors = floors && outcome.above_floor();
    absl::StrAppendFormat(&goals,
                          "%s{\"cell\":\"%s\",\"ratio\":\"%s/%s\",\"value\":%.2f,\"%s\":%g,\"floor\":%s,\"met\":%s,"
                          "\"above_floor\":%s}",
                          goals.empty() ? "" : ",", goal.cell, goal.numerator, goal.denominator, outcome.ratio,
                          goal.at_least ? "at_least" : "at_most", goal.goal, floor.empty() ? "null" : floor,
                          outcome.met() ? "true" : "false", outcome.above_floor() ? "true" : "false");
    if (!options.json) {
      std::printf("%-12s %-32s %8.2f  %s %g%s  %s\n", goal.cell.c_str(),
                  absl::StrCat(goal.numerator, " / ", goal.denominator).c_str(), outcome.ratio,
                  goal.at_least ? ">=" : "<=", goal.goal, floor.empty() ? "" : absl::StrCat(", floor ", floor).c_str(),
                  outcome.met()           ? "met"
                  : outcome.above_floor() ? "MISSED"
                                          : "BELOW FLOOR");
    }
  }
  std::string compile;
  if (options.cell.empty()) {
    const CompileLoad load = RunCompileLoad();
    compile = absl::StrFormat(",\"compile\":{\"messages\":%d,\"contracts\":%d,\"seconds\":%.3f,\"at_most\":%g}",
                              load.messages, load.contracts, load.seconds, kCompileGoalSeconds);
    if (!load.problem.empty()) Complain(&results, load.problem);
    if (load.seconds > kCompileGoalSeconds) Complain(&results, "compiling takes too long");
    if (!options.json) {
      std::printf("compile: %d contracts over %d messages in %.3f s\n", load.contracts, load.messages, load.seconds);
    }
  }
  const bool passed = floors && results.sound;
  if (options.json) {
    std::printf("{\"cells\":{%s},\"goals\":[%s]%s,\"passed\":%s}\n", results.json.c_str(), goals.c_str(),
                compile.c_str(), passed ? "true" : "false");
  }
  return options.check && !passed ? 1 : 0;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) {
  postern::bench::Options options;
  CLI::App app("The projector beside its peers");
  app.add_flag("--json", options.json, "One JSON object");
  app.add_flag("--check", options.check, "Exit code 1 below a floor, on an allocation, or where outputs differ");
  app.add_option("--rounds", options.rounds, "Rounds of the interleaved run")->check(CLI::PositiveNumber);
  app.add_option("--cell", options.cell, "Only this cell, for example carrier.2k");
  CLI11_PARSE(app, argc, argv);
  return postern::bench::Run(options);
}
