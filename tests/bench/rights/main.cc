// bench-rights: what people's rights cost in gateways that run, over mTLS. See tests/bench/rights.sh.
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "tests/bench/delivery/receivers.h"
#include "tests/bench/delivery/site.h"
#include "tests/bench/gateway/verdict.h"
#include "tests/bench/rights/interval.h"
#include "tests/bench/rights/overhead.h"
#include "tests/bench/rights/requests.h"
#include "tests/bench/rights/retention.h"

namespace postern::bench {
namespace {

constexpr int kPartner = 1;
constexpr int kRequests = 100;         // people who ask for a report, and as many for erasure
constexpr int64_t kConsents = 20'000;  // people with a consent on record, all of whom have records disclosed
constexpr int kOverheadBatch = 64;

struct Options {
  SiteAddresses full, watched, plain;
  int watched_pid = 0;
  int plain_pid = 0;
  int64_t disclosures = 5'000'000;
  int64_t each = 20;  // disclosures of one person
  int rounds = 8;
  int64_t orders = 40'000;
  std::vector<std::string> only = {"requests", "retention", "overhead", "overhead-batch"};
  bool json = false;
  bool check = false;
};

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {}

  int Run() {
    if (Wanted("requests") || Wanted("retention")) RunFull();
    if (Wanted("overhead") || Wanted("overhead-batch")) RunOverhead();
    const std::string json =
        absl::StrCat("{\"disclosures\":", options_.disclosures, json_, ",\"goals\":", ToJson(verdicts_), "}");
    std::cout << (options_.json ? json : text_ + ToText(verdicts_)) << std::endl;
    return options_.check && !AllMet(verdicts_) ? 1 : 0;
  }

 private:
  bool Wanted(const std::string& part) const {
    return std::find(options_.only.begin(), options_.only.end(), part) != options_.only.end();
  }

  void Print(const std::string& name, const std::string& json, const std::string& text) {
    absl::StrAppend(&json_, ",\"", name, "\":{", json, "}");
    absl::StrAppend(&text_, name, ": ", text, "\n");
  }

  void RunFull() {
    const int64_t persons = options_.disclosures / options_.each;
    Site site(options_.full, persons);
    People people(&site);
    Receivers::Stubs stubs;
    stubs.push_back(site.Partner(kPartner));
    const Receivers receivers(stubs, 1, 0);
    // In parts, so that what waits for the partner stays small, as in a gateway whose partners are there.
    constexpr int64_t kPart = 64 * 1024;
    for (int64_t made = 0; made < options_.disclosures; made = site.records().made()) {
      site.Fill({kPartner}, std::min(kPart, options_.disclosures - made));
      receivers.Await(site.records().made());
      if (made % (kPart * 8) == 0) std::cerr << "bench-rights: " << site.records().made() << " rows" << std::endl;
    }
    std::cerr << "bench-rights: the ledger is full" << std::endl;
    if (Wanted("requests")) Access(people, site.records().made(), persons);
    if (Wanted("retention")) Retention(site, people);
    // Last: nothing can be disclosed any more about who is erased.
    if (Wanted("requests")) Erasure(people, site.records().made(), persons);
  }

  void Access(People& people, int64_t disclosures, int64_t persons) {
    Latencies latencies;
    MeasureAccess(people, disclosures, persons, kRequests, &latencies);
    PrintLatencies("access_report", latencies, disclosures, 50);
  }

  void Erasure(People& people, int64_t disclosures, int64_t persons) {
    Latencies latencies;
    MeasureErasure(people, disclosures, persons, kRequests, &latencies);
    PrintLatencies("erasure_in_force", latencies, disclosures, 20);
  }

  void PrintLatencies(const std::string& name, const Latencies& latencies, int64_t disclosures, double goal_ms) {
    const double p50 = latencies.Quantile(0.5) / 1000;
    const double p99 = latencies.Quantile(0.99) / 1000;
    Print(
        name,
        absl::StrFormat("\"count\":%d,\"ledger\":%d,\"p50_ms\":%.2f,\"p99_ms\":%.2f", kRequests, disclosures, p50, p99),
        absl::StrFormat("%d people, with %d disclosures in the ledger: p50 %.2f ms, p99 %.2f ms", kRequests,
                        disclosures, p50, p99));
    verdicts_.push_back({name, "p99_ms", "value", p99, goal_ms, false});
  }

  void Retention(Site& site, People& people) {
    constexpr int kRounds = 3;
    const RetentionFigures figures = MeasureRetention(site, people, kPartner, kRounds, options_.orders);
    const double rate = Median(figures.orders_per_second);
    std::vector<double> rises;
    for (int i = 0; i < kRounds; ++i) {
      const auto at = static_cast<size_t>(i);
      rises.push_back(figures.p99_beside_ms[at] / figures.p99_alone_ms[at]);
    }
    const double alone = Median(figures.p99_alone_ms);
    const double beside = Median(figures.p99_beside_ms);
    Print("retention",
          absl::StrFormat("\"orders_per_second\":%.0f,\"full_records_per_second\":%.0f,\"p99_alone_ms\":%.2f,"
                          "\"p99_beside_ms\":%.2f",
                          rate, figures.full_per_second, alone, beside),
          absl::StrFormat("%.0f orders/s beside half of %.0f records/s, whose p99 is %.2f ms, %.2f ms alone", rate,
                          figures.full_per_second, beside, alone));
    verdicts_.push_back({"retention", "orders_per_second", "value", rate, 5000, true});
    verdicts_.push_back({"retention", "p99 beside to alone", "ratio", Median(rises), 1.2, false});
  }

  void RunOverhead() {
    Site plain(options_.plain, kConsents);
    Site watched(options_.watched, kConsents);
    People(&watched).Consent(kConsents, "support");
    const auto measure = [&](int batch) {
      return MeasureOverhead({&plain, options_.plain_pid}, {&watched, options_.watched_pid}, options_.rounds, batch);
    };
    if (Wanted("overhead")) {
      const Interval ratio = Overhead("overhead_create_disclosure", measure(1));
      verdicts_.push_back({"overhead", "cpu_us a record", "ratio", ratio.mean, 1.05, false});
    }
    if (Wanted("overhead-batch")) Overhead("overhead_batches_of_64", measure(kOverheadBatch));
  }

  Interval Overhead(const std::string& name, const OverheadFigures& figures) {
    std::vector<double> ratios;
    for (size_t i = 0; i < figures.plain_us.size(); ++i) ratios.push_back(figures.watched_us[i] / figures.plain_us[i]);
    const Interval ratio = ConfidenceInterval(ratios);
    const double plain = Median(figures.plain_us);
    const double watched = Median(figures.watched_us);
    const double supervision = Median(figures.supervision_us);
    Print(name,
          absl::StrFormat("\"pairs\":%d,\"plain_us\":%.2f,\"watched_us\":%.2f,\"supervision_us\":%.2f,\"ratio\":%.4f,"
                          "\"ratio_low\":%.4f,\"ratio_high\":%.4f",
                          ratios.size(), plain, watched, supervision, ratio.mean, ratio.low, ratio.high),
          absl::StrFormat("%.2f us of CPU a record instead of %.2f, supervision %.2f of it; %.4f times, 95 %% interval "
                          "%.4f to %.4f of %d pairs",
                          watched, plain, supervision, ratio.mean, ratio.low, ratio.high, ratios.size()));
    return ratio;
  }

  const Options& options_;
  std::string json_;
  std::string text_;
  std::vector<Verdict> verdicts_;
};

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) {
  using namespace postern::bench;  // NOLINT(google-build-using-namespace)
  Options options;
  CLI::App app("People's rights in running gateways", "bench-rights");
  const auto add_site = [&app](const std::string& name, SiteAddresses& addresses) {
    app.add_option_function<std::vector<std::string>>(
           "--" + name,
           [&addresses](const std::vector<std::string>& values) {
             addresses = {values[0], values[1], values[2], values[3]};
           },
           "addresses for shop, partners and operators, and the folder of certificates")
        ->expected(4)
        ->required();
  };
  add_site("full", options.full);
  add_site("watched", options.watched);
  add_site("plain", options.plain);
  app.add_option("--watched-pid", options.watched_pid)->required();
  app.add_option("--plain-pid", options.plain_pid)->required();
  app.add_option("--disclosures", options.disclosures)->check(CLI::Range(10'000, 9'000'000));
  app.add_option("--each", options.each, "disclosures of one person")->check(CLI::Range(1, 50));
  app.add_option("--rounds", options.rounds, "pairs of runs")->check(CLI::Range(2, 100));
  app.add_option("--orders", options.orders, "closed by retention in one round")->check(CLI::PositiveNumber);
  app.add_option("--only", options.only, "requests, retention, overhead, overhead-batch")->delimiter(',');
  app.add_flag("--json", options.json);
  app.add_flag("--check", options.check);
  CLI11_PARSE(app, argc, argv);
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // as in posternd
  return Bench(options).Run();
}
