#include "tests/bench/delivery/throughput.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>

#include <grpcpp/client_context.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/transport/channel.h"
#include "tests/bench/delivery/bare_stream.h"
#include "tests/bench/delivery/receivers.h"
#include "tests/bench/gateway/verdict.h"

namespace postern::bench {
namespace {

constexpr int kShopStreams = 4;
constexpr int kBatch = 64;  // records a message, where there are several
constexpr size_t kSamples = 1000;
constexpr int kLatencySample = 16;  // every so many records of a stream, under full load
constexpr absl::Duration kPace = absl::Milliseconds(2);
constexpr int kPaced = 1000;       // records
constexpr int kIdleStreams = 100;  // partners with one idle stream each
constexpr double kIdleKb = 130;

// Resident memory of another process.
int64_t ResidentKb(int pid) {
  std::ifstream in(absl::StrCat("/proc/", pid, "/status"));
  for (std::string word; in >> word;) {
    int64_t kb = 0;
    if (word == "VmRSS:" && in >> kb) return kb;
  }
  return 0;
}

class Throughput {
 public:
  Throughput(Site& site, const ThroughputOptions& options)
      : site_(site),
        options_(options),
        partners_(std::max(kIdleStreams, *std::max_element(options.streams.begin(), options.streams.end()))) {}

  int Run() {
    TakeSamples();
    postern_ = Connect(site_.addresses().partners, options_.posternd_pid, &postern_idle_kb_);
    bare_ = Connect(options_.bare, options_.bare_pid, &bare_idle_kb_);
    client::Endpoint shop = site_.ShopEndpoint();
    shop.address = options_.bare;
    bare_shop_ = std::make_unique<BareShop>(shop, samples_);
    for (int round = 0; round < options_.rounds; ++round) {
      for (const int streams : options_.streams) {
        Backlog(streams);
        BareBacklog(streams, 1);
        BareBacklog(streams, kBatch);
        EndToEnd(streams);
        BareEndToEnd(streams);
        Paced(streams);
      }
    }
    return Print();
  }

 private:
  // Real deliveries, which the bare stream repeats. Also a warm-up.
  void TakeSamples() {
    site_.Fill({1}, kSamples);
    absl::Mutex mutex;
    const auto stub = site_.Partner(1);
    AcknowledgedStreams receiving;
    receiving.Add(std::make_unique<PartnerStream>(*stub, static_cast<int>(kSamples),
                                                  [&](const postern::v1::ReceiveResponse& batch) {
                                                    absl::MutexLock lock(&mutex);
                                                    for (const auto& record : batch.records()) {
                                                      samples_.push_back(record.SerializeAsString());
                                                    }
                                                  }));
    const auto enough = [&] { return samples_.size() >= kSamples; };
    {
      absl::MutexLock lock(&mutex);
      Require(mutex.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(30)), "no samples came");
    }
    site_.AwaitEffect(1, 1, static_cast<int64_t>(samples_.size()), 0);
  }

  // A connection for each partner; and what an idle stream on it costs the server, with its connection.
  Receivers::Stubs Connect(const std::string& address, int pid, double* idle_kb) {
    Receivers::Stubs stubs;
    const int64_t before = ResidentKb(pid);
    for (int partner = 1; partner <= partners_; ++partner) {
      const auto channel = client::Connect(PartnerEndpoint(site_.addresses(), partner, address));
      Require(channel.ok() && (*channel)->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10)),
              "cannot connect to " + address);
      stubs.push_back(postern::v1::PartnerService::NewStub(*channel));
    }
    Receivers idle(stubs, kIdleStreams, 0);
    absl::SleepFor(absl::Seconds(2));
    *idle_kb = static_cast<double>(ResidentKb(pid) - before) / static_cast<double>(partners_);
    return stubs;
  }

  void Add(int streams, const std::string& load, int64_t records, absl::Duration elapsed) {
    rates_[streams][load].push_back(static_cast<double>(records) / absl::ToDoubleSeconds(elapsed));
    if (!options_.json) {
      std::cerr << streams << " streams, " << load << ": " << static_cast<int64_t>(rates_[streams][load].back()) << "/s"
                << std::endl;
    }
  }

  // A committed backlog, shared out among the partners, to streams that open.
  void Backlog(int streams) {
    int64_t records = 0;
    for (int first = 1; first <= streams; first += kTargets) {
      std::vector<int> partners;
      for (int partner = first; partner < std::min(streams + 1, first + kTargets); ++partner)
        partners.push_back(partner);
      records += site_.Fill(partners, options_.records / streams).entries;
    }
    const absl::Time start = absl::Now();
    Receivers receivers(postern_, static_cast<size_t>(streams), 0);
    receivers.Await(records);
    Add(streams, "backlog", records, receivers.last() - start);
    records_per_message_ = static_cast<double>(receivers.received()) / static_cast<double>(receivers.messages());
    Settle(streams);
  }
  void BareBacklog(int streams, int batch) {
    const int64_t records = bare_shop_->Write(streams, options_.records, batch);
    const absl::Time start = absl::Now();
    Receivers receivers(bare_, static_cast<size_t>(streams), 0);
    receivers.Await(records);
    Add(streams, absl::StrCat("bare_backlog_", batch), records, receivers.last() - start);
  }

  // From the shop to streams that are open.
  void EndToEnd(int streams) {
    Receivers receivers(postern_, static_cast<size_t>(streams), kLatencySample);
    for (int partner = 1; partner <= streams; ++partner) site_.AwaitEffect(partner, 1, 0, 0);
    std::atomic<int64_t> next{0};
    std::atomic<int64_t> left{options_.records / kBatch};
    const absl::Time start = absl::Now();
    const LoadResult result =
        DiscloseStreams(site_.shop(), site_.records(),
                        {kShopStreams, kBatch,
                         [&] { return std::vector<std::string>{PartnerName(static_cast<int>(next++ % streams) + 1)}; },
                         [&] { return left.fetch_sub(1) > 0; }});
    Require(result.errors == 0, "records were refused");
    receivers.Await(result.records);
    Add(streams, "end_to_end", result.records, receivers.last() - start);
    saturated_us_[streams].push_back(receivers.latencies().Quantile(0.99));
    Settle(streams);
  }
  void BareEndToEnd(int streams) {
    Receivers receivers(bare_, static_cast<size_t>(streams), 0);
    absl::SleepFor(absl::Milliseconds(200));  // let the streams open
    const absl::Time start = absl::Now();
    const int64_t records = bare_shop_->Write(streams, options_.records, kBatch);
    receivers.Await(records);
    Add(streams, "bare_end_to_end", records, receivers.last() - start);
  }

  // One record every few milliseconds: what a record waits when nothing queues.
  void Paced(int streams) {
    Receivers receivers(postern_, static_cast<size_t>(streams), 1);
    for (int partner = 1; partner <= streams; ++partner) site_.AwaitEffect(partner, 1, 0, 0);
    for (int i = 0; i < kPaced; ++i) {
      postern::v1::CreateDisclosureRequest request;
      FillDisclosure(site_.records(), {PartnerName(i % streams + 1)}, request);
      postern::v1::CreateDisclosureResponse response;
      grpc::ClientContext context;
      Require(site_.shop().For(0).CreateDisclosure(&context, request, &response).ok(), "a record was refused");
      absl::SleepFor(kPace);
    }
    receivers.Await(kPaced);
    paced_p50_us_[streams].push_back(receivers.latencies().Quantile(0.5));
    paced_p99_us_[streams].push_back(receivers.latencies().Quantile(0.99));
    Settle(streams);
  }

  // Until what was received is acknowledged and settled: nothing comes again on the next stream.
  void Settle(int streams) {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    for (int partner = 1; partner <= streams; ++partner) {
      for (postern::v1::RevocationEffect effect = site_.Effect(partner);
           effect.possibly_held_count() + effect.undelivered_count() > 0; effect = site_.Effect(partner)) {
        Require(absl::Now() < deadline, PartnerName(partner) + " does not settle");
        absl::SleepFor(absl::Milliseconds(5));
      }
    }
  }

  static double Median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  }
  double Rate(int streams, const std::string& load) const { return Median(rates_.at(streams).at(load)); }

  std::vector<Verdict> Judge() const {
    std::vector<Verdict> verdicts;
    const auto ratio = [&](int streams, const std::string& load, const std::string& bare, double bound) {
      verdicts.push_back({absl::StrCat("streams_", streams), absl::StrCat(load, "/", bare), "ratio",
                          Rate(streams, load) / Rate(streams, bare), bound, true});
    };
    for (const int streams : options_.streams) {
      ratio(streams, "backlog", "bare_backlog_1", 0.7);
      ratio(streams, "backlog", "bare_backlog_64", 0.5);
      ratio(streams, "end_to_end", "bare_end_to_end", 0.2);
    }
    verdicts.push_back({"idle", "kb_per_stream", "value", postern_idle_kb_, kIdleKb, false});
    return verdicts;
  }

  int Print() const {
    const std::vector<Verdict> verdicts = Judge();
    std::string json = "{\"streams\":{";
    for (const auto& [streams, loads] : rates_) {
      absl::StrAppend(&json, streams == rates_.begin()->first ? "" : ",", "\"", streams, "\":{");
      for (const auto& [load, rates] : loads) {
        absl::StrAppend(&json, "\"", load, "_per_second\":", absl::StrFormat("%.0f", Median(rates)), ",");
      }
      absl::StrAppend(&json, absl::StrFormat("\"commit_to_receipt_p50_us\":%.0f,\"commit_to_receipt_p99_us\":%.0f,"
                                             "\"commit_to_receipt_p99_us_under_full_load\":%.0f}",
                                             Median(paced_p50_us_.at(streams)), Median(paced_p99_us_.at(streams)),
                                             Median(saturated_us_.at(streams))));
    }
    absl::StrAppend(
        &json,
        absl::StrFormat("},\"records_per_message\":%.1f,\"idle_kb_per_stream\":{\"postern\":%.1f,\"bare\":%.1f}",
                        records_per_message_, postern_idle_kb_, bare_idle_kb_),
        ",\"goals\":", ToJson(verdicts), "}");
    std::cout << json << std::endl;
    if (!options_.json) std::cout << ToText(verdicts);
    return options_.check && !AllMet(verdicts) ? 1 : 0;
  }

  Site& site_;
  const ThroughputOptions& options_;
  const int partners_;
  std::vector<std::string> samples_;
  Receivers::Stubs postern_, bare_;
  std::unique_ptr<BareShop> bare_shop_;
  double postern_idle_kb_ = 0;
  double bare_idle_kb_ = 0;
  double records_per_message_ = 0;
  std::map<int, std::map<std::string, std::vector<double>>> rates_;  // by streams and load, one a round
  std::map<int, std::vector<double>> paced_p50_us_, paced_p99_us_, saturated_us_;
};

}  // namespace

int RunThroughput(Site& site, const ThroughputOptions& options) {
  return Throughput(site, options).Run();
}

}  // namespace postern::bench
