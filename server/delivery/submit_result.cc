#include "server/delivery/submit_result.h"

#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "policy/projection/errors.h"
#include "proto/errors/error.h"
#include "server/crypto/hkdf.h"
#include "server/crypto/sha256.h"
#include "server/delivery/sealed_result.h"
#include "server/disclosure/audit_entry.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/limits.h"
#include "server/disclosure/names.h"
#include "server/disclosure/resolver.h"

namespace postern::delivery {
namespace {

namespace errors = disclosure::errors;

// The inbound grant of the contract that the disclosure was made under, as it stands today.
const policy::CompiledGrant* FindInbound(const registry::PartnerView& partner, const storage::GrantRef& grant,
                                         absl::string_view type) {
  for (const auto& contract : partner.contracts) {
    if (!absl::StartsWith(grant.contract_revision, absl::StrCat(contract->name, "/"))) continue;
    return contract->FindInbound(grant.purpose, type);
  }
  return nullptr;
}

// Digest of what was submitted, under the subjects' keys: it goes when they go.
absl::StatusOr<storage::Hash32> ContentDigest(const disclosure::PayloadKeys& keys, const v1::Record& result) {
  storage::Hash32 digest = crypto::Sha256({absl::StrCat(result.type().size(), ":"), result.type(), result.data()});
  for (const crypto::KeyHandle& subject : keys.subjects) {
    POSTERN_ASSIGN_OR_RETURN(
        const crypto::SecretBytes keyed,
        crypto::HkdfExpand(*subject.secret, absl::StrCat("postern result digest v1", crypto::AsBytes(digest)),
                           digest.size()));
    std::memcpy(digest.data(), keyed.Reveal(crypto::SecretAccess::Granted()).data(), digest.size());
  }
  return digest;
}

}  // namespace

ResultReceiver::ResultReceiver(const registry::SnapshotHolder* snapshots, storage::Store* store, crypto::KeyStore* keys,
                               std::function<absl::Time()> clock, std::function<void()> on_outcomes,
                               OnInboundFinding on_finding, ResultLimits limits)
    : snapshots_(snapshots),
      store_(store),
      keys_(keys),
      clock_(std::move(clock)),
      on_outcomes_(std::move(on_outcomes)),
      on_finding_(std::move(on_finding)),
      grants_(store),
      quota_(limits) {}

absl::StatusOr<v1::SubmitResultResponse> ResultReceiver::Submit(const identity::Principal& principal,
                                                                const v1::SubmitResultRequest& request) {
  const absl::Time now = clock_();
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  POSTERN_ASSIGN_OR_RETURN(const registry::PartnerView* partner,
                           disclosure::FindActivePartner(*snapshot, principal.partner));
  POSTERN_ASSIGN_OR_RETURN(const crypto::Uuid request_id, disclosure::CheckRequestId(request.request_id(), now));
  POSTERN_ASSIGN_OR_RETURN(const disclosure::ParsedName name,
                           disclosure::ParseDisclosureName("disclosure", request.disclosure()));
  if (request.result().type().empty()) return errors::InvalidField("result.type", "is missing");
  if (request.result().data().size() > disclosure::limits::kMaxRecordBytes) return policy::errors::RecordTooLarge();

  absl::StatusOr<storage::DisclosureRow> row = store_->ReadDisclosure(name.id);
  // Another partner's disclosure does not exist for this one.
  if (absl::IsNotFound(row.status()) || name.partner != principal.partner ||
      (row.ok() && row->partner != partner->id)) {
    return errors::NotFound(request.disclosure());
  }
  POSTERN_RETURN_IF_ERROR(row.status());
  POSTERN_ASSIGN_OR_RETURN(const auto grant, grants_.Get(row->grant));
  const policy::CompiledGrant* inbound = FindInbound(*partner, *grant, request.result().type());
  if (inbound == nullptr) {
    return errors::PurposeNotGranted(principal.partner, grant->purpose, request.result().type());
  }
  POSTERN_ASSIGN_OR_RETURN(const std::string projected,
                           ProjectInbound(*inbound, principal.partner, request.result().data(), now, on_finding_));

  POSTERN_ASSIGN_OR_RETURN(const disclosure::PayloadKeys keys, disclosure::FindPayloadKeys(*keys_, row->key_ids));
  storage::ChangeSet::SubmittedResult result;
  result.seq = row->seq;
  result.time = now;
  result.type = request.result().type();
  result.request_id = request_id;
  POSTERN_ASSIGN_OR_RETURN(result.sealed_result,
                           SealResult(keys, {row->id, principal.partner, grant->purpose, result.type}, request_id,
                                      static_cast<uint64_t>(partner->resource.epoch()), projected));
  POSTERN_ASSIGN_OR_RETURN(result.content_digest, ContentDigest(keys, request.result()));
  const absl::Status kept = Keep(principal, request, *row, std::move(result), now);
  // The same result under the same id: it was taken before.
  if (ReasonOf(kept) == v1::ERROR_REASON_ALREADY_EXISTS) return v1::SubmitResultResponse();
  POSTERN_RETURN_IF_ERROR(kept);
  if (on_outcomes_) on_outcomes_();
  return v1::SubmitResultResponse();
}

absl::Status ResultReceiver::Keep(const identity::Principal& principal, const v1::SubmitResultRequest& request,
                                  const storage::DisclosureRow& row, storage::ChangeSet::SubmittedResult result,
                                  absl::Time now) {
  v1::AuditEntry entry =
      disclosure::MakeEntry(v1::AuditEntry::KIND_STATE_CHANGE, now, principal.name, request.disclosure());
  (*entry.mutable_details())["result"] = result.type;
  storage::ChangeSet change;
  POSTERN_ASSIGN_OR_RETURN(std::string leaf, disclosure::PublicLeaf(entry));
  change.audit_leaves.push_back(std::move(leaf));
  const crypto::Uuid request_id = result.request_id;
  const size_t bytes = request.result().data().size();
  change.results.push_back(std::move(result));
  POSTERN_ASSIGN_OR_RETURN(const bool taken, quota_.Take(row.partner, row.id, request_id, bytes, now));
  const absl::Status applied = store_->Apply(change).status();
  // What may have been written keeps its room; what was refused or known takes none.
  const v1::ErrorReason reason = ReasonOf(applied);
  if (taken && (reason == v1::ERROR_REASON_ALREADY_EXISTS || reason == v1::ERROR_REASON_REQUEST_ID_REUSED)) {
    quota_.GiveBack(row.partner, row.id, request_id, bytes);
  }
  return applied;
}

}  // namespace postern::delivery
