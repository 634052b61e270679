#include "server/revocation/batch_revoker.h"

#include <algorithm>
#include <string>
#include <utility>

#include "policy/language/vocabulary.h"
#include "proto/errors/error.h"
#include "server/registry/errors.h"
#include "server/registry/lifecycle.h"
#include "server/registry/partner_rows.h"
#include "server/revocation/errors.h"

namespace postern::revocation {
namespace {

// A partner that others change at the same time is read again so often.
constexpr int kTries = 5;

std::string ReasonText(const absl::Status& status) {
  return v1::ErrorReason_Name(ReasonOf(status));
}

}  // namespace

absl::StatusOr<std::vector<v1::Partner>> BatchRevoker::Choose(
    const std::string& kind, absl::FunctionRef<bool(const v1::Partner&)> wanted) const {
  const auto& kinds = policy::PartnerKinds();
  if (!kind.empty() && std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
    return registry::errors::InvalidField("kind", "is no kind of partner");
  }
  POSTERN_ASSIGN_OR_RETURN(std::vector<storage::PartnerRow> rows, control_.store->ListPartners());
  std::vector<v1::Partner> chosen;
  for (storage::PartnerRow& row : rows) {
    if (!kind.empty() && row.partner.kind() != kind) continue;
    if (wanted(row.partner)) chosen.push_back(std::move(row.partner));
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const v1::Partner& a, const v1::Partner& b) { return a.name() < b.name(); });
  return chosen;
}

absl::StatusOr<v1::BatchSuspendPartnersResponse> BatchRevoker::Suspend(const identity::Principal& caller,
                                                                       const v1::BatchSuspendPartnersRequest& request) {
  POSTERN_RETURN_IF_ERROR(errors::CheckReason(request.reason()));
  POSTERN_ASSIGN_OR_RETURN(
      const std::vector<v1::Partner> partners,
      Choose(request.kind(), [](const v1::Partner& partner) { return partner.state() == v1::PARTNER_STATE_ACTIVE; }));
  v1::BatchSuspendPartnersResponse response;
  for (const v1::Partner& partner : partners) {
    v1::SuspendPartnerRequest one;
    one.set_name(partner.name());
    one.set_reason(request.reason());
    one.set_validate_only(request.validate_only());
    absl::StatusOr<v1::SuspendPartnerResponse> suspended = suspender_.SuspendPartner(caller, one);
    v1::PartnerRevocation& revocation = *response.add_revocations();
    revocation.set_partner(partner.name());
    if (suspended.ok()) {
      *revocation.mutable_effect() = std::move(*suspended->mutable_effect());
    } else {
      revocation.set_error_reason(ReasonText(suspended.status()));
    }
  }
  return response;
}

absl::StatusOr<v1::BatchTerminatePartnersResponse> BatchRevoker::Terminate(
    const identity::Principal& caller, const v1::BatchTerminatePartnersRequest& request) {
  POSTERN_RETURN_IF_ERROR(errors::CheckReason(request.reason()));
  if (request.kind().empty()) return registry::errors::InvalidField("kind", "is missing");
  if (!request.validate_only() && request.confirm() != request.kind()) {
    return errors::ConfirmationRequired(request.kind());
  }
  const auto wanted = [](const v1::Partner& partner) { return !registry::Revoked(partner.state()); };
  POSTERN_ASSIGN_OR_RETURN(std::vector<v1::Partner> partners, Choose(request.kind(), wanted));
  v1::BatchTerminatePartnersResponse response;
  for (v1::Partner& partner : partners) {
    v1::TerminatePartnerRequest one;
    one.set_name(partner.name());
    one.set_etag(partner.etag());
    one.set_confirm(partner.name());
    one.set_reason(request.reason());
    one.set_validate_only(request.validate_only());
    absl::StatusOr<v1::TerminatePartnerResponse> terminated = terminator_.TerminatePartner(caller, one);
    // What was confirmed is the kind, whatever else is changed about its partners meanwhile.
    for (int i = 1; i < kTries && ReasonOf(terminated.status()) == v1::ERROR_REASON_ETAG_MISMATCH; ++i) {
      const absl::StatusOr<storage::PartnerRow> row = registry::ReadPartner(*control_.store, partner.name());
      if (!row.ok()) break;
      one.set_etag(row->partner.etag());
      terminated = terminator_.TerminatePartner(caller, one);
    }
    v1::PartnerRevocation& revocation = *response.add_revocations();
    revocation.set_partner(partner.name());
    if (terminated.ok()) {
      *revocation.mutable_effect() = std::move(*terminated->mutable_effect());
      if (terminated->has_campaign()) *revocation.mutable_campaign() = std::move(*terminated->mutable_campaign());
    } else {
      revocation.set_error_reason(ReasonText(terminated.status()));
    }
  }
  return response;
}

}  // namespace postern::revocation
