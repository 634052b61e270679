// bench-gateway: the same records through Postern, straight to a partner, and through nginx, in turns.
#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/transport/channel.h"
#include "postern/bench/v1/sink_service.grpc.pb.h"
#include "proto/postern/v1/storefront_service.grpc.pb.h"
#include "tests/bench/gateway/disclosures.h"
#include "tests/bench/gateway/process_cpu.h"
#include "tests/bench/gateway/receiver_probe.h"
#include "tests/bench/gateway/records.h"
#include "tests/bench/gateway/report.h"
#include "tests/bench/gateway/stream_load.h"
#include "tests/bench/gateway/unary_load.h"

namespace {

namespace v1 = postern::v1;
namespace client = postern::client;
using namespace postern::bench;  // NOLINT(google-build-using-namespace)

constexpr char kPartner[] = "partners/swift-parcel";

struct Options {
  client::Endpoint postern, direct, nginx;
  std::vector<int> postern_pids, direct_pids, nginx_pids;
  int receiver_pid = 0;
  std::string receiver_report;
  std::vector<std::string> peers = {"postern", "direct", "nginx"};
  double seconds = 2;
  int rounds = 3;
  int channels = 4;
  std::vector<int> callers = {1, 16, 64, 256};
  int streams = 16;
  std::vector<int> batches = {1, 64};
  bool json = false;
  bool check = false;
};

// The goals of the first release, all against nginx, which accounts for nothing and writes nothing.
std::vector<Goal> Goals() {
  return {{"unary_64", "records_per_second", 0.85, true},
          {"unary_256", "records_per_second", 1.0, true},
          {"unary_1", "p50_us", 2.0, false},
          {"stream_16x1", "records_per_second", 0.4, true},
          {"stream_16x64", "records_per_second", 0.25, true}};
}

void FillPut(Records& records, postern::bench::v1::PutRequest& request) {
  request.set_type(kRecordType);
  request.set_data(records.Next());
}

using SinkStubs = Stubs<postern::bench::v1::SinkService>;

UnaryCall PutCall(SinkStubs& stubs, Records& records) {
  return [&](int caller, std::function<void(bool)> done) {
    auto call = std::make_shared<Call<postern::bench::v1::PutRequest, postern::bench::v1::PutResponse>>();
    FillPut(records, call->request);
    stubs.For(caller).async()->Put(&call->context, &call->request, &call->response,
                                   [call, done = std::move(done)](const grpc::Status& status) { done(status.ok()); });
  };
}

constexpr absl::Duration kWarmUp = absl::Seconds(2);
constexpr absl::Duration kDeliveryPatience = absl::Seconds(30);

// Whether a run of this length goes on.
std::function<bool()> Until(absl::Time end) {
  return [end] { return absl::Now() < end; };
}

LoadResult PutStreams(SinkStubs& stubs, Records& records, int streams, int batch, absl::Duration duration) {
  using Caller = StreamCaller<postern::bench::v1::PutStreamRequest, postern::bench::v1::PutStreamResponse>;
  const absl::Time start = absl::Now();
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < streams; ++i) {
    callers.push_back(std::make_unique<Caller>(
        batch, kStreamWindow,
        [&records, batch, more = Until(start + duration)](postern::bench::v1::PutStreamRequest& request) {
          if (!more()) return false;
          for (int n = 0; n < batch; ++n) FillPut(records, *request.add_records());
          return true;
        },
        [](const postern::bench::v1::PutStreamResponse& response) {
          return std::make_pair(static_cast<int>(response.taken()), 0);
        }));
    stubs.For(i).async()->PutStream(&callers.back()->context(), callers.back().get());
    callers.back()->Start();
  }
  std::vector<LoadResult> results;
  for (auto& caller : callers) results.push_back(caller->Wait());
  return Sum(results, start);
}

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options),
        postern_(options.postern, options.channels),
        direct_(options.direct, options.channels),
        nginx_(options.nginx, options.channels),
        receiver_(options.receiver_pid, options.receiver_report) {
    for (Peer peer : {Peer::kPostern, Peer::kDirect, Peer::kNginx}) {
      if (std::count(options.peers.begin(), options.peers.end(), PeerName(peer)) > 0) peers_.push_back(peer);
    }
  }

  int Run() {
    for (Peer peer : peers_) {
      Latencies ignored;
      Unary(peer, 16, kWarmUp, ignored);
    }
    for (int round = 0; round < options_.rounds; ++round) {
      for (int callers : options_.callers) {
        for (Peer peer : peers_) {
          Latencies latencies;
          Measure(absl::StrCat("unary_", callers), peer, latencies,
                  [&] { return Unary(peer, callers, absl::Seconds(options_.seconds), latencies); });
        }
      }
      for (int batch : options_.batches) {
        for (Peer peer : peers_) {
          Latencies none;
          Measure(absl::StrCat("stream_", options_.streams, "x", batch), peer, none,
                  [&] { return Stream(peer, batch); });
        }
      }
    }
    bool met = false;
    const std::string json = report_.ToJson(Goals(),
                                            absl::StrCat("\"record_bytes\":", records_.average_size(),
                                                         ",\"disclosed\":", disclosed_, ",\"errors\":", errors_),
                                            &met);
    std::cout << (options_.json ? json : absl::StrCat(report_.ToText(Goals()), "disclosed ", disclosed_)) << std::endl;
    if (errors_ > 0) return 1;
    return options_.check && !met ? 1 : 0;
  }

 private:
  LoadResult Unary(Peer peer, int callers, absl::Duration duration, Latencies& latencies) {
    const UnaryCall call = peer == Peer::kPostern ? DiscloseCall(postern_, records_, kPartner)
                                                  : PutCall(peer == Peer::kDirect ? direct_ : nginx_, records_);
    const LoadResult result = RunUnary(callers, duration, call, latencies);
    Count(peer, result);
    return result;
  }
  LoadResult Stream(Peer peer, int batch) {
    const absl::Duration duration = absl::Seconds(options_.seconds);
    const LoadResult result =
        peer == Peer::kPostern
            ? DiscloseStreams(postern_, records_,
                              {options_.streams, batch, [] { return std::vector<std::string>{kPartner}; },
                               Until(absl::Now() + duration)})
            : PutStreams(peer == Peer::kDirect ? direct_ : nginx_, records_, options_.streams, batch, duration);
    Count(peer, result);
    return result;
  }
  void Count(Peer peer, const LoadResult& result) {
    if (peer == Peer::kPostern) disclosed_ += result.records;
    errors_ += result.errors;
  }

  template <typename Fn>
  void Measure(const std::string& load, Peer peer, const Latencies& latencies, Fn run) {
    const std::vector<int>& pids = peer == Peer::kPostern  ? options_.postern_pids
                                   : peer == Peer::kDirect ? options_.direct_pids
                                                           : options_.nginx_pids;
    if (peer == Peer::kPostern) receiver_.StartOver();
    const absl::Time start = absl::Now();
    const absl::Duration cpu = CpuOf(pids);
    LoadResult result = run();
    RunResult line;
    line.load = load;
    line.peer = peer;
    if (peer == Peer::kPostern) {
      // The partner is a peer's sink: a record counts when it is there.
      const Receipts receipts = receiver_.WaitFor(disclosed_, kDeliveryPatience);
      result.elapsed = std::max(result.elapsed, receipts.last - start);
      line.commit_to_receipt_p50_us = receipts.commit_to_receipt_p50_us;
      line.commit_to_receipt_p99_us = receipts.commit_to_receipt_p99_us;
    }
    line.records_per_second = static_cast<double>(result.records) / absl::ToDoubleSeconds(result.elapsed);
    line.p50_us = latencies.Quantile(0.5);
    line.p99_us = latencies.Quantile(0.99);
    line.middle_cpu_us =
        absl::ToDoubleMicroseconds(CpuOf(pids) - cpu) / static_cast<double>(std::max<int64_t>(1, result.records));
    if (!options_.json) {
      std::cerr << load << " " << PeerName(peer) << " " << static_cast<int64_t>(line.records_per_second) << "/s"
                << std::endl;
    }
    report_.Add(line);
    absl::SleepFor(absl::Milliseconds(300));  // let what was queued drain
  }

  const Options options_;
  PosternStubs postern_;
  SinkStubs direct_;
  SinkStubs nginx_;
  ReceiverProbe receiver_;
  std::vector<Peer> peers_;
  Records records_;
  Report report_;
  int64_t disclosed_ = 0;
  int64_t errors_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::string certificate, key, ca, sink_ca;
  CLI::App app("Postern beside a direct call and nginx", "bench-gateway");
  app.add_option("--postern", options.postern.address)->required();
  app.add_option("--direct", options.direct.address)->required();
  app.add_option("--nginx", options.nginx.address)->required();
  app.add_option("--cert", certificate)->required();
  app.add_option("--key", key)->required();
  app.add_option("--ca", ca, "CA of Postern and nginx")->required();
  app.add_option("--sink-ca", sink_ca, "CA of the sink")->required();
  app.add_option("--postern-pid", options.postern_pids);
  app.add_option("--direct-pid", options.direct_pids);
  app.add_option("--nginx-pid", options.nginx_pids);
  app.add_option("--receiver-pid", options.receiver_pid)->required();
  app.add_option("--receiver-report", options.receiver_report)->required();
  app.add_option("--peers", options.peers)->delimiter(',');
  app.add_option("--seconds", options.seconds);
  app.add_option("--rounds", options.rounds);
  app.add_option("--callers", options.callers)->delimiter(',');
  app.add_option("--batches", options.batches)->delimiter(',');
  app.add_flag("--json", options.json);
  app.add_flag("--check", options.check);
  CLI11_PARSE(app, argc, argv);
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // as in posternd
  for (client::Endpoint* endpoint : {&options.postern, &options.direct, &options.nginx}) {
    endpoint->tls = {certificate, key, endpoint == &options.direct ? sink_ca : ca};
  }
  return Bench(options).Run();
}
