// A gateway whose carrier has its records pushed or posted, and the carrier's server.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/synchronization/mutex.h"
#include "client/partner/push_receiver.h"
#include "tests/support/test_gateway.h"

namespace postern::testing {

inline constexpr char kCarrier[] = "swift-parcel";
inline constexpr char kOther[] = "nordic-freight";  // fetches its records

// What a carrier's server got, and what it answers. Thread-safe.
class Inbox {
 public:
  client::Handled Take(const v1::DeliveredRecord& record);
  // What is done with the next records; stored at first.
  void Answer(client::Handled handled);
  // Handlers wait from now on, until false.
  void Hold(bool hold);

  std::vector<v1::DeliveredRecord> records() const;
  // Waits until there are `count`; all of them then, or those there are after some seconds.
  std::vector<v1::DeliveredRecord> Await(size_t count) const;

 private:
  mutable absl::Mutex mutex_;
  std::vector<v1::DeliveredRecord> records_ ABSL_GUARDED_BY(mutex_);
  client::Handled handled_ ABSL_GUARDED_BY(mutex_) = client::Handled::kStored;
  bool hold_ ABSL_GUARDED_BY(mutex_) = false;
};

class OutboundFixture : public ::testing::Test {
 protected:
  // A running gateway with the carrier's contract in force; nothing listens at its endpoint yet. `channel` is that of
  // the contract; the carrier has the encryption key "2026", unless it is empty.
  void Open(const std::string& channel = "push { endpoint: \"orders\" timeout_ms: 5000 allow_private_addresses: true }",
            const std::string& encryption_key_pem = "");
  // The carrier's server, with a certificate of the carrier's own CA.
  void Serve();
  void StopServing() { receiver_.reset(); }

  // Discloses one shipment to the carrier; the disclosure's name.
  std::string Disclose(const std::string& reference, uint64_t version = 1);
  v1::Disclosure Get(const std::string& disclosure);
  bool Becomes(const std::string& disclosure, v1::DisclosureState state);
  v1::Partner Partner();
  v1::TerminatePartnerResponse Terminate();

  TestGateway gateway_;
  Inbox inbox_;
  std::unique_ptr<client::PushReceiver> receiver_;
  std::unique_ptr<v1::StorefrontService::Stub> shop_;
  std::unique_ptr<v1::OperatorService::Stub> alice_;

  int port_ = 0;  // of the endpoint
};

}  // namespace postern::testing
