// A gateway in this process whose clock the test sets, and the shop and the carrier around it. What it does to the
// store is what a gateway does; only the network is left out, and background rounds run when the test says so.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "policy/retail/shop/v1/shipment.pb.h"
#include "server/base/log.h"
#include "server/crypto/signature.h"
#include "server/gateway/core.h"
#include "server/identity/principal.h"
#include "server/retention/clock_guard.h"
#include "server/retention/executor.h"
#include "tests/support/test_gateway.h"

namespace postern::lifecycle {

class World {
 public:
  World();
  ~World();

  // As after a crash: nothing is drained, and what is stored is opened again.
  void Reopen();
  void Advance(absl::Duration duration) { now_ += duration; }
  int64_t now() const { return absl::ToUnixSeconds(now_); }

  struct Disclosed {
    std::string name;    // empty if refused
    std::string handle;  // what notices name it by
    std::string reason;  // of a refusal
  };
  // A shipment of an order of its own, with a neighbour's name.
  Disclosed Disclose(int person, int order);
  // What the carrier gets, `count` records, all acknowledged.
  std::vector<shop::v1::Shipment> Receive(int count);
  v1::DisclosureState StateOf(const std::string& disclosure);
  void SetConsent(int person, bool granted);
  void SetRestricted(int person, bool restricted);
  void CloseAfterSales(int order);
  v1::SubjectRequest Erase(int person);
  void ComeBack(int person);
  v1::Subject Describe(int person);
  // What the background does: requests that waited, terms that are over, statistics.
  void RunBackground();
  // The handles of every open notice, which the carrier answers.
  std::vector<std::string> AnswerNotices();
  int64_t OrdersOver();
  // Disclosures that statistics have counted in one category.
  int64_t Counted(const std::string& category);

  gateway::Core& core() { return *core_; }
  retention::Executor& retention() { return *retention_; }
  const identity::Principal& shop() const { return shop_; }
  // The record of Disclose, with a request id of its own.
  v1::CreateDisclosureRequest RequestFor(int person, int order);

 private:
  void Open();
  void Close();

  testing::TestGateway files_;
  crypto::PrivateKey attestation_key_;
  const base::Logger log_{base::LogLevel::kError};
  gateway::config::Config config_;
  absl::Time now_;
  crypto::Uuid7Generator ids_;
  identity::Principal shop_;
  identity::Principal carrier_;
  gateway::ServingState serving_;
  gateway::Metrics metrics_;
  std::unique_ptr<gateway::Core> core_;
  std::unique_ptr<retention::ClockGuard> guard_;
  std::unique_ptr<retention::Executor> retention_;
};

}  // namespace postern::lifecycle
