// crash_rounds [--store sqlite|postgres] [--rounds N] [--power N] [--kill N] [--seed S] [--json]
//
// Runs N rounds (200), seven in eight by loss of power and the others by kill -9, or as many of each as --power and
// --kill say, and reports what was broken. Exit status: 0 if every round was made and nothing was broken, 1 if not, 2
// wrong usage.
#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/crash/rounds.h"

namespace postern::testing {
namespace {

struct Arguments {
  StoreKind store = StoreKind::kSqlite;
  int power = 175;
  int kill = 25;
  uint64_t seed = 1;
  bool json = false;
};

bool Parse(int argc, char** argv, Arguments* out) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--json") {
      out->json = true;
      continue;
    }
    if (name == "--store") {
      if (i + 1 == argc) return false;
      const std::string store = argv[++i];
      if (store != "sqlite" && store != "postgres") return false;
      out->store = store == "postgres" ? StoreKind::kPostgres : StoreKind::kSqlite;
      continue;
    }
    int64_t value = 0;
    if (i + 1 == argc || !absl::SimpleAtoi(argv[++i], &value) || value < 0) return false;
    if (name == "--rounds") {
      out->kill = static_cast<int>(value / 8);
      out->power = static_cast<int>(value) - out->kill;
    } else if (name == "--power") {
      out->power = static_cast<int>(value);
    } else if (name == "--kill") {
      out->kill = static_cast<int>(value);
    } else if (name == "--seed") {
      out->seed = static_cast<uint64_t>(value);
    } else {
      return false;
    }
  }
  // What a disk does to PostgreSQL is PostgreSQL's: there every round is a kill.
  if (out->store == StoreKind::kPostgres) out->kill += std::exchange(out->power, 0);
  return true;
}

std::string ToJson(const Report& report, absl::Duration took) {
  std::string json = absl::StrCat(
      "{\"rounds\":", report.rounds, ",\"lost\":", report.verdict.lost, ",\"unaccounted\":", report.verdict.unaccounted,
      ",\"forked\":", report.verdict.forked, ",\"refused\":", report.verdict.refused,
      ",\"duplicates\":", report.verdict.duplicates, ",\"damaged\":", report.verdict.damaged,
      ",\"undelivered\":", report.undelivered, ",\"restarts_failed\":", report.restarts_failed,
      ",\"rounds_without_work_in_flight\":", report.uncounted, ",\"acknowledged\":", report.acknowledged,
      ",\"handed\":", report.handed, ",\"checkpoints\":", report.checkpoints,
      ",\"seconds\":", static_cast<int64_t>(absl::ToInt64Seconds(took)), ",\"boundaries\":{");
  const char* comma = "";
  for (const auto& [name, hits] : report.boundaries) {
    absl::StrAppend(&json, comma, "\"", name, "\":", hits);
    comma = ",";
  }
  return absl::StrCat(json, "}}\n");
}

void Print(const Report& report) {
  std::printf("%lld rounds with work in flight, %lld without\n", static_cast<long long>(report.rounds),
              static_cast<long long>(report.uncounted));
  for (const auto& [name, hits] : report.boundaries) {
    std::printf("  %6lld  %s\n", static_cast<long long>(hits), name.c_str());
  }
  std::printf("acknowledged %lld, handed %lld, checkpoints %lld\n", static_cast<long long>(report.acknowledged),
              static_cast<long long>(report.handed), static_cast<long long>(report.checkpoints));
  std::printf(
      "lost %lld, unaccounted %lld, refused %lld, forked %lld, duplicates %lld, damaged %lld, undelivered %lld, "
      "restarts failed %lld\n",
      static_cast<long long>(report.verdict.lost), static_cast<long long>(report.verdict.unaccounted),
      static_cast<long long>(report.verdict.refused), static_cast<long long>(report.verdict.forked),
      static_cast<long long>(report.verdict.duplicates), static_cast<long long>(report.verdict.damaged),
      static_cast<long long>(report.undelivered), static_cast<long long>(report.restarts_failed));
}

int Main(int argc, char** argv) {
  Arguments arguments;
  if (!Parse(argc, argv, &arguments)) {
    std::fputs(
        "usage: crash_rounds [--store sqlite|postgres] [--rounds N] [--power N] [--kill N] [--seed S] [--json]\n",
        stderr);
    return 2;
  }
  const absl::Time begin = absl::Now();
  Report report;
  {
    CrashSite site(arguments.store);
    RunPowerCuts(site, arguments.power, arguments.seed, &report);
    RunKills(site, arguments.kill, arguments.seed, &report);
  }
  if (arguments.json) {
    std::fputs(ToJson(report, absl::Now() - begin).c_str(), stdout);
  } else {
    Print(report);
  }
  return report.good() && report.rounds == arguments.power + arguments.kill ? 0 : 1;
}

}  // namespace
}  // namespace postern::testing

int main(int argc, char** argv) {
  return postern::testing::Main(argc, argv);
}
