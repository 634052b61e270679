#include "server/identity/role_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "google/protobuf/descriptor.h"
#include "proto/errors/error.h"
#include "proto/grpc/health/v1/health.pb.h"
#include "proto/grpc/reflection/v1alpha/reflection.pb.h"
#include "proto/postern/v1/audit_service.pb.h"
#include "proto/postern/v1/investigation_service.pb.h"
#include "proto/postern/v1/maintenance_service.pb.h"
#include "proto/postern/v1/operator_service.pb.h"
#include "proto/postern/v1/partner_service.pb.h"
#include "proto/postern/v1/retention_service.pb.h"
#include "proto/postern/v1/statistics_service.pb.h"
#include "proto/postern/v1/storefront_service.pb.h"
#include "proto/postern/v1/subject_rights_service.pb.h"
#include "proto/postern/v1/supervision_service.pb.h"

namespace postern::identity {
namespace {

std::set<std::string> MethodsOfTheApi() {
  std::set<std::string> methods;
  for (const google::protobuf::FileDescriptor* file :
       {v1::CreateDisclosureRequest::descriptor()->file(), v1::ReceiveRequest::descriptor()->file(),
        v1::CreatePartnerRequest::descriptor()->file(), v1::GetCheckpointRequest::descriptor()->file(),
        v1::SetConsentRequest::descriptor()->file(), v1::RunRetentionRequest::descriptor()->file(),
        v1::ReplaySupervisionRequest::descriptor()->file(), v1::RunSelfCheckRequest::descriptor()->file(),
        v1::CreateInvestigationRequest::descriptor()->file(), v1::QueryStatisticsRequest::descriptor()->file(),
        grpc::health::v1::HealthCheckRequest::descriptor()->file(),
        grpc::reflection::v1alpha::ServerReflectionRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        methods.insert(file->service(s)->method(m)->full_name());
      }
    }
  }
  return methods;
}

Principal With(Role role) {
  Principal principal;
  principal.roles = {role};
  if (role == Role::kPartner) principal.partner = "partners/acme";
  return principal;
}

v1::ErrorReason Judge(Role role, Listener listener, const std::string& method,
                      v1::PartnerState state = v1::PARTNER_STATE_ACTIVE) {
  return ReasonOf(Authorise(With(role), listener, FindRule(method), state));
}

// Clause: P1.3b
TEST(RoleTable, NamesEveryMethodOfEveryServiceOnceAndNothingElse) {
  std::multiset<std::string> listed;
  for (const MethodRule& rule : MethodRules()) listed.insert(std::string(rule.method));
  const std::set<std::string> api = MethodsOfTheApi();
  EXPECT_GT(api.size(), 30u);
  EXPECT_THAT(listed, ::testing::UnorderedElementsAreArray(api));
}

TEST(RoleTable, DeniesWhatItDoesNotName) {
  EXPECT_EQ(FindRule("postern.v1.OperatorService.Invented"), nullptr);
  EXPECT_EQ(Judge(Role::kOperator, Listener::kOperators, "postern.v1.OperatorService.Invented"),
            v1::ERROR_REASON_ROLE_DENIED);
}

TEST(RoleTable, KeepsEachRoleOnItsListener) {
  for (const MethodRule& rule : MethodRules()) {
    for (const Role role : {Role::kStorefront, Role::kPartner, Role::kViewer, Role::kOperator, Role::kPrivacyOfficer,
                            Role::kAuditor, Role::kMinorsOfficer}) {
      for (const Listener listener : {Listener::kShop, Listener::kPartners, Listener::kOperators}) {
        const Listener home = role == Role::kStorefront ? Listener::kShop
                              : role == Role::kPartner  ? Listener::kPartners
                                                        : Listener::kOperators;
        const bool offered = listener == home && (rule.listeners & ListenerBit(listener)) != 0;
        const bool allowed = offered && (rule.roles & RoleBit(role)) != 0;
        EXPECT_EQ(Judge(role, listener, std::string(rule.method)) == v1::ERROR_REASON_UNSPECIFIED, allowed)
            << rule.method;
      }
    }
  }
}

TEST(RoleTable, ViewersChangeNothing) {
  for (const MethodRule& rule : MethodRules()) {
    if (rule.method.substr(0, 5) == "grpc.") continue;  // changes nothing by what it is
    if ((rule.roles & RoleBit(Role::kViewer)) != 0) EXPECT_TRUE(rule.read) << rule.method;
  }
}

TEST(RoleTable, OnlyOperatorsTerminate) {
  const std::string terminate = "postern.v1.OperatorService.TerminatePartner";
  EXPECT_EQ(Judge(Role::kOperator, Listener::kOperators, terminate), v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_EQ(Judge(Role::kPrivacyOfficer, Listener::kOperators, terminate), v1::ERROR_REASON_ROLE_DENIED);
  EXPECT_EQ(Judge(Role::kAuditor, Listener::kOperators, terminate), v1::ERROR_REASON_ROLE_DENIED);
}

// Clause: P1.4e
TEST(RoleTable, ATerminatedPartnerFetchesAndAnswersNoticesAndNothingElse) {
  const std::set<std::string> left = {
      "postern.v1.PartnerService.GetStanding", "postern.v1.PartnerService.ListDeletionNotices",
      "postern.v1.PartnerService.AcknowledgeDeletionNotice", "postern.v1.PartnerService.AttestDeletion"};
  for (const MethodRule& rule : MethodRules()) {
    if ((rule.listeners & ListenerBit(Listener::kPartners)) == 0) continue;
    const std::string method(rule.method);
    for (const auto state : {v1::PARTNER_STATE_TERMINATING, v1::PARTNER_STATE_TERMINATED}) {
      EXPECT_EQ(Judge(Role::kPartner, Listener::kPartners, method, state),
                left.count(method) == 1 ? v1::ERROR_REASON_UNSPECIFIED : v1::ERROR_REASON_PARTNER_TERMINATED);
    }
  }
  EXPECT_EQ(
      Judge(Role::kPartner, Listener::kPartners, "postern.v1.PartnerService.Receive", v1::PARTNER_STATE_SUSPENDED),
      v1::ERROR_REASON_PARTNER_SUSPENDED);
  EXPECT_EQ(Judge(Role::kPartner, Listener::kPartners, "postern.v1.PartnerService.Receive", v1::PARTNER_STATE_DRAFT),
            v1::ERROR_REASON_PARTNER_NOT_ACTIVE);
}

}  // namespace
}  // namespace postern::identity
