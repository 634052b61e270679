// What the outside world has been told by a gateway, kept where no crash of the gateway reaches it, and whether the
// ledger that is found after a crash agrees with it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "client/verify/merkle.h"
#include "proto/postern/v1/partner_service.pb.h"
#include "proto/postern/v1/storefront_service.pb.h"
#include "server/storage/store.h"

namespace postern::testing {

// Counts of broken promises; all zero is the only good one.
struct Verdict {
  int64_t lost = 0;         // acknowledged to the shop, and not in the ledger as it was acknowledged
  int64_t unaccounted = 0;  // handed to the partner without a ledger entry, or above the durable dispatch mark
  int64_t refused =
      0;  // asked again after a crash, or for the first time, and refused though nothing speaks against it
  int64_t duplicates = 0;  // a second disclosure for one request
  int64_t forked = 0;      // checkpoints that the tree does not extend
  int64_t damaged = 0;     // the store's own check found something

  void Add(const Verdict& other);
  bool good() const { return lost + unaccounted + refused + duplicates + forked + damaged == 0; }
};

// Thread-safe.
class Evidence {
 public:
  // A request is about to be sent for the first time or again.
  void Asked(const v1::CreateDisclosureRequest& request);
  // It was answered. Counts a duplicate if the same request was answered with another disclosure before.
  void Answered(const v1::CreateDisclosureRequest& request, const v1::CreateDisclosureResponse& response);
  // It was refused for good.
  void Refused(const v1::CreateDisclosureRequest& request);
  // A request without an answer, to be asked again; nullopt if there is none.
  std::optional<v1::CreateDisclosureRequest> TakeUncertain();
  // One that was answered, to be asked again.
  std::optional<v1::CreateDisclosureRequest> AnyAnswered(uint64_t choice) const;

  void Handed(const v1::DeliveredRecord& record);
  // A signed checkpoint of the log with this verifier key, as an auditor reads it.
  absl::Status Published(const std::string& checkpoint, const std::string& verifier_key);

  size_t acknowledged() const;
  size_t uncertain() const;
  size_t handed() const;
  size_t published() const;
  std::set<std::string> AcknowledgedNames() const;

  // Compares with a store that nobody writes.
  Verdict Compare(storage::Store& store) const;

 private:
  struct Answer {
    v1::CreateDisclosureRequest request;
    std::string disclosure;
    uint64_t leaf_index = 0;
    std::string leaf_hash;
  };

  mutable absl::Mutex mutex_;
  std::map<std::string, v1::CreateDisclosureRequest> uncertain_ ABSL_GUARDED_BY(mutex_);  // by request id
  std::map<std::string, Answer> answered_ ABSL_GUARDED_BY(mutex_);                        // by request id
  std::set<std::string> handed_ ABSL_GUARDED_BY(mutex_);                                  // names of disclosures
  std::map<uint64_t, client::verify::Hash> published_ ABSL_GUARDED_BY(mutex_);            // roots by size
  int64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t duplicates_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t forked_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace postern::testing
