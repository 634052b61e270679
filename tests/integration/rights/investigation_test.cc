// Complaints and what follows from them, over the real listeners.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/postern/v1/investigation_service.grpc.pb.h"
#include "server/crypto/dsse.h"
#include "tests/integration/rights/rights_fixture.h"

namespace postern::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Stub = v1::InvestigationService::Stub;

class InvestigationTest : public RightsTest {
 protected:
  std::unique_ptr<Stub> As(const std::string& person) {
    return v1::InvestigationService::NewStub(person == "shop" ? gateway_.Storefront() : gateway_.Person(person));
  }
  v1::CreateInvestigationRequest Complaint(const std::string& customer) {
    v1::CreateInvestigationRequest request;
    if (!customer.empty()) request.mutable_subject()->set_id(customer);
    request.set_partner(absl::StrCat("partners/", kCarrier));
    request.set_reference("ticket 4711");
    request.set_request_id(NewRequestId());
    return request;
  }
  v1::Investigation Complain(const std::string& customer) {
    v1::Investigation made;
    const grpc::Status status = As("shop")->CreateInvestigation(Deadline().get(), Complaint(customer), &made);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return made;
  }
  grpc::Status Freeze(const std::string& person, const std::string& name, const std::string& partner,
                      const std::string& category, v1::Investigation* frozen) {
    v1::FreezeForInvestigationRequest request;
    request.set_name(name);
    request.set_partner(partner);
    request.set_category(category);
    return As(person)->FreezeForInvestigation(Deadline().get(), request, frozen);
  }
  grpc::Status Resolve(const std::string& name, v1::Investigation* resolved) {
    v1::ResolveInvestigationRequest request;
    request.set_name(name);
    request.mutable_resolution()->set_finding(v1::Resolution::FINDING_UPHELD);
    request.mutable_resolution()->add_measures(v1::Resolution::MEASURE_PROCESS_CHANGED);
    request.mutable_resolution()->set_report_reference("report 12");
    return As("alice")->ResolveInvestigation(Deadline().get(), request, resolved);
  }
  v1::ExportEvidenceResponse Evidence(const std::string& name, int page_size = 2) {
    v1::ExportEvidenceRequest request;
    request.set_name(name);
    request.set_page_size(page_size);
    v1::ExportEvidenceResponse all;
    do {
      v1::ExportEvidenceResponse page;
      const grpc::Status status = As("alice")->ExportEvidence(Deadline().get(), request, &page);
      EXPECT_TRUE(status.ok()) << status.error_message();
      if (!status.ok()) return all;
      request.set_page_token(page.next_page_token());
      all.MergeFrom(page);
    } while (!request.page_token().empty());
    return all;
  }
  v1::PartnerState CarrierState() {
    v1::GetPartnerRequest request;
    request.set_name(absl::StrCat("partners/", kCarrier));
    v1::Partner partner;
    EXPECT_TRUE(
        v1::OperatorService::NewStub(gateway_.Person("vera"))->GetPartner(Deadline().get(), request, &partner).ok());
    return partner.state();
  }
};

// Clause: P1.5e
TEST_F(InvestigationTest, AComplaintIsLookedIntoStoppedAndAnsweredInForm) {
  const Outcome waiting = Disclose(Shipment("K-1", "ada"));
  ASSERT_EQ(waiting.reason, "");
  const v1::Investigation made = Complain("ada");
  EXPECT_EQ(made.state(), v1::Investigation::STATE_OPEN);
  EXPECT_EQ(made.expected_by().seconds() - made.receive_time().seconds(), 15 * 24 * 3600);
  v1::BeginInvestigationRequest begin;
  begin.set_name(made.name());
  v1::Investigation begun;
  ASSERT_TRUE(As("alice")->BeginInvestigation(Deadline().get(), begin, &begun).ok());
  EXPECT_THAT(begun.investigator(), HasSubstr("alice"));

  // The category is stopped: what waits is withdrawn, and nothing new goes.
  v1::Investigation frozen;
  ASSERT_TRUE(Freeze("alice", made.name(), "", "delivery_name", &frozen).ok());
  ASSERT_EQ(frozen.freezes_size(), 1);
  EXPECT_TRUE(frozen.freezes(0).has_effective_time());
  EXPECT_EQ(frozen.freezes(0).withdrawn_count(), 1);
  EXPECT_EQ(StateOf(waiting.disclosure.name()), v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_EQ(Disclose(Shipment("K-2", "ada")).reason, "ERROR_REASON_CATEGORY_FROZEN") << "the category is stopped";
  Restart();
  EXPECT_EQ(Disclose(Shipment("K-3", "bert")).reason, "ERROR_REASON_CATEGORY_FROZEN") << "a restart thaws nothing";

  v1::Investigation resolved;
  ASSERT_TRUE(Resolve(made.name(), &resolved).ok());
  EXPECT_EQ(resolved.state(), v1::Investigation::STATE_RESOLVED);
  EXPECT_TRUE(resolved.freezes(0).has_lift_time());
  EXPECT_EQ(resolved.reply().payload_type(), "application/vnd.postern.investigation-reply.v1+protobuf");
  v1::InvestigationReplyStatement reply;
  ASSERT_TRUE(reply.ParseFromString(resolved.reply().payload()));
  EXPECT_EQ(reply.reference(), "ticket 4711");
  EXPECT_EQ(reply.resolution().finding(), v1::Resolution::FINDING_UPHELD);
  EXPECT_EQ(reply.freezes_size(), 1);
  EXPECT_FALSE(resolved.reply().signatures().empty());
  EXPECT_EQ(Disclose(Shipment("K-4", "ada")).reason, "");
  EXPECT_EQ(testing::ReasonOf(Resolve(made.name(), &resolved)), "ERROR_REASON_INVESTIGATION_STATE");
}

// Clause: P1.5e
TEST_F(InvestigationTest, TheEvidenceHoldsWhatConcernsThePersonAndNothingElse) {
  const std::string mine = Disclose(Shipment("E-1", "ada")).disclosure.name();
  const std::string mine_too = Disclose(Shipment("E-2", "ada")).disclosure.name();
  const std::string other = Disclose(Shipment("E-3", "bert")).disclosure.name();
  Receive(3);
  ReportOrder("order-E-1", v1::ORDER_EVENT_AFTER_SALES_CLOSED);
  ReportOrder("order-E-2", v1::ORDER_EVENT_AFTER_SALES_CLOSED);
  v1::SubjectRequest erasure = Ask("ada", v1::SubjectRequest::KIND_ERASURE);
  ASSERT_TRUE(Run(erasure.name(), &erasure).ok());
  AwaitEffective(erasure.name());
  AnswerNotices();
  const v1::Investigation made = Complain("ada");
  v1::Investigation frozen;
  ASSERT_TRUE(Freeze("alice", made.name(), absl::StrCat("partners/", kCarrier), "", &frozen).ok());

  const v1::ExportEvidenceResponse evidence = Evidence(made.name());
  EXPECT_EQ(evidence.investigation().export_count(), 1);
  std::set<std::string> disclosed;
  for (const v1::AccessEntry& entry : evidence.disclosures()) {
    disclosed.insert(entry.disclosure().name());
    EXPECT_FALSE(entry.fields().empty());
  }
  EXPECT_EQ(disclosed, (std::set<std::string>{mine, mine_too}));
  ASSERT_EQ(evidence.notices_size(), 1);
  EXPECT_TRUE(evidence.notices(0).has_attestation()) << "what the partner answered";
  std::set<std::string> actions;
  for (const v1::ExportEvidenceResponse::AuditEvidence& entry : evidence.entries()) {
    EXPECT_NE(entry.entry().resource(), other);
    if (entry.entry().details().contains("action")) actions.insert(entry.entry().details().at("action"));
  }
  EXPECT_THAT(actions, Contains("investigation.created"));
  EXPECT_THAT(actions, Contains("partner.suspended"));
  // An auditor may look, an operator without that office may not.
  v1::ExportEvidenceRequest request;
  request.set_name(made.name());
  v1::ExportEvidenceResponse page;
  EXPECT_TRUE(As("otto")->ExportEvidence(Deadline().get(), request, &page).ok());
  EXPECT_EQ(testing::ReasonOf(As("bob")->ExportEvidence(Deadline().get(), request, &page)), "ERROR_REASON_ROLE_DENIED");
  EXPECT_EQ(testing::ReasonOf(As("shop")->ExportEvidence(Deadline().get(), request, &page)),
            "ERROR_REASON_ROLE_DENIED");
}

TEST_F(InvestigationTest, AFrozenPartnerIsSuspendedEvenIfTheProcessDiesMeanwhile) {
  const v1::Investigation made = Complain("");
  Restart("rights.freeze_written=abort");
  v1::Investigation frozen;
  EXPECT_FALSE(Freeze("alice", made.name(), absl::StrCat("partners/", kCarrier), "", &frozen).ok());
  AwaitDeath();
  Restart();
  EXPECT_EQ(CarrierState(), v1::PARTNER_STATE_SUSPENDED);
  EXPECT_EQ(Disclose(Shipment("F-1", "ada")).reason, "ERROR_REASON_PARTNER_SUSPENDED");
  // Freezing it again changes nothing.
  ASSERT_TRUE(Freeze("alice", made.name(), absl::StrCat("partners/", kCarrier), "", &frozen).ok());
  EXPECT_EQ(frozen.freezes_size(), 1);
  v1::LiftFreezesRequest lift;
  lift.set_name(made.name());
  ASSERT_TRUE(As("alice")->LiftFreezes(Deadline().get(), lift, &frozen).ok());
  EXPECT_TRUE(frozen.freezes(0).has_lift_time());
  EXPECT_EQ(CarrierState(), v1::PARTNER_STATE_SUSPENDED) << "only a person resumes a partner";
}

TEST_F(InvestigationTest, AFreezeOfOnePartnerLeavesOthersAlone) {
  const v1::Investigation made = Complain("ada");
  v1::Investigation frozen;
  ASSERT_TRUE(Freeze("alice", made.name(), "partners/nordic-freight", "delivery_name", &frozen).ok());
  EXPECT_EQ(Disclose(Shipment("L-1", "ada")).reason, "");
}

TEST_F(InvestigationTest, MinorsGoFirst) {
  const v1::Investigation grown = Complain("ada");
  v1::SetGuardianRequest link;
  link.mutable_subject()->set_id("child");
  link.mutable_guardian()->set_id("parent");
  link.set_until("2040-01-01");
  link.set_evidence("form 1");
  v1::Subject subject;
  ASSERT_TRUE(rights_->SetGuardian(Deadline().get(), link, &subject).ok());
  const v1::Investigation child = Complain("child");
  EXPECT_TRUE(child.urgent());
  EXPECT_EQ(child.expected_by().seconds() - child.receive_time().seconds(), 5 * 24 * 3600);
  v1::ListInvestigationsResponse list;
  ASSERT_TRUE(As("mia")->ListInvestigations(Deadline().get(), {}, &list).ok());
  ASSERT_EQ(list.investigations_size(), 2);
  EXPECT_EQ(list.investigations(0).name(), child.name());
  EXPECT_EQ(list.investigations(1).name(), grown.name());
  v1::GetInvestigationRequest get;
  get.set_name(child.name());
  v1::Investigation found;
  EXPECT_EQ(testing::ReasonOf(As("alice")->GetInvestigation(Deadline().get(), get, &found)),
            "ERROR_REASON_ROLE_DENIED");
  EXPECT_TRUE(As("mia")->GetInvestigation(Deadline().get(), get, &found).ok());
}

TEST_F(InvestigationTest, WhatIsWrongIsRefusedWithTheReason) {
  v1::Investigation made;
  v1::CreateInvestigationRequest request = Complaint("ada");
  ASSERT_TRUE(As("shop")->CreateInvestigation(Deadline().get(), request, &made).ok());
  v1::Investigation again;
  ASSERT_TRUE(As("shop")->CreateInvestigation(Deadline().get(), request, &again).ok());
  EXPECT_EQ(again.name(), made.name());
  request.set_reference("another");
  EXPECT_EQ(testing::ReasonOf(As("shop")->CreateInvestigation(Deadline().get(), request, &again)),
            "ERROR_REASON_REQUEST_ID_REUSED");
  request = Complaint("");
  request.clear_partner();
  EXPECT_EQ(testing::ReasonOf(As("shop")->CreateInvestigation(Deadline().get(), request, &again)),
            "ERROR_REASON_INVALID_ARGUMENT");
  request = Complaint("ada");
  request.set_partner("partners/nobody");
  EXPECT_EQ(testing::ReasonOf(As("shop")->CreateInvestigation(Deadline().get(), request, &again)),
            "ERROR_REASON_PARTNER_UNKNOWN");
  EXPECT_EQ(testing::ReasonOf(Freeze("alice", made.name(), "", "no_such", &again)), "ERROR_REASON_INVALID_ARGUMENT");
  EXPECT_EQ(testing::ReasonOf(Freeze("bob", made.name(), "", "delivery_name", &again)), "ERROR_REASON_ROLE_DENIED");
  v1::ResolveInvestigationRequest resolve;
  resolve.set_name(made.name());
  resolve.mutable_resolution()->set_finding(v1::Resolution::FINDING_UPHELD);
  resolve.mutable_resolution()->set_report_reference("report 1");
  EXPECT_EQ(testing::ReasonOf(As("alice")->ResolveInvestigation(Deadline().get(), resolve, &again)),
            "ERROR_REASON_INVALID_ARGUMENT")
      << "who is in the right is owed a measure";
}

}  // namespace
}  // namespace postern::testing
