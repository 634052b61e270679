// Resolve: from what a request says to what holds for it. Pure functions over one snapshot.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/disclosure.pb.h"
#include "proto/postern/v1/storefront_service.pb.h"
#include "server/crypto/sha256.h"
#include "server/crypto/uuid7.h"
#include "server/identity/principal.h"
#include "server/registry/snapshot.h"
#include "server/storage/store.h"

namespace postern::disclosure {

// What holds for all requests of one call. Views are borrowed from the principal.
struct CallFacts {
  CallFacts(const identity::Principal& caller, absl::Time time);

  absl::string_view principal;
  storage::Mac16 principal_mac;
  absl::Time now;
};

// What holds for all targets of one request. Views are borrowed from request and principal.
struct RequestFacts : CallFacts {
  explicit RequestFacts(const CallFacts& call) : CallFacts(call) {}

  crypto::Uuid request_id;
  absl::string_view record_type;
  absl::string_view record;
  crypto::Sha256Digest content{};
};

// Checks what stays true of a request whatever the policy: its id and the record's form. INVALID_ARGUMENT,
// REQUEST_ID_INVALID, REQUEST_ID_EXPIRED, RECORD_TOO_LARGE.
absl::StatusOr<RequestFacts> CheckRequest(const CallFacts& call, absl::string_view request_id,
                                          const v1::Record& record);

// Checks a request as a whole against the policy in force: POLICY_ABSENT, RECORD_TYPE_UNKNOWN, POLICY_VERSION.
absl::Status CheckPolicy(const v1::Record& record, absl::string_view policy_version,
                         const registry::Snapshot& snapshot);

// INVALID_ARGUMENT unless there are 1 to 8 targets, each complete and each once.
absl::Status CheckTargets(const google::protobuf::RepeatedPtrField<v1::DisclosureTarget>& targets);

// How the caller means the record to reach the partner.
enum class Channel {
  kQueue,     // by PartnerService.Receive
  kExchange,  // by the partner's own method
  kAny,       // it does not: a preview
};

struct Resolved {
  const registry::PartnerView* partner = nullptr;  // owned by the snapshot
  const registry::ActiveGrant* grant = nullptr;
  storage::Mac16 target{};  // TargetMac
};

// PARTNER_UNKNOWN, PARTNER_SUSPENDED, PARTNER_TERMINATED, PARTNER_NOT_ACTIVE, PURPOSE_NOT_GRANTED,
// CONTRACT_NOT_IN_FORCE, DOCUMENT_EXPIRED; INVALID_ARGUMENT if the contract's channel is not the one asked for. What
// the subjects have to say is asked when they are known (subject_check.h).
absl::StatusOr<Resolved> Resolve(const registry::Snapshot& snapshot, const v1::DisclosureTarget& target,
                                 absl::string_view record_type, absl::Time now, Channel channel);

// Resolves the targets of one call's records. Most records of a batch are of one type and go to one target, so the last
// answer is kept.
class TargetResolver {
 public:
  // `snapshot` must outlive this.
  TargetResolver(const registry::Snapshot* snapshot, absl::Time now, Channel channel)
      : snapshot_(*snapshot), now_(now), channel_(channel) {}

  // As the function. Valid until the next call.
  const absl::StatusOr<Resolved>& Resolve(const v1::DisclosureTarget& target, absl::string_view record_type);

 private:
  const registry::Snapshot& snapshot_;
  const absl::Time now_;
  const Channel channel_;
  std::string partner_, purpose_, record_type_;  // of the last answer
  absl::StatusOr<Resolved> resolved_;
};

// PARTNER_UNKNOWN, PARTNER_SUSPENDED, PARTNER_TERMINATED or PARTNER_NOT_ACTIVE.
absl::StatusOr<const registry::PartnerView*> FindActivePartner(const registry::Snapshot& snapshot,
                                                               absl::string_view name);

// Type and size alone: INVALID_ARGUMENT, RECORD_TOO_LARGE.
absl::Status CheckRecord(const v1::Record& record);

// How a target is named in the ledger's requests.
storage::Mac16 TargetMac(const v1::DisclosureTarget& target);

// INVALID_ARGUMENT, REQUEST_ID_INVALID or REQUEST_ID_EXPIRED.
absl::StatusOr<crypto::Uuid> CheckRequestId(absl::string_view request_id, absl::Time now);

// The first 16 bytes of a digest, and those of an injective encoding of public names.
storage::Mac16 Truncated(const crypto::Sha256Digest& digest);
storage::Mac16 ShortDigest(std::initializer_list<absl::string_view> parts);

}  // namespace postern::disclosure
