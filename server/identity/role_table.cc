#include "server/identity/role_table.h"

#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/identity/errors.h"

namespace postern::identity {
namespace {

constexpr uint8_t kShop = RoleBit(Role::kStorefront);
constexpr uint8_t kPartner = RoleBit(Role::kPartner);
constexpr uint8_t kOperator = RoleBit(Role::kOperator);
constexpr uint8_t kOfficer = RoleBit(Role::kPrivacyOfficer);
constexpr uint8_t kAuditor = RoleBit(Role::kAuditor);
// Whoever may change may look; an auditor looks at everything.
constexpr uint8_t kLook = RoleBit(Role::kViewer) | kOperator | kOfficer | kAuditor;

constexpr bool kAfterTermination = true;
constexpr bool kRead = true;

constexpr MethodRule kRules[] = {
    {"postern.v1.StorefrontService.CreateDisclosure", Listener::kShop, kShop},
    {"postern.v1.StorefrontService.BatchCreateDisclosures", Listener::kShop, kShop},
    {"postern.v1.StorefrontService.StreamDisclosures", Listener::kShop, kShop},
    {"postern.v1.StorefrontService.Exchange", Listener::kShop, kShop},
    {"postern.v1.StorefrontService.PreviewDisclosure", Listener::kShop, kShop, false, kRead},
    {"postern.v1.StorefrontService.GetDisclosure", Listener::kShop, kShop, false, kRead},
    {"postern.v1.StorefrontService.ListDisclosures", Listener::kShop, kShop, false, kRead},
    {"postern.v1.StorefrontService.WatchOutcomes", Listener::kShop, kShop, false, kRead},
    {"postern.v1.StorefrontService.ReportOrderEvent", Listener::kShop, kShop},

    {"postern.v1.PartnerService.Receive", Listener::kPartners, kPartner},
    {"postern.v1.PartnerService.SubmitResult", Listener::kPartners, kPartner},
    {"postern.v1.PartnerService.GetStanding", Listener::kPartners, kPartner, kAfterTermination, kRead},
    {"postern.v1.PartnerService.ListDeletionNotices", Listener::kPartners, kPartner, kAfterTermination, kRead},
    {"postern.v1.PartnerService.AcknowledgeDeletionNotice", Listener::kPartners, kPartner, kAfterTermination},
    {"postern.v1.PartnerService.AttestDeletion", Listener::kPartners, kPartner, kAfterTermination},

    {"postern.v1.OperatorService.CreatePartner", Listener::kOperators, kOperator},
    {"postern.v1.OperatorService.GetPartner", Listener::kOperators, kLook, false, kRead},
    {"postern.v1.OperatorService.ListPartners", Listener::kOperators, kLook, false, kRead},
    {"postern.v1.OperatorService.UpdatePartner", Listener::kOperators, kOperator},
    {"postern.v1.OperatorService.EnrolPartner", Listener::kOperators, kOperator},
    {"postern.v1.OperatorService.ApplyPolicyBundle", Listener::kOperators, kOperator | kOfficer},
    {"postern.v1.OperatorService.GetPolicyBundle", Listener::kOperators, kLook, false, kRead},
    {"postern.v1.OperatorService.ListContractRevisions", Listener::kOperators, kLook, false, kRead},
    {"postern.v1.OperatorService.ActivateContractRevision", Listener::kOperators, kOperator | kOfficer},
    {"postern.v1.OperatorService.SuspendPartner", Listener::kOperators, kOperator | kOfficer},
    {"postern.v1.OperatorService.ResumePartner", Listener::kOperators, kOperator},
    {"postern.v1.OperatorService.TerminatePartner", Listener::kOperators, kOperator},
    {"postern.v1.OperatorService.GetDeletionCampaign", Listener::kOperators, kLook, false, kRead},
    {"postern.v1.OperatorService.ListDeletionCampaigns", Listener::kOperators, kLook, false, kRead},
    {"postern.v1.OperatorService.ListCampaignNotices", Listener::kOperators, kLook, false, kRead},
    // The second person need not be a privacy officer; which of the two steps this is, the campaign knows.
    {"postern.v1.OperatorService.RecordDocumentAttestation", Listener::kOperators, kOfficer | kOperator},
    {"postern.v1.OperatorService.ListDeadLetters", Listener::kOperators, kLook, false, kRead},
    {"postern.v1.OperatorService.ReplayDeadLetter", Listener::kOperators, kOperator},
    {"postern.v1.OperatorService.DropDeadLetter", Listener::kOperators, kOperator},
    {"postern.v1.OperatorService.WatchEvents", Listener::kOperators, kLook, false, kRead},

    {"postern.v1.AuditService.GetCheckpoint", Listener::kOperators, kAuditor, false, kRead},
    {"postern.v1.AuditService.ListEntries", Listener::kOperators, kAuditor, false, kRead},
    {"postern.v1.AuditService.GetInclusionProof", Listener::kOperators, kAuditor, false, kRead},
    {"postern.v1.AuditService.GetConsistencyProof", Listener::kOperators, kAuditor, false, kRead},
};

absl::Status PartnerStanding(v1::PartnerState state, const MethodRule& rule) {
  if (state == v1::PARTNER_STATE_ACTIVE || rule.after_termination) return absl::OkStatus();
  switch (state) {
    case v1::PARTNER_STATE_SUSPENDED:
      return MakeError(v1::ERROR_REASON_PARTNER_SUSPENDED, "the partner is suspended");
    case v1::PARTNER_STATE_TERMINATING:
    case v1::PARTNER_STATE_TERMINATED:
      return MakeError(v1::ERROR_REASON_PARTNER_TERMINATED,
                       "the partner is terminated: it may fetch and answer deletion notices");
    default:
      return MakeError(v1::ERROR_REASON_PARTNER_NOT_ACTIVE, "the partner is not active");
  }
}

}  // namespace

absl::Span<const MethodRule> MethodRules() {
  return kRules;
}

const MethodRule* FindRule(absl::string_view method) {
  for (const MethodRule& rule : kRules) {
    if (rule.method == method) return &rule;
  }
  return nullptr;
}

absl::Status Authorise(const Principal& principal, Listener listener, const MethodRule* rule,
                       v1::PartnerState partner_state) {
  if (rule == nullptr) return errors::RoleDenied("");
  if (rule->listener != listener) return errors::RoleDenied(rule->method);
  bool granted = false;
  for (const Role role : principal.roles) granted = granted || (rule->roles & RoleBit(role)) != 0;
  if (!granted && !base::FailpointSkips("roles.skip")) return errors::RoleDenied(rule->method);
  return principal.partner.empty() ? absl::OkStatus() : PartnerStanding(partner_state, *rule);
}

}  // namespace postern::identity
