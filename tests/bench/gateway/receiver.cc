// bench-receiver: a receiving partner that acknowledges everything, and says how long after its commit each record
// came.
#include <atomic>
#include <csignal>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/transport/channel.h"
#include "proto/postern/v1/partner_service.grpc.pb.h"
#include "tests/bench/gateway/latency.h"
#include "tests/bench/gateway/partner_stream.h"

namespace {

using namespace postern;  // NOLINT(google-build-using-namespace)

volatile std::sig_atomic_t report_requested = 0;
volatile std::sig_atomic_t restart_requested = 0;

}  // namespace

// Each SIGUSR1 prints a line of JSON with the records received so far and the latencies since the last SIGUSR2.
int main(int argc, char** argv) {
  client::Endpoint gateway;
  int streams = 1;
  int window = 4096;
  CLI::App app("A receiving partner for benchmarks", "bench-receiver");
  app.add_option("--address", gateway.address)->required();
  app.add_option("--cert", gateway.tls.certificate)->required();
  app.add_option("--key", gateway.tls.private_key)->required();
  app.add_option("--ca", gateway.tls.trust_bundle)->required();
  app.add_option("--streams", streams);
  app.add_option("--window", window);
  CLI11_PARSE(app, argc, argv);
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // as in posternd
  std::signal(SIGUSR1, [](int) { report_requested = 1; });
  std::signal(SIGUSR2, [](int) { restart_requested = 1; });
  const auto channel = client::Connect(gateway);
  if (!channel.ok()) return 2;
  std::atomic<int64_t> received{0};
  std::atomic<int64_t> last_nanos{0};
  bench::Latencies latencies;
  // Every 16th record's latency is kept.
  const auto on_batch = [&](const v1::ReceiveResponse& batch) {
    const absl::Time now = absl::Now();
    for (const auto& record : batch.records()) {
      if (record.delivery() % 16 == 0) latencies.Add(now - bench::CommitTime(record));
    }
    last_nanos = absl::ToUnixNanos(now);
    received += batch.records_size();
  };
  const auto stub = v1::PartnerService::NewStub(*channel);
  bench::AcknowledgedStreams receiving;
  for (int i = 0; i < streams; ++i) {
    receiving.Add(std::make_unique<bench::PartnerStream>(*stub, window, on_batch));
  }
  while (true) {
    absl::SleepFor(absl::Milliseconds(5));
    if (restart_requested != 0) {
      restart_requested = 0;
      latencies.Clear();
    }
    if (report_requested == 0) continue;
    report_requested = 0;
    std::cout << absl::StrFormat(
                     "{\"received\":%d,\"last_receipt\":%.6f,\"commit_to_receipt_p50_us\":%.1f,"
                     "\"commit_to_receipt_p99_us\":%.1f}",
                     received.load(), static_cast<double>(last_nanos.load()) / 1e9, latencies.Quantile(0.5),
                     latencies.Quantile(0.99))
              << std::endl;
  }
}
