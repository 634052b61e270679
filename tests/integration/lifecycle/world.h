// A gateway in this process whose clock the test sets, and the shop and the carrier around it. What it does to the
// store is what a gateway does; only the network is left out, and background rounds run when the test says so.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "policy/retail/shop/v1/shipment.pb.h"
#include "server/base/failpoint_hook.h"
#include "server/base/log.h"
#include "server/crypto/signature.h"
#include "server/gateway/core.h"
#include "server/identity/principal.h"
#include "server/retention/clock_guard.h"
#include "server/retention/executor.h"
#include "tests/support/test_gateway.h"

namespace postern::lifecycle {

// Not thread-safe, but for Disclose.
class World {
 public:
  // Where the gateway's files are. In memory nothing waits for a disk, so that years go by in minutes.
  enum class Files { kOnDisk, kInMemory };
  explicit World(Files files = Files::kOnDisk);
  ~World();

  // As after a crash: nothing is drained, and what is stored is opened again.
  void Reopen();
  void Advance(absl::Duration duration) { now_ += duration; }
  int64_t now() const { return absl::ToUnixSeconds(now_); }

  // The next thing that comes by `failpoint` stops there with an error, as if the process had ended; the caller is to
  // Reopen then. Until Crashed is called, which tells whether it came to that, errors end nothing.
  void CrashAt(const std::string& failpoint);
  bool Crashed();

  struct Disclosed {
    std::string name;    // empty if refused
    std::string handle;  // what notices name it by
    std::string reason;  // of a refusal
  };
  // A shipment of an order of its own, with a neighbour's name.
  Disclosed Disclose(int person, int order, uint64_t version = 1);
  struct Sale {
    int person = 0;
    int order = 0;
  };
  // The same of many at once, at most 512.
  std::vector<Disclosed> DiscloseAll(const std::vector<Sale>& sales);
  // A corrected shipment. After a crash the same call is to be made again.
  Disclosed Rectify(int person, int order, uint64_t version);

  struct Received {
    std::string handle;
    std::string reference;
    uint64_t version = 0;
    bool neighbour = false;
  };
  // What the carrier gets: `count` records, all acknowledged, and no more.
  std::vector<Received> Receive(int count);
  v1::DisclosureState StateOf(const std::string& disclosure);

  // Each returns the reason of a refusal, "" if it was done.
  std::string SetConsent(int person, bool granted, bool by_guardian = false);
  void SetRestricted(int person, bool restricted);
  // Until the midnight that begins the day `days` from today; 0: from now on no more.
  void LinkGuardian(int person, int days);
  void PlaceHold(int person, absl::Duration duration);
  void ReleaseHold(int person);
  void CloseAfterSales(int order);
  struct Asked {
    std::string name;
    v1::SubjectRequest::State state = v1::SubjectRequest::STATE_UNSPECIFIED;  // unspecified after a crash
    std::string reason;                                                       // of a refusal
  };
  Asked Erase(int person, bool by_guardian = false);
  v1::SubjectRequest::State StateOfRequest(const std::string& name);
  void ComeBack(int person);
  v1::Subject Describe(int person);
  // What the background does: requests that waited, terms that are over, statistics. Stops where it crashes.
  void RunBackground();
  // The handles of every open notice, which the carrier answers.
  std::vector<std::string> AnswerNotices();
  int64_t OrdersOver();
  // Disclosures that statistics have counted in one category.
  int64_t Counted(const std::string& category);
  // Whether a file of the gateway holds those bytes.
  bool FilesHold(const std::string& bytes);

  gateway::Core& core() { return *core_; }
  retention::Executor& retention() { return *retention_; }
  const identity::Principal& shop() const { return shop_; }
  const identity::Principal& carrier() const { return carrier_; }
  // The record of Disclose, with a request id of its own.
  v1::CreateDisclosureRequest RequestFor(int person, int order, uint64_t version = 1);

 private:
  void Open();
  void Close();
  // The value; nothing after a crash. Any other error ends the test process.
  template <typename T>
  std::optional<T> Value(absl::StatusOr<T> result, const char* what);
  bool Done(const absl::Status& status, const char* what);

  std::unique_ptr<testing::TestGateway> files_;
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
  std::optional<v1::RectifyRecordRequest> interrupted_;  // the correction that a crash cut short
  std::atomic<bool> crashed_{false};
  std::optional<base::ScopedFailpointHook> crash_;
};

}  // namespace postern::lifecycle
