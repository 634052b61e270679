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
constexpr uint8_t kMinorsOfficer = RoleBit(Role::kMinorsOfficer);
// Whoever may change may look; an auditor looks at everything.
constexpr uint8_t kLook = RoleBit(Role::kViewer) | kOperator | kOfficer | kAuditor;

constexpr uint8_t kEveryRole = kShop | kPartner | kLook;

constexpr uint8_t kShopSide = ListenerBit(Listener::kShop);
constexpr uint8_t kPartnerSide = ListenerBit(Listener::kPartners);
constexpr uint8_t kOperatorSide = ListenerBit(Listener::kOperators);
constexpr uint8_t kEverySide = kShopSide | kPartnerSide | kOperatorSide;

// Who acts for people: the shop's backend, and operators at its side.
constexpr uint8_t kServe = kShop | kOperator | kOfficer;
constexpr uint8_t kBoth = kShopSide | kOperatorSide;

constexpr bool kAfterTermination = true;
constexpr bool kRead = true;

constexpr MethodRule kRules[] = {
    {"postern.v1.StorefrontService.CreateDisclosure", kShopSide, kShop},
    {"postern.v1.StorefrontService.BatchCreateDisclosures", kShopSide, kShop},
    {"postern.v1.StorefrontService.StreamDisclosures", kShopSide, kShop},
    {"postern.v1.StorefrontService.Exchange", kShopSide, kShop},
    {"postern.v1.StorefrontService.PreviewDisclosure", kShopSide, kShop, false, kRead},
    {"postern.v1.StorefrontService.GetDisclosure", kShopSide, kShop, false, kRead},
    {"postern.v1.StorefrontService.ListDisclosures", kShopSide, kShop, false, kRead},
    {"postern.v1.StorefrontService.WatchOutcomes", kShopSide, kShop, false, kRead},
    {"postern.v1.StorefrontService.ReportOrderEvent", kShopSide, kShop},

    {"postern.v1.PartnerService.Receive", kPartnerSide, kPartner},
    {"postern.v1.PartnerService.SubmitResult", kPartnerSide, kPartner},
    {"postern.v1.PartnerService.GetStanding", kPartnerSide, kPartner, kAfterTermination, kRead},
    {"postern.v1.PartnerService.ListDeletionNotices", kPartnerSide, kPartner, kAfterTermination, kRead},
    {"postern.v1.PartnerService.AcknowledgeDeletionNotice", kPartnerSide, kPartner, kAfterTermination},
    {"postern.v1.PartnerService.AttestDeletion", kPartnerSide, kPartner, kAfterTermination},

    {"postern.v1.OperatorService.CreatePartner", kOperatorSide, kOperator},
    {"postern.v1.OperatorService.GetPartner", kOperatorSide, kLook, false, kRead},
    {"postern.v1.OperatorService.ListPartners", kOperatorSide, kLook, false, kRead},
    {"postern.v1.OperatorService.UpdatePartner", kOperatorSide, kOperator},
    {"postern.v1.OperatorService.EnrolPartner", kOperatorSide, kOperator},
    {"postern.v1.OperatorService.ApplyPolicyBundle", kOperatorSide, kOperator | kOfficer},
    {"postern.v1.OperatorService.GetPolicyBundle", kOperatorSide, kLook, false, kRead},
    {"postern.v1.OperatorService.ListContractRevisions", kOperatorSide, kLook, false, kRead},
    {"postern.v1.OperatorService.ActivateContractRevision", kOperatorSide, kOperator | kOfficer},
    {"postern.v1.OperatorService.SuspendPartner", kOperatorSide, kOperator | kOfficer},
    {"postern.v1.OperatorService.ResumePartner", kOperatorSide, kOperator},
    {"postern.v1.OperatorService.TerminatePartner", kOperatorSide, kOperator},
    {"postern.v1.OperatorService.BatchSuspendPartners", kOperatorSide, kOperator | kOfficer},
    {"postern.v1.OperatorService.BatchTerminatePartners", kOperatorSide, kOperator},
    {"postern.v1.OperatorService.EnablePartnerEndpoint", kOperatorSide, kOperator},
    {"postern.v1.OperatorService.IssueWebhookSecret", kOperatorSide, kOperator},
    {"postern.v1.OperatorService.GetDeletionCampaign", kOperatorSide, kLook, false, kRead},
    {"postern.v1.OperatorService.ListDeletionCampaigns", kOperatorSide, kLook, false, kRead},
    {"postern.v1.OperatorService.ListCampaignNotices", kOperatorSide, kLook, false, kRead},
    // The second person need not be a privacy officer; which of the two steps this is, the campaign knows.
    {"postern.v1.OperatorService.RecordDocumentAttestation", kOperatorSide, kOfficer | kOperator},
    {"postern.v1.OperatorService.ListDeadLetters", kOperatorSide, kLook, false, kRead},
    {"postern.v1.OperatorService.ReplayDeadLetter", kOperatorSide, kOperator},
    {"postern.v1.OperatorService.DropDeadLetter", kOperatorSide, kOperator},
    {"postern.v1.OperatorService.WatchEvents", kOperatorSide, kLook, false, kRead},

    {"postern.v1.SubjectRightsService.DescribeSubject", kBoth, kShop | kLook, false, kRead},
    {"postern.v1.SubjectRightsService.SetConsent", kBoth, kServe},
    {"postern.v1.SubjectRightsService.SetRestriction", kBoth, kServe},
    {"postern.v1.SubjectRightsService.LiftSuppression", kBoth, kServe},
    {"postern.v1.SubjectRightsService.SetGuardian", kBoth, kShop | kMinorsOfficer},
    {"postern.v1.SubjectRightsService.PlaceLegalHold", kOperatorSide, kOfficer},
    {"postern.v1.SubjectRightsService.ReleaseLegalHold", kOperatorSide, kOfficer},
    {"postern.v1.SubjectRightsService.RectifyRecord", kShopSide, kShop},
    {"postern.v1.SubjectRightsService.CreateSubjectRequest", kBoth, kServe},
    {"postern.v1.SubjectRightsService.GetSubjectRequest", kBoth, kShop | kLook, false, kRead},
    {"postern.v1.SubjectRightsService.ListSubjectRequests", kBoth, kShop | kLook, false, kRead},
    {"postern.v1.SubjectRightsService.VerifySubjectRequest", kBoth, kServe},
    {"postern.v1.SubjectRightsService.RunSubjectRequest", kBoth, kServe},
    {"postern.v1.SubjectRightsService.DenySubjectRequest", kBoth, kServe},
    {"postern.v1.SubjectRightsService.CancelSubjectRequest", kBoth, kServe},
    {"postern.v1.SubjectRightsService.GetAccessReport", kBoth, kShop | kOfficer | kAuditor, false, kRead},
    {"postern.v1.SubjectRightsService.GetErasureCertificate", kBoth, kShop | kLook, false, kRead},

    {"postern.v1.RetentionService.PlanRetention", kOperatorSide, kLook, false, kRead},
    {"postern.v1.RetentionService.RunRetention", kOperatorSide, kOperator | kOfficer},
    {"postern.v1.RetentionService.GetRetentionReport", kOperatorSide, kLook, false, kRead},

    {"postern.v1.StatisticsService.QueryStatistics", kBoth, kShop | kLook, false, kRead},

    {"postern.v1.InvestigationService.CreateInvestigation", kBoth, kServe},
    {"postern.v1.InvestigationService.GetInvestigation", kBoth, kShop | kLook, false, kRead},
    {"postern.v1.InvestigationService.ListInvestigations", kBoth, kShop | kLook, false, kRead},
    {"postern.v1.InvestigationService.BeginInvestigation", kOperatorSide, kOfficer},
    {"postern.v1.InvestigationService.FreezeForInvestigation", kOperatorSide, kOfficer},
    {"postern.v1.InvestigationService.LiftFreezes", kOperatorSide, kOfficer},
    {"postern.v1.InvestigationService.ExportEvidence", kOperatorSide, kOfficer | kAuditor, false, kRead},
    {"postern.v1.InvestigationService.ResolveInvestigation", kOperatorSide, kOfficer},

    {"postern.v1.SupervisionService.ListSupervisionFindings", kOperatorSide, kLook, false, kRead},
    {"postern.v1.SupervisionService.ReplaySupervision", kOperatorSide, kLook, false, kRead},
    {"postern.v1.SupervisionService.PlantCanary", kOperatorSide, kOfficer},
    {"postern.v1.SupervisionService.TraceLeak", kOperatorSide, kOfficer},

    {"postern.v1.AuditService.GetCheckpoint", kOperatorSide, kAuditor, false, kRead},
    {"postern.v1.AuditService.ListEntries", kOperatorSide, kAuditor, false, kRead},
    {"postern.v1.AuditService.GetInclusionProof", kOperatorSide, kAuditor, false, kRead},
    {"postern.v1.AuditService.GetConsistencyProof", kOperatorSide, kAuditor, false, kRead},

    {"postern.v1.MaintenanceService.RunSelfCheck", kOperatorSide, kLook, false, kRead},
    {"postern.v1.MaintenanceService.ListKeyGenerations", kOperatorSide, kLook, false, kRead},
    {"postern.v1.MaintenanceService.RotateKeys", kOperatorSide, kOperator},
    {"postern.v1.MaintenanceService.StartBackup", kOperatorSide, kOperator},
    {"postern.v1.MaintenanceService.GetBackup", kOperatorSide, kLook, false, kRead},

    // What the program is and whether it serves: nothing about anyone, so these are no reads to account for.
    {"grpc.health.v1.Health.Check", kEverySide, kEveryRole},
    {"grpc.health.v1.Health.Watch", kEverySide, kEveryRole},
    {"grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo", kOperatorSide, kLook},
};

// The roles of `rule` that count on `listener`: each counts on its own side only, and none where the method is not.
uint8_t RolesOn(const MethodRule& rule, Listener listener) {
  if ((rule.listeners & ListenerBit(listener)) == 0) return 0;
  switch (listener) {
    case Listener::kShop:
      return rule.roles & kShop;
    case Listener::kPartners:
      return rule.roles & kPartner;
    case Listener::kOperators:
      return static_cast<uint8_t>(rule.roles & ~(kShop | kPartner));
  }
  return 0;
}

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
  const uint8_t roles = RolesOn(*rule, listener);
  if (roles == 0) return errors::RoleDenied(rule->method);
  bool granted = false;
  for (const Role role : principal.roles) granted = granted || (roles & RoleBit(role)) != 0;
  if (!granted && !base::FailpointSkips("roles.skip")) return errors::RoleDenied(rule->method);
  return principal.partner.empty() ? absl::OkStatus() : PartnerStanding(partner_state, *rule);
}

}  // namespace postern::identity
