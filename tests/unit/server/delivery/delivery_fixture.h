// A gateway with its delivering half, and partners' streams to it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/delivery/delivery_hub.h"
#include "tests/unit/server/disclosure/gateway_fixture.h"

namespace postern::delivery {

using disclosure::GatewayFixture;
using disclosure::kClearPay;
using disclosure::kNordic;
using disclosure::kSwift;

// A partner at the other end of one stream.
class TestStream {
 public:
  TestStream(DeliveryHub* hub, const identity::Principal& principal);

  bool opened() const { return session_ != nullptr; }
  absl::Status open_status() const { return open_status_; }
  absl::Status Credit(int records, int64_t bytes = 1 << 20);
  // Reads until there are `count` records, or nothing came for a while.
  std::vector<v1::DeliveredRecord> Read(size_t count);
  // What there is now, without waiting.
  absl::StatusOr<std::vector<v1::DeliveredRecord>> ReadNow();
  absl::Status Acknowledge(uint64_t first, uint64_t last);
  absl::Status Reject(uint64_t delivery, v1::DeliveryRejection::Action action);
  // The status that the hub ended the stream with; OK while it lives.
  absl::Status ended() const;
  void Close() { session_.reset(); }

 private:
  struct Shared {
    absl::Mutex mutex;
    absl::Status ended ABSL_GUARDED_BY(mutex);
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::shared_ptr<ReceiveSession> session_;
  absl::Status open_status_;
};

class DeliveryFixture {
 public:
  // `edit` as GatewayFixture's.
  explicit DeliveryFixture(DeliveryHubOptions options = {},
                           const std::vector<std::pair<std::string, std::string>>& edit = {});
  ~DeliveryFixture();

  TestStream Connect(absl::string_view partner = kSwift) { return TestStream(hub.get(), gateway->partner(partner)); }
  // The same files, another process.
  void Restart();
  // Waits until the ledger says so of a disclosure.
  bool Becomes(const std::string& name, v1::DisclosureState state);
  storage::DisclosureRow Row(const std::string& name);
  std::vector<v1::Outcome> Outcomes();

  std::unique_ptr<DeliveryHub> hub;
  std::unique_ptr<GatewayFixture> gateway;

 private:
  disclosure::ReleaseSink* MakeHub(GatewayFixture& fixture);
  DeliveryHubOptions options_;
};

// The reference in a delivered shipment.
std::string ReferenceOf(const v1::DeliveredRecord& record);
std::vector<std::string> ReferencesOf(const std::vector<v1::DeliveredRecord>& records);

}  // namespace postern::delivery
