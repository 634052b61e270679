#include "tests/bench/delivery/revocation.h"

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "tests/bench/gateway/latency.h"
#include "tests/bench/gateway/partner_stream.h"
#include "tests/bench/gateway/verdict.h"

namespace postern::bench {
namespace {

constexpr int kStreams = 100;         // live while a partner is terminated, its own among them
constexpr int kPartnerStreams = 64;   // as many as a partner may have
constexpr int kWindow = 256;          // what the contract lets a partner hold unacknowledged
constexpr int kBystanders = 2;        // partners that the other streams belong to
constexpr double kIndependent = 1.5;  // a median that grows by less does not grow with the backlog or the ledger

// One termination to come, and what it is counted under.
struct Case {
  std::string load;
  int partner = 0;
  int64_t backlog = 0;
};

int Terminations(const RevocationOptions& options, int64_t backlog) {
  if (backlog == 0) return options.most;
  return static_cast<int>(std::clamp<int64_t>(options.rows / backlog, 4, options.most));
}

std::string LoadOf(int64_t backlog) {
  return absl::StrCat("backlog_", backlog);
}
constexpr char kEmptyLedger[] = "empty_ledger";

class Revocation {
 public:
  Revocation(Site& site, const RevocationOptions& options) : site_(site), options_(options) {}

  int Run() {
    OpenBystanders();
    // With nothing in the ledger first, then with everything, in turns.
    for (const Case& one : Take(kEmptyLedger, 0)) Measure(one);
    std::vector<std::vector<Case>> cases;
    for (const int64_t backlog : options_.backlogs) {
      cases.push_back(Take(LoadOf(backlog), backlog));
      Fill(cases.back());
    }
    for (size_t turn = 0; turn < static_cast<size_t>(options_.most); ++turn) {
      for (const std::vector<Case>& load : cases) {
        // Spread over the run, whatever their number.
        const size_t before = turn * load.size() / static_cast<size_t>(options_.most);
        const size_t after = (turn + 1) * load.size() / static_cast<size_t>(options_.most);
        for (size_t i = before; i < after; ++i) Measure(load[i]);
      }
    }
    Enumerate();
    return Print();
  }

 private:
  std::vector<Case> Take(const std::string& load, int64_t backlog) {
    std::vector<Case> cases;
    for (int i = 0; i < Terminations(options_, backlog); ++i) cases.push_back({load, next_partner_++, backlog});
    return cases;
  }

  void Fill(const std::vector<Case>& cases) {
    for (size_t i = 0; i < cases.size(); i += kTargets) {
      std::vector<int> partners;
      for (size_t n = i; n < std::min(cases.size(), i + kTargets); ++n) partners.push_back(cases[n].partner);
      if (cases[i].backlog == 0) return;
      const Site::Filled filled = site_.Fill(partners, cases[i].backlog);
      ledger_rows_ += filled.entries;
      if (!options_.json) {
        std::cerr << cases[i].load << ": " << ledger_rows_ << " rows, "
                  << static_cast<int64_t>(filled.entries_per_second) << "/s" << std::endl;
      }
    }
  }

  std::vector<std::unique_ptr<PartnerStream>> OpenStreams(postern::v1::PartnerService::StubInterface& stub, int count) {
    std::vector<std::unique_ptr<PartnerStream>> streams;
    for (int i = 0; i < count; ++i) streams.push_back(std::make_unique<PartnerStream>(stub, kWindow, nullptr));
    return streams;
  }

  // Partners whose streams are there and stay.
  void OpenBystanders() {
    constexpr int kEach = (kStreams - kPartnerStreams) / kBystanders;
    for (int i = 0; i < kBystanders; ++i) {
      const int partner = next_partner_++;
      bystanders_.push_back(site_.Partner(partner));
      for (auto& stream : OpenStreams(*bystanders_.back(), kEach)) bystander_streams_.push_back(std::move(stream));
      site_.AwaitEffect(partner, kEach, 0, 0);
    }
  }

  void Measure(const Case& one) {
    const auto stub = site_.Partner(one.partner);
    const auto streams = OpenStreams(*stub, kPartnerStreams);
    const int64_t held = std::min<int64_t>(one.backlog, kWindow);
    site_.AwaitEffect(one.partner, kPartnerStreams, 0, held);
    const Site::Termination termination = site_.Terminate(one.partner);
    const postern::v1::RevocationEffect& effect = termination.response.effect();
    Require(effect.live_streams() == kPartnerStreams && effect.possibly_held_count() == held &&
                effect.undelivered_count() >= one.backlog - held,
            absl::StrCat("unexpected effect: ", effect.ShortDebugString()));
    times_[one.load].Add(absl::Milliseconds(1) * termination.milliseconds);
    ++counts_[one.load];
    for (const auto& stream : streams) Require(!stream->Wait().ok(), "a stream outlives its partner");
    site_.AwaitEnumeration(termination.response.campaign().name(), absl::Milliseconds(5));
  }

  // Of a partner that has acknowledged everything.
  void Enumerate() {
    const int partner = next_partner_++;
    site_.Fill({partner}, options_.handles);
    const auto stub = site_.Partner(partner);
    {
      AcknowledgedStreams receiving;
      for (auto& stream : OpenStreams(*stub, 1)) receiving.Add(std::move(stream));
      site_.AwaitEffect(partner, 1, options_.handles, 0);
    }
    const absl::Time start = absl::Now();
    const Site::Termination termination = site_.Terminate(partner);
    const postern::v1::DeletionCampaign campaign =
        site_.AwaitEnumeration(termination.response.campaign().name(), absl::Milliseconds(5));
    handles_ = campaign.handle_count();
    handles_per_second_ = static_cast<double>(handles_) / absl::ToDoubleSeconds(absl::Now() - start);
    Require(handles_ >= options_.handles, "handles are missing");
  }

  double Milliseconds(const std::string& load, double quantile) const {
    const auto found = times_.find(load);
    return found == times_.end() ? 0 : found->second.Quantile(quantile) / 1000.0;
  }

  std::vector<Verdict> Judge() const {
    std::vector<Verdict> verdicts;
    for (const auto& [load, times] : times_) {
      verdicts.push_back({load, "p99_ms", "value", Milliseconds(load, 0.99), options_.p99_ms, false});
    }
    const double empty = Milliseconds(kEmptyLedger, 0.5);
    for (const auto& [load, times] : times_) {
      if (load == kEmptyLedger || empty == 0) continue;
      verdicts.push_back(
          {load, "p50_ms to empty_ledger", "ratio", Milliseconds(load, 0.5) / empty, kIndependent, false});
    }
    verdicts.push_back({"campaign", "handles_per_second", "value", handles_per_second_, 50'000, true});
    return verdicts;
  }

  int Print() const {
    const std::vector<Verdict> verdicts = Judge();
    std::string json = absl::StrCat("{\"streams\":", kStreams, ",\"streams_of_the_terminated\":", kPartnerStreams,
                                    ",\"ledger_rows\":", ledger_rows_, ",\"terminations\":{");
    for (const auto& [load, times] : times_) {
      absl::StrAppend(&json, load == times_.begin()->first ? "" : ",", "\"", load, "\":{\"count\":", counts_.at(load),
                      absl::StrFormat(",\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f}", Milliseconds(load, 0.5),
                                      Milliseconds(load, 0.99), Milliseconds(load, 1)));
      if (!options_.json) {
        std::cout << absl::StrFormat("%-18s %4d terminations: p50 %.2f ms, p99 %.2f ms, longest %.2f ms\n", load,
                                     counts_.at(load), Milliseconds(load, 0.5), Milliseconds(load, 0.99),
                                     Milliseconds(load, 1));
      }
    }
    absl::StrAppend(&json, "},\"campaign\":{\"handles\":", handles_,
                    absl::StrFormat(",\"handles_per_second\":%.0f},\"goals\":", handles_per_second_), ToJson(verdicts),
                    "}");
    std::cout << (options_.json ? json : ToText(verdicts)) << std::endl;
    return options_.check && !AllMet(verdicts) ? 1 : 0;
  }

  Site& site_;
  const RevocationOptions& options_;
  int next_partner_ = 1;
  std::vector<std::unique_ptr<postern::v1::PartnerService::StubInterface>> bystanders_;
  std::vector<std::unique_ptr<PartnerStream>> bystander_streams_;
  std::map<std::string, Latencies> times_;
  std::map<std::string, int> counts_;
  int64_t ledger_rows_ = 0;
  int64_t handles_ = 0;
  double handles_per_second_ = 0;
};

}  // namespace

int PartnersNeeded(const RevocationOptions& options) {
  int partners = kBystanders + options.most + 1;
  for (const int64_t backlog : options.backlogs) partners += Terminations(options, backlog);
  return partners;
}

int RunRevocation(Site& site, const RevocationOptions& options) {
  return Revocation(site, options).Run();
}

}  // namespace postern::bench
