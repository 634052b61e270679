// Traffic that is under way when a gateway dies: callers of the shop, a carrier that receives and acknowledges, an
// auditor who reads checkpoints. All that they are told goes into the evidence.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/postern/v1/partner_service.pb.h"
#include "proto/postern/v1/storefront_service.pb.h"
#include "tests/crash/evidence.h"

namespace postern::testing {

inline constexpr char kCrashCarrier[] = "swift-parcel";

// One stream of the carrier.
class CarrierStream {
 public:
  virtual ~CarrierStream() = default;
  // Waits for records; false when the stream has ended or Stop was called.
  virtual bool Read(v1::ReceiveResponse* response) = 0;
  virtual bool Write(const v1::ReceiveRequest& request) = 0;
  // From another thread.
  virtual void Stop() = 0;
};

// The ways to a gateway, in this process or over the network. Thread-safe.
struct Endpoint {
  std::function<absl::StatusOr<v1::CreateDisclosureResponse>(const v1::CreateDisclosureRequest&)> create;
  std::function<std::shared_ptr<CarrierStream>()> open_stream;  // null result: refused
  // The newest checkpoint and the log's verifier key.
  std::function<absl::StatusOr<std::pair<std::string, std::string>>()> checkpoint;
};

class Load {
 public:
  // Borrows the evidence. `seed` makes references; it must differ between loads on one evidence. Without callers of the
  // shop the carrier takes what is left.
  Load(Endpoint endpoint, Evidence* evidence, uint64_t seed, int callers = 4);
  // Stops.
  ~Load();

  void Start();
  void Stop();
  // Calls of the shop without an answer.
  int in_flight() const { return in_flight_; }
  // Answers to the shop in this load.
  int64_t answers() const { return answers_; }
  int64_t handed() const { return handed_; }
  // Calls that ended without an answer because the gateway had gone.
  int64_t broken() const { return broken_; }

 private:
  void Call(int caller);
  void Receive();
  void Audit();
  v1::CreateDisclosureRequest Next(int caller, uint64_t number);

  const Endpoint endpoint_;
  Evidence* const evidence_;
  const uint64_t seed_;
  const int callers_;
  std::atomic<bool> stop_{false};
  std::atomic<int> in_flight_{0};
  std::atomic<int64_t> answers_{0};
  std::atomic<int64_t> handed_{0};
  std::atomic<int64_t> broken_{0};
  std::shared_ptr<CarrierStream> stream_;
  std::vector<std::thread> threads_;
};

}  // namespace postern::testing
