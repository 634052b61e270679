#include "server/rights/erasure.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "proto/postern/v1/storefront_service.pb.h"
#include "server/base/failpoint.h"
#include "server/crypto/dsse.h"
#include "server/crypto/sha256.h"
#include "server/disclosure/sealed_payload.h"
#include "server/registry/audit_entry.h"
#include "server/registry/errors.h"
#include "server/registry/lifecycle.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"
#include "server/revocation/targeted_campaign.h"
#include "server/rights/errors.h"
#include "server/rights/granted_fields.h"
#include "server/rights/recall.h"
#include "server/rights/subject_name.h"

namespace postern::rights {
namespace {

using Request = v1::SubjectRequest;

constexpr int kNoticePage = 1000;

bool IsClosed(const std::vector<storage::OrderEventRow>& events) {
  return std::any_of(events.begin(), events.end(), [](const storage::OrderEventRow& event) {
    return event.event == v1::ORDER_EVENT_AFTER_SALES_CLOSED;
  });
}

void ClearWait(Request* request) {
  request->set_wait_reason(Request::WAIT_REASON_UNSPECIFIED);
  request->clear_hold_ground();
  request->clear_hold_end_time();
}

v1::PartnerProgress ProgressOf(const v1::DeletionCampaign& campaign) {
  v1::PartnerProgress progress;
  progress.set_partner(std::string(registry::PartnerPart(campaign.name())));
  progress.set_campaign(campaign.name());
  progress.set_state(campaign.state());
  progress.set_handle_count(campaign.handle_count());
  progress.set_deleted_count(campaign.deleted_count());
  progress.set_not_found_count(campaign.not_found_count());
  progress.set_exempted_count(campaign.exempted_count());
  *progress.mutable_due_time() = campaign.due_time();
  if (campaign.has_close_time()) *progress.mutable_close_time() = campaign.close_time();
  return progress;
}

}  // namespace

absl::StatusOr<std::vector<storage::Mac16>> SubjectsOf(const Request& request) {
  std::vector<storage::Mac16> subjects;
  for (const std::string& name : request.subjects()) {
    const absl::StatusOr<storage::Mac16> subject = ParseSubjectName("subjects", name);
    if (!subject.ok()) return registry::errors::StoreInconsistent("a request names no subject");
    subjects.push_back(*subject);
  }
  return subjects;
}

absl::StatusOr<bool> Eraser::MustWait(absl::Span<const storage::Mac16> subjects, Request* request) {
  ClearWait(request);
  // A hold first: it says until when.
  absl::Time last = absl::InfinitePast();
  for (const storage::Mac16& subject : subjects) {
    POSTERN_ASSIGN_OR_RETURN(const v1::Subject described, ledger_.Describe(subject));
    for (const v1::LegalHold& hold : described.legal_holds()) {
      if (registry::ToTime(hold.end_time()) <= last) continue;
      last = registry::ToTime(hold.end_time());
      request->set_wait_reason(Request::WAIT_REASON_LEGAL_HOLD);
      request->set_hold_ground(hold.ground());
      *request->mutable_hold_end_time() = hold.end_time();
    }
  }
  if (request->wait_reason() == Request::WAIT_REASON_LEGAL_HOLD) return true;
  absl::flat_hash_set<storage::Mac16> orders;
  POSTERN_RETURN_IF_ERROR(ForEachDisclosure(*plane_.store, subjects, [&](const storage::DisclosureRow& row) {
    orders.insert(row.order);
    return absl::OkStatus();
  }));
  for (const storage::Mac16& order : orders) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::OrderEventRow> events, plane_.store->ListOrderEvents(order));
    if (IsClosed(events) || base::FailpointSkips("open_order.skip")) continue;
    request->set_wait_reason(Request::WAIT_REASON_ORDER_OPEN);
    return true;
  }
  return false;
}

absl::Status Eraser::Run(storage::SubjectRequestRow* row, absl::string_view principal) {
  Request& request = row->request;
  const Request before = request;
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::Mac16> subjects, SubjectsOf(request));
  POSTERN_ASSIGN_OR_RETURN(const bool wait, MustWait(subjects, &request));
  request.set_state(wait ? Request::STATE_SCHEDULED : Request::STATE_IN_PROGRESS);
  // Asked again every round while it waits: only what is new is written.
  if (wait && before.state() == request.state() && before.wait_reason() == request.wait_reason() &&
      before.hold_ground() == request.hold_ground()) {
    return absl::OkStatus();
  }
  const absl::Time now = plane_.clock();
  storage::ChangeSet change;
  change.subject_requests.push_back(*row);
  POSTERN_RETURN_IF_ERROR(
      registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE, {now, principal, request.name()},
                           wait ? "erasure.scheduled" : "erasure.begun",
                           {{"wait_reason", wait ? Request::WaitReason_Name(request.wait_reason()) : std::string()}}));
  if (wait) return plane_.store->Apply(change).status();
  v1::Suppression suppression;
  registry::SetTime(now, suppression.mutable_time());
  suppression.set_subject_request(request.name());
  for (const storage::Mac16& subject : subjects) {
    storage::SubjectRecordRow& record = change.subject_records.emplace_back();
    record.kind = storage::SubjectRecordRow::Kind::kSuppression;
    record.subject = subject;
    record.resource = suppression.SerializeAsString();
    // Who comes back starts anew: nothing is open that was not consented to since. What was closed stays closed.
    POSTERN_ASSIGN_OR_RETURN(std::vector<storage::SubjectRecordRow> records, plane_.store->ReadSubjectRecords(subject));
    for (storage::SubjectRecordRow& old : records) {
      if (old.kind != storage::SubjectRecordRow::Kind::kConsent) continue;
      old.resource.clear();
      change.subject_records.push_back(std::move(old));
    }
  }
  POSTERN_RETURN_IF_ERROR(ledger_.Change(subjects, std::move(change)));
  POSTERN_FAILPOINT("rights.erasure_begun");
  return Continue(row);
}

absl::Status Eraser::ShredKeys(absl::Span<const storage::Mac16> subjects) {
  absl::flat_hash_set<crypto::KeyId> keys;
  POSTERN_RETURN_IF_ERROR(
      ForEachDisclosure(*plane_.store, subjects, [&](const storage::DisclosureRow& row) -> absl::Status {
        // The keys of the subjects come first, in their order.
        for (size_t i = 0; i < std::min(row.subjects.size(), row.key_ids.size()); ++i) {
          if (std::find(subjects.begin(), subjects.end(), row.subjects[i]) == subjects.end()) continue;
          POSTERN_ASSIGN_OR_RETURN(const crypto::KeyId id, disclosure::FromStored(row.key_ids[i]));
          keys.insert(id);
        }
        return absl::OkStatus();
      }));
  const std::vector<crypto::KeyId> ids(keys.begin(), keys.end());
  if (!ids.empty()) POSTERN_RETURN_IF_ERROR(plane_.keys->Shred(ids, plane_.clock()));
  plane_.store->RequestScrub();
  return absl::OkStatus();
}

absl::Status Eraser::Continue(storage::SubjectRequestRow* row) {
  Request& request = row->request;
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::Mac16> subjects, SubjectsOf(request));
  POSTERN_RETURN_IF_ERROR(ShredKeys(subjects));
  const std::vector<uint32_t> generations = plane_.keys->LivingGenerations();
  POSTERN_FAILPOINT("rights.erasure_shredded");
  POSTERN_ASSIGN_OR_RETURN(const Recalled recalled,
                           RecallReleases(plane_, subjects, v1::ERROR_REASON_KEY_SHREDDED,
                                          [](const storage::DisclosureRow&) -> absl::StatusOr<bool> { return true; }));
  POSTERN_FAILPOINT("rights.erasure_recalled");

  absl::MutexLock control(&plane_.control->mutex);
  const absl::Time now = plane_.clock();
  storage::ChangeSet change;
  GrantedFields grants(plane_.store, plane_.snapshots->Get());
  POSTERN_ASSIGN_OR_RETURN(
      const std::vector<v1::DeletionCampaign> campaigns,
      AddNotices(plane_, grants, recalled.held, v1::DeletionCampaign::CAUSE_ERASURE, {}, ids_, &change));
  request.clear_partners();
  for (const v1::DeletionCampaign& campaign : campaigns) *request.add_partners() = ProgressOf(campaign);
  registry::SetTime(now, request.mutable_effective_time());
  request.set_final_generation(generations.empty() ? 0 : generations.back());
  change.subject_requests.push_back(*row);
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                               {now, registry::kGatewayPrincipal, request.name()}, "erasure.effective",
                                               {{"withdrawn", absl::StrCat(recalled.effect.withdrawn_count())},
                                                {"held", absl::StrCat(recalled.effect.held_count())},
                                                {"campaigns", absl::StrCat(campaigns.size())}}));
  POSTERN_RETURN_IF_ERROR(plane_.store->Apply(change).status());
  revocation::Announce(*plane_.control, change);
  return absl::OkStatus();
}

absl::Status Eraser::Preview(Request* request) {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::Mac16> subjects, SubjectsOf(*request));
  POSTERN_ASSIGN_OR_RETURN(const bool wait, MustWait(subjects, request));
  if (wait && request->has_verification()) request->set_state(Request::STATE_SCHEDULED);
  std::map<storage::PartnerId, absl::flat_hash_set<storage::Hash32>> held;
  POSTERN_RETURN_IF_ERROR(ForEachDisclosure(*plane_.store, subjects, [&](const storage::DisclosureRow& row) {
    if (row.may_be_held) held[row.partner].insert(row.handle);
    return absl::OkStatus();
  }));
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> partners, plane_.store->ListPartners());
  for (const storage::PartnerRow& partner : partners) {
    const auto records = held.find(partner.id);
    if (records == held.end() || registry::Revoked(partner.partner.state())) continue;
    v1::PartnerProgress& progress = *request->add_partners();
    progress.set_partner(partner.partner.name());
    progress.set_handle_count(static_cast<int64_t>(records->second.size()));
  }
  return absl::OkStatus();
}

absl::Status Eraser::ReadProgress(Request* request) {
  if (!request->has_effective_time()) return absl::OkStatus();
  for (v1::PartnerProgress& progress : *request->mutable_partners()) {
    POSTERN_ASSIGN_OR_RETURN(const auto campaign, plane_.store->ReadCampaign(progress.campaign()));
    if (campaign) progress = ProgressOf(campaign->campaign);
  }
  POSTERN_ASSIGN_OR_RETURN(const bool final, plane_.keys->IsFinal(request->final_generation()));
  request->set_final(final);
  return absl::OkStatus();
}

bool Eraser::EveryoneAnswered(const Request& request) {
  return request.has_effective_time() &&
         std::all_of(request.partners().begin(), request.partners().end(), [](const v1::PartnerProgress& progress) {
           return progress.state() == v1::DeletionCampaign::STATE_CLOSED ||
                  progress.state() == v1::DeletionCampaign::STATE_EXEMPTED;
         });
}

absl::StatusOr<v1::GetErasureCertificateResponse> Eraser::Certificate(const v1::GetErasureCertificateRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(storage::SubjectRequestRow row, plane_.store->ReadSubjectRequest(request.name()));
  Request& asked = row.request;
  if (asked.state() != Request::STATE_FULFILLED || !asked.has_effective_time()) {
    return errors::RequestState(request.name(), asked.state());
  }
  POSTERN_RETURN_IF_ERROR(ReadProgress(&asked));
  v1::ErasureCertificateStatement statement;
  statement.set_subject_request(asked.name());
  *statement.mutable_subjects() = asked.subjects();
  statement.set_origin(plane_.campaigns.origin);
  *statement.mutable_receive_time() = asked.receive_time();
  *statement.mutable_verification() = asked.verification();
  *statement.mutable_effective_time() = asked.effective_time();
  statement.set_final_generation(asked.final_generation());
  statement.set_final(asked.final());
  *statement.mutable_partners() = asked.partners();
  for (const v1::PartnerProgress& progress : asked.partners()) {
    POSTERN_ASSIGN_OR_RETURN(const auto campaign, plane_.store->ReadCampaign(progress.campaign()));
    if (!campaign) continue;
    for (int64_t after = 0;;) {
      POSTERN_ASSIGN_OR_RETURN(
          const std::vector<storage::NoticeRow> notices,
          plane_.store->ListNotices(campaign->partner, progress.campaign(), after, kNoticePage, /*open_only=*/false));
      if (notices.empty()) break;
      after = notices.back().row;
      for (const storage::NoticeRow& notice : notices) {
        v1::ErasureCertificateStatement::Answer& answer = *statement.add_answers();
        answer.set_notice(notice.notice.name());
        answer.set_notice_digest(notice.notice.digest());
        if (!notice.notice.has_attestation()) continue;
        const crypto::Sha256Digest digest = crypto::Sha256(notice.notice.attestation().payload());
        answer.set_attestation_digest(std::string(crypto::AsBytes(digest)));
      }
    }
  }
  registry::SetTime(plane_.clock(), statement.mutable_issue_time());
  const crypto::PrivateKey* const signers[] = {plane_.campaigns.notice_key};
  POSTERN_ASSIGN_OR_RETURN(const crypto::DsseEnvelope envelope,
                           crypto::DsseSign(kCertificatePayloadType, statement.SerializeAsString(), signers));
  v1::GetErasureCertificateResponse response;
  *response.mutable_certificate() = revocation::ToProto(envelope);
  return response;
}

}  // namespace postern::rights
