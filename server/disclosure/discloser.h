// The main path: authenticate → resolve → project → seal → commit → release → settle.
//
// Authentication happens before (server/rpc); this class resolves and projects on the caller's thread and hands entries
// to the Committer, which seals, commits and releases them. Settling is delivery's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <google/protobuf/repeated_field.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/postern/v1/storefront_service.pb.h"
#include "server/crypto/key_store.h"
#include "server/disclosure/batch_answers.h"
#include "server/disclosure/committer.h"
#include "server/disclosure/grant_cache.h"
#include "server/disclosure/originals.h"
#include "server/disclosure/preparer.h"
#include "server/disclosure/refusal_recorder.h"
#include "server/disclosure/resolver.h"
#include "server/identity/principal.h"
#include "server/registry/snapshot.h"
#include "server/registry/subject_standings.h"

namespace postern::disclosure {

struct DiscloserOptions {
  // Origin of the audit log, told with every disclosure.
  std::string log_origin;
  // The independent verifier looks at every projection; one in this many it compares with its record value by value,
  // which costs several times a projection. 1 is every one.
  uint32_t compare_one_in = 16;
  // Told of a finding of the verifier; see Preparer. May be null.
  Preparer::OnFinding on_finding;
  // What statistics sum.
  std::vector<Measure> measures;
  std::function<absl::Time()> clock = [] { return absl::Now(); };
};

// A committed exchange, for its caller to carry out and to settle.
struct CommittedExchange {
  // result.replayed: it was committed by an earlier call. Without a grant, it would not be committed now, or not as it
  // was (another revision, another consent: the ledger does not say what would leave today), and the partner must not
  // be called again.
  Entry entry;
  v1::Disclosure disclosure;  // as the shop sees it; state is that of the ledger when replayed
  std::string reason;         // ErrorReason name of a replayed one that ended badly
};

// Thread-safe. Requests and principals are not kept after a call returns. `done` is called exactly once: on the
// caller's thread if everything was refused before the commit, else on a thread of the committer; it must not block.
// Calls are answered in any order.
class Discloser {
 public:
  using CreateDone = std::function<void(absl::StatusOr<v1::CreateDisclosureResponse>)>;
  using BatchDone = std::function<void(absl::StatusOr<BatchAnswers>)>;
  using ExchangeDone = std::function<void(absl::StatusOr<CommittedExchange>)>;
  using Requests = google::protobuf::RepeatedPtrField<v1::CreateDisclosureRequest>;

  // Borrows the parts, which must outlive this; so must this every call under way, which Committer::Drain waits for.
  Discloser(const registry::SnapshotHolder* snapshots, const registry::SubjectStandings* standings,
            storage::Store* store, crypto::KeyStore* keys, Committer* committer, RefusalRecorder* refusals,
            DiscloserOptions options);

  // One record to its targets. Not OK: the whole request is refused (INVALID_ARGUMENT, REQUEST_ID_*, RECORD_TOO_LARGE,
  // RECORD_TYPE_UNKNOWN, POLICY_ABSENT, POLICY_VERSION, LEDGER_UNAVAILABLE, OVERLOADED, DRAINING); refusals of single
  // targets are in the response.
  void Create(const identity::Principal& principal, const v1::CreateDisclosureRequest& request, CreateDone done);

  // Many records, for BatchCreateDisclosures and for one message of StreamDisclosures: one answer each, in order. Calls
  // made one after another by one thread are committed in that order. Not OK: no record was looked at (size of the
  // batch, OVERLOADED, DRAINING).
  void CreateBatch(const identity::Principal& principal, const Requests& requests, BatchDone done);

  // What up to 8 targets would get, or every granted one; discloses nothing. Blocks for the time of the projections.
  absl::StatusOr<v1::PreviewDisclosureResponse> Preview(const v1::PreviewDisclosureRequest& request);

  // For delivery::Exchanger: projects and commits one record for a contract with an exchange channel; nothing is queued
  // and no payload is kept. Not OK: refused, nothing may leave.
  void CommitExchange(const identity::Principal& principal, const v1::ExchangeRequest& request, ExchangeDone done);
  // Reads state and reason of a replayed exchange anew. Blocks on a read of the store.
  absl::Status Refresh(CommittedExchange* exchange);

  // How many projections were made, and how many of them the independent verifier has compared with their records.
  uint64_t projected() const { return preparer_.projected(); }
  uint64_t compared() const { return preparer_.compared(); }

 private:
  // The place of one target's outcome: a refusal that is known already, a commit of before, or an entry of the job.
  struct TargetPlace {
    absl::Status refusal;
    std::optional<storage::CommitResult> original;  // what an earlier call committed, where this one would be refused
    int entry = -1;
  };
  struct RequestPlace {
    absl::Status refusal;  // of the whole request
    std::string request_id;
    std::vector<v1::DisclosureTarget> names;
    std::vector<TargetPlace> targets;  // empty if the whole request is refused
  };
  // Where every answer of a call will be found.
  struct Call {
    std::string principal;
    std::shared_ptr<const registry::Snapshot> snapshot;
    std::vector<RequestPlace> requests;
  };
  class RefusedKeys;

  // A refusal, unless the request was committed before: a retry gets the original's receipt.
  TargetPlace Refused(const RequestFacts& facts, const v1::DisclosureTarget& target, absl::Status refusal) const;
  // The same where the whole request is refused.
  void RefuseWhole(const RequestFacts& facts, const v1::CreateDisclosureRequest& request, absl::Status refusal,
                   RequestPlace* place) const;
  // The same for an entry that was refused before the ledger was asked.
  void RecallOriginal(Entry* entry) const;
  // Takes the grant from a replayed entry whose record would not leave today as the ledger says it left.
  absl::Status KeepGrantIfSame(Entry* entry) const;
  // Resolves and projects one request and appends its entries.
  RequestPlace Prepare(const CallFacts& call, const v1::CreateDisclosureRequest& request,
                       const std::shared_ptr<const registry::Snapshot>& snapshot, TargetResolver* resolver,
                       RefusedKeys* refused, std::vector<Entry>* entries);
  // Hands the entries over, or answers at once if there are none. `answer` gets the entries with their results.
  void Submit(std::shared_ptr<Call> call, std::vector<Entry> entries,
              std::function<void(absl::Status, const Call&, const std::vector<Entry>&)> answer);
  // LEDGER_UNAVAILABLE if that is what every target of the request failed with: then the request failed, and the caller
  // sends it again as a whole.
  static absl::Status LedgerFailure(const RequestPlace& place, const std::vector<Entry>& entries);
  using Results = google::protobuf::RepeatedPtrField<v1::TargetResult>;
  void AddResults(const RequestPlace& place, const std::vector<Entry>& entries, Results* results);
  // Fills in the receipt of a committed entry: the original's if the request was committed before.
  absl::Status FillReceipt(const Entry& entry, std::string* reason, v1::Disclosure* receipt);
  absl::StatusOr<v1::Disclosure> OriginalReceipt(const storage::CommitResult& original, absl::string_view partner,
                                                 std::string* reason);
  void Refuse(const Call& call, const v1::DisclosureTarget* target, const absl::Status& status);

  const registry::SnapshotHolder* const snapshots_;
  storage::Store* const store_;
  Committer* const committer_;
  RefusalRecorder* const refusals_;
  const DiscloserOptions options_;
  const Originals originals_;
  Preparer preparer_;
  GrantCache grants_;
};

}  // namespace postern::disclosure
