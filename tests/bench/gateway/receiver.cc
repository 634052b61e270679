// bench-receiver: a receiving partner that acknowledges everything, and says how long after its commit each record
// came.
#include <atomic>
#include <csignal>
#include <iostream>
#include <memory>
#include <thread>
#include <vector>

#include <grpcpp/client_context.h>
#include <CLI/CLI.hpp>

#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/transport/channel.h"
#include "proto/postern/v1/partner_service.grpc.pb.h"
#include "tests/bench/gateway/latency.h"

namespace {

using namespace postern;  // NOLINT(google-build-using-namespace)

volatile std::sig_atomic_t report_requested = 0;
volatile std::sig_atomic_t restart_requested = 0;

// Acknowledges what was received in one range every few milliseconds, on a thread of its own, as a partner does that
// stores in batches.
class Acknowledger {
 public:
  using Stream = grpc::ClientReaderWriter<v1::ReceiveRequest, v1::ReceiveResponse>;

  explicit Acknowledger(Stream& stream) : stream_(stream), thread_([this] { Run(); }) {}
  ~Acknowledger() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    thread_.join();
  }
  // Deliveries come in order, without gaps.
  void Received(uint64_t first, uint64_t last, int64_t bytes) {
    absl::MutexLock lock(&mutex_);
    if (records_ == 0) first_ = first;
    records_ = static_cast<int64_t>(last - first_ + 1);
    bytes_ += bytes;
  }

 private:
  void Run() {
    const auto due = [this] {
      mutex_.AssertReaderHeld();
      return records_ > 0 || stopping_;
    };
    for (bool open = true; open;) {
      v1::ReceiveRequest request;
      {
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(&due));
        mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kPause);
        if (stopping_) return;
        auto& range = *request.add_acknowledged();
        range.set_first(first_);
        range.set_last(first_ + static_cast<uint64_t>(records_) - 1);
        request.set_add_records(records_);
        request.set_add_bytes(bytes_);
        records_ = bytes_ = 0;
      }
      open = stream_.Write(request);
    }
  }

  static constexpr absl::Duration kPause = absl::Milliseconds(5);

  Stream& stream_;
  absl::Mutex mutex_;
  uint64_t first_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t records_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// Receives until the stream ends. Every 16th record's latency is kept.
void Receive(const std::shared_ptr<grpc::Channel>& channel, int window, std::atomic<int64_t>& received,
             std::atomic<int64_t>& last_nanos, bench::Latencies& latencies) {
  const auto stub = v1::PartnerService::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->Receive(&context);
  v1::ReceiveRequest request;
  request.set_add_records(window);
  request.set_add_bytes(int64_t{64} << 20);
  if (!stream->Write(request)) return;
  Acknowledger acknowledger(*stream);
  v1::ReceiveResponse batch;
  while (stream->Read(&batch)) {
    if (batch.records().empty()) continue;
    const absl::Time now = absl::Now();
    int64_t bytes = 0;
    for (const auto& record : batch.records()) {
      bytes += static_cast<int64_t>(record.record().data().size());
      if (record.delivery() % 16 == 0) {
        latencies.Add(now - absl::FromUnixSeconds(record.create_time().seconds()) -
                      absl::Nanoseconds(record.create_time().nanos()));
      }
    }
    last_nanos = absl::ToUnixNanos(now);
    received += batch.records_size();
    acknowledger.Received(batch.records(0).delivery(), batch.records(batch.records_size() - 1).delivery(), bytes);
  }
}

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
  for (int i = 0; i < streams; ++i) {
    std::thread([&] { Receive(*channel, window, received, last_nanos, latencies); }).detach();
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
