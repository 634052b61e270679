#include "server/supervision/canary_desk.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/registry/audit_entry.h"
#include "server/registry/errors.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"
#include "server/rights/subject_name.h"

namespace postern::supervision {
namespace {

using registry::errors::InvalidField;

constexpr size_t kMaxText = 256;
constexpr size_t kPseudonymBytes = 16;

absl::Status CanaryReserved(absl::string_view why) {
  return MakeError(v1::ERROR_REASON_CANARY_RESERVED, why);
}

}  // namespace

absl::StatusOr<std::optional<v1::Canary>> CanaryDesk::Find(const storage::Mac16& subject) {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::SubjectRecordRow> records,
                           plane_.store->ReadSubjectRecords(subject));
  for (const storage::SubjectRecordRow& row : records) {
    if (row.kind != storage::SubjectRecordRow::Kind::kCanary) continue;
    v1::Canary canary;
    if (!canary.ParseFromString(row.resource)) return registry::errors::StoreInconsistent("a canary does not parse");
    return std::optional<v1::Canary>(std::move(canary));
  }
  return std::optional<v1::Canary>();
}

absl::StatusOr<v1::Canary> CanaryDesk::Plant(const identity::Principal& caller, const v1::PlantCanaryRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const storage::Mac16 subject,
                           rights::SubjectOf(plane_.keys->index_key(), "person", request.person()));
  POSTERN_RETURN_IF_ERROR(registry::ReadPartner(*plane_.store, request.partner()).status());
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_ASSIGN_OR_RETURN(const std::optional<v1::Canary> known, Find(subject));
  if (known) {
    if (known->partner() == request.partner()) return *known;
    return CanaryReserved("the person is another partner's canary");
  }
  v1::Canary canary;
  canary.set_subject(rights::SubjectName(subject));
  canary.set_partner(request.partner());
  canary.set_principal(caller.name);
  const absl::Time now = plane_.clock();
  registry::SetTime(now, canary.mutable_time());
  storage::ChangeSet change;
  storage::SubjectRecordRow& record = change.subject_records.emplace_back();
  record.kind = storage::SubjectRecordRow::Kind::kCanary;
  record.subject = subject;
  record.resource = canary.SerializeAsString();
  // Not which person: whoever reads the log must not know the canary either.
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_OPERATOR_ACTION,
                                               {now, caller.name, request.partner()}, "canary.planted"));
  POSTERN_RETURN_IF_ERROR(ledger_.Change({subject}, std::move(change)));
  // After the fence: what is in the ledger now was there before, and nothing to another partner comes any more.
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::DisclosureRow> rows, plane_.store->ListBySubject(subject, 0, 1));
  if (rows.empty()) return canary;
  storage::ChangeSet undo;
  storage::SubjectRecordRow& gone = undo.subject_records.emplace_back();
  gone.kind = storage::SubjectRecordRow::Kind::kCanary;
  gone.subject = subject;
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&undo.audit_leaves, v1::AuditEntry::KIND_OPERATOR_ACTION,
                                               {now, caller.name, request.partner()}, "canary.refused"));
  POSTERN_RETURN_IF_ERROR(ledger_.Change({subject}, std::move(undo)));
  return CanaryReserved("the person was disclosed before");
}

absl::Status CanaryDesk::AddRecipients(const storage::Mac16& subject, v1::TraceLeakResponse* response) {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> partners, plane_.store->ListPartners());
  std::map<storage::PartnerId, v1::TraceLeakResponse::Recipient> found;
  POSTERN_RETURN_IF_ERROR(
      rights::ForEachDisclosure(*plane_.store, {subject}, [&](const storage::DisclosureRow& row) -> absl::Status {
        if (!row.may_be_held) return absl::OkStatus();
        v1::TraceLeakResponse::Recipient& recipient = found[row.partner];
        if (recipient.disclosure_count() == 0) registry::SetTime(row.time, recipient.mutable_first_time());
        registry::SetTime(row.time, recipient.mutable_last_time());
        recipient.set_disclosure_count(recipient.disclosure_count() + 1);
        return absl::OkStatus();
      }));
  std::map<std::string, v1::TraceLeakResponse::Recipient> by_name;
  for (const storage::PartnerRow& partner : partners) {
    const auto recipient = found.find(partner.id);
    if (recipient == found.end()) continue;
    recipient->second.set_partner(partner.partner.name());
    by_name[partner.partner.name()] = recipient->second;
  }
  for (auto& [name, recipient] : by_name) *response->add_recipients() = std::move(recipient);
  return absl::OkStatus();
}

std::string CanaryDesk::PartnerOfPseudonym(absl::string_view id, absl::string_view pseudonym) const {
  const std::shared_ptr<const registry::Snapshot> snapshot = plane_.snapshots->Get();
  for (const auto& [name, view] : snapshot->partners) {
    if (view->pseudonym == nullptr) continue;
    const crypto::Sha256Digest digest = view->pseudonym->Sign(id);
    std::string encoded;
    absl::WebSafeBase64Escape(crypto::AsBytes(digest).substr(0, kPseudonymBytes), &encoded);
    if (encoded == pseudonym) return name;
  }
  return std::string();
}

absl::StatusOr<v1::TraceLeakResponse> CanaryDesk::Trace(const identity::Principal& caller,
                                                        const v1::TraceLeakRequest& request) {
  if (request.sighting_reference().size() > kMaxText) return InvalidField("sighting_reference", "is too long");
  if (!request.pseudonym().empty() && request.person().person_case() != v1::SubjectRef::kId) {
    return InvalidField("person", "must be an id where a pseudonym is traced");
  }
  POSTERN_ASSIGN_OR_RETURN(const storage::Mac16 subject,
                           rights::SubjectOf(plane_.keys->index_key(), "person", request.person()));
  v1::TraceLeakResponse response;
  POSTERN_RETURN_IF_ERROR(AddRecipients(subject, &response));
  POSTERN_ASSIGN_OR_RETURN(const std::optional<v1::Canary> canary, Find(subject));
  if (canary) *response.mutable_canary() = *canary;
  if (!request.pseudonym().empty()) {
    response.set_source(PartnerOfPseudonym(request.person().id(), request.pseudonym()));
  } else if (canary && response.recipients_size() == 1) {
    response.set_source(canary->partner());
  } else if (response.recipients_size() == 1) {
    response.set_source(response.recipients(0).partner());
  }
  if (request.sighting_reference().empty() || response.source().empty()) return response;
  v1::SupervisionFinding finding;
  finding.set_detector(v1::SupervisionFinding::DETECTOR_CANARY);
  finding.set_value(1);
  finding.set_explanation(absl::StrCat(
      canary ? "a canary that this partner alone received" : "data that this partner alone can have given away",
      " was seen elsewhere: ", request.sighting_reference()));
  POSTERN_ASSIGN_OR_RETURN(*response.mutable_finding(),
                           supervisor_.Report(response.source(), caller.name, std::move(finding)));
  return response;
}

}  // namespace postern::supervision
