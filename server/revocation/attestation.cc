#include "server/revocation/attestation.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/time/civil_time.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/registry/audit_entry.h"
#include "server/registry/contract_terms.h"
#include "server/registry/errors.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"
#include "server/revocation/amendment.h"
#include "server/revocation/attestation_check.h"
#include "server/revocation/errors.h"
#include "server/revocation/notice.h"
#include "server/revocation/settled_notice.h"

namespace postern::revocation {
namespace {

// A document's record: the payload is the RecordDocumentAttestationRequest, and for every person who recorded it there
// is a "signature" with the person's name and no bytes. One person: it waits for the second.
constexpr absl::string_view kDocumentPayloadType = "application/vnd.postern.document-attestation.v1+protobuf";

bool IsSha256(absl::string_view hex) {
  return hex.size() == 64 &&
         std::all_of(hex.begin(), hex.end(), [](char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); });
}

absl::Status CheckDocument(const v1::RecordDocumentAttestationRequest& request, const v1::DeletionNotice& notice,
                           absl::Time now) {
  if (!IsSha256(request.document_sha256())) {
    return registry::errors::InvalidField("document_sha256", "must be 64 lower-case hex digits");
  }
  absl::CivilDay signed_on;
  if (request.signed_on().size() != 10 || !absl::ParseCivilTime(request.signed_on(), &signed_on)) {
    return registry::errors::InvalidField("signed_on", "must be YYYY-MM-DD");
  }
  if (signed_on > registry::UtcDay(now)) return errors::AttestationTime(notice.name(), "signed in the future");
  if (signed_on < registry::UtcDay(registry::ToTime(notice.create_time()))) {
    return errors::AttestationTime(notice.name(), "signed before the notice");
  }
  return absl::OkStatus();
}

// A document stands for every handle of its notice.
absl::StatusOr<v1::DeletionAttestationStatement> DeletedEverywhere(const v1::DeletionNotice& notice) {
  POSTERN_ASSIGN_OR_RETURN(const v1::DeletionNoticeStatement asked, StatementOf(notice));
  v1::DeletionAttestationStatement statement;
  for (const v1::DeletionNoticeStatement::Item& item : asked.items()) {
    v1::DeletionAttestationStatement::HandleOutcome& outcome = *statement.add_outcomes();
    outcome.set_handle(item.handle());
    outcome.set_result(v1::DeletionAttestationStatement::RESULT_DELETED);
  }
  return statement;
}

}  // namespace

absl::StatusOr<v1::AcknowledgeDeletionNoticeResponse> AttestationDesk::AcknowledgeDeletionNotice(
    const identity::Principal& caller, const v1::AcknowledgeDeletionNoticeRequest& request) {
  absl::MutexLock lock(&control_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::NoticeRow notice, ReadNotice(control_, request.name(), caller.partner));
  if (notice.notice.state() != v1::DeletionNotice::STATE_ISSUED) return v1::AcknowledgeDeletionNoticeResponse();
  const absl::Time now = control_.clock();
  notice.notice.set_state(v1::DeletionNotice::STATE_ACKNOWLEDGED);
  registry::SetTime(now, notice.notice.mutable_acknowledge_time());
  POSTERN_ASSIGN_OR_RETURN(std::optional<storage::CampaignRow> campaign, control_.store->ReadCampaign(notice.campaign));
  if (!campaign) return registry::errors::StoreInconsistent("a notice without campaign");
  campaign->campaign.set_acknowledged_count(campaign->campaign.acknowledged_count() + 1);
  storage::ChangeSet change;
  change.campaigns.push_back(*std::move(campaign));
  change.notices.push_back(std::move(notice));
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                               {now, caller.name, request.name()}, "notice.acknowledged"));
  POSTERN_RETURN_IF_ERROR(control_.store->Apply(change).status());
  control_.events->Publish(now, "notice.acknowledged", request.name(), caller.name);
  return v1::AcknowledgeDeletionNoticeResponse();
}

absl::StatusOr<v1::AttestDeletionResponse> AttestationDesk::AttestDeletion(const identity::Principal& caller,
                                                                           const v1::AttestDeletionRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const storage::NoticeRow asked, ReadNotice(control_, request.name(), caller.partner));
  POSTERN_ASSIGN_OR_RETURN(const storage::PartnerRow partner, registry::ReadPartner(*control_.store, caller.partner));
  POSTERN_ASSIGN_OR_RETURN(const std::vector<v1::Contract> terms, registry::ReadTerms(*control_.store, partner.id));
  POSTERN_ASSIGN_OR_RETURN(const v1::DeletionNoticeStatement notice_statement, StatementOf(asked.notice));
  const std::shared_ptr<const registry::Snapshot> snapshot = control_.snapshots->Get();
  const auto category_of = [&](absl::string_view record_type, absl::string_view path) {
    return snapshot->bundle == nullptr ? std::string() : snapshot->bundle->CategoryOf(record_type, path);
  };
  POSTERN_ASSIGN_OR_RETURN(std::optional<EarlierAnswer> earlier, ReadEarlierAnswer(asked.notice));
  // The costly part needs no lock: notices and keys are what they are when the call comes.
  const absl::Time now = control_.clock();
  absl::StatusOr<v1::DeletionAttestationStatement> statement =
      OpenAttestation(request.attestation(), partner.partner, request.name());
  absl::Status verdict = statement.status();
  if (verdict.ok() && !base::FailpointSkips("attestation.skip")) {
    verdict = CheckAttestation(*statement, asked.notice, notice_statement, terms, category_of, now, earlier);
  }

  absl::MutexLock lock(&control_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::NoticeRow notice, ReadNotice(control_, request.name(), caller.partner));
  // Again: another answer may have come meanwhile, and then this one amends none or not the last.
  POSTERN_ASSIGN_OR_RETURN(earlier, ReadEarlierAnswer(notice.notice));
  if (verdict.ok()) verdict = CheckPlace(*statement, request.attestation(), notice.notice, earlier);
  if (verdict.ok() && earlier) verdict = CheckNotAskedAgain(*control_.store, *statement, notice, *earlier, now);
  if (!verdict.ok()) {
    POSTERN_RETURN_IF_ERROR(RecordRefusal(control_, notice, caller.name, verdict));
    return verdict;
  }
  PutAttestation(request.attestation(), now, &notice.notice);
  POSTERN_RETURN_IF_ERROR(SettleNotice(control_, notice, *statement, earlier, caller.name));
  v1::AttestDeletionResponse response;
  response.set_state(notice.notice.state());
  return response;
}

absl::StatusOr<v1::DeletionNotice> AttestationDesk::RecordDocumentAttestation(
    const identity::Principal& caller, const v1::RecordDocumentAttestationRequest& request) {
  absl::MutexLock lock(&control_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::NoticeRow row, ReadNotice(control_, request.name(), ""));
  v1::DeletionNotice& notice = row.notice;
  if (IsAttested(notice)) return errors::AttestationReplayed(request.name());
  const absl::Time now = control_.clock();
  POSTERN_RETURN_IF_ERROR(CheckDocument(request, notice, now));
  POSTERN_ASSIGN_OR_RETURN(const std::vector<v1::Contract> terms, registry::ReadTerms(*control_.store, row.partner));
  for (const v1::Contract& contract : terms) {
    if (contract.deletion().attestation() == v1::Deletion::DOCUMENT) continue;
    return errors::AttestationSignature(request.name(), "the contract asks for an attestation signed with a key");
  }

  v1::SignedEnvelope& record = *notice.mutable_attestation();
  const bool second = record.payload() == request.SerializeAsString() && record.signatures_size() == 1;
  if (!second && !caller.Has(identity::Role::kPrivacyOfficer)) return errors::PrivacyOfficerFirst(request.name());
  if (second && record.signatures(0).key_id() == caller.name) {
    return registry::errors::SecondPersonRequired(request.name());
  }
  // A first record with other content replaces what waited: both persons must have seen the same document.
  if (!second) record.Clear();
  record.set_payload_type(std::string(kDocumentPayloadType));
  record.set_payload(request.SerializeAsString());
  record.add_signatures()->set_key_id(caller.name);
  if (second) {
    notice.set_state(v1::DeletionNotice::STATE_ATTESTED_BY_DOCUMENT);
    registry::SetTime(now, notice.mutable_attest_time());
    POSTERN_ASSIGN_OR_RETURN(const v1::DeletionAttestationStatement statement, DeletedEverywhere(notice));
    POSTERN_RETURN_IF_ERROR(SettleNotice(control_, row, statement, std::nullopt, caller.name));
    return notice;
  }
  storage::ChangeSet change;
  change.notices.push_back(row);
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_OPERATOR_ACTION,
                                               {now, caller.name, request.name()}, "document.recorded",
                                               {{"sha256", request.document_sha256()}}));
  POSTERN_RETURN_IF_ERROR(control_.store->Apply(change).status());
  notice.clear_attestation();
  return notice;
}

}  // namespace postern::revocation
