// Requests that go other ways than to their end: denied, cancelled, without a verification, beside a termination.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/registry/times.h"
#include "tests/integration/rights/rights_fixture.h"

namespace postern::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Request = v1::SubjectRequest;

// Clause: P1.5c
TEST_F(RightsTest, NothingIsDoneForWhoIsNotVerified) {
  Disclose(Shipment("N-1", "anna"));
  const Request asked = Ask("anna", Request::KIND_ACCOUNT_CANCELLATION, /*verified=*/false);
  EXPECT_EQ(asked.state(), Request::STATE_NEED_USER_VERIFICATION);
  Request ran;
  EXPECT_EQ(testing::ReasonOf(Run(asked.name(), &ran)), "ERROR_REASON_IDENTITY_UNVERIFIED");
  EXPECT_EQ(Disclose(Shipment("N-2", "anna")).reason, "");

  v1::VerifySubjectRequestRequest verify;
  verify.set_name(asked.name());
  Request verified;
  EXPECT_EQ(testing::ReasonOf(rights_->VerifySubjectRequest(Deadline().get(), verify, &verified)),
            "ERROR_REASON_INVALID_ARGUMENT")
      << "how it was verified is part of the record";
  verify.mutable_verification()->set_method("passport at the counter");
  ASSERT_TRUE(rights_->VerifySubjectRequest(Deadline().get(), verify, &verified).ok());
  EXPECT_EQ(verified.state(), Request::STATE_OPEN);
  EXPECT_EQ(verified.verification().principal(), "storefront/spiffe://shop.test/storefront");
  EXPECT_EQ(testing::ReasonOf(rights_->VerifySubjectRequest(Deadline().get(), verify, &verified)),
            "ERROR_REASON_REQUEST_STATE");
}

TEST_F(RightsTest, ARequestIsTakenOnceAndBackBeforeItBegins) {
  v1::CreateSubjectRequestRequest create;
  create.mutable_subject()->set_id("anna");
  create.set_kind(Request::KIND_ERASURE);
  create.set_request_id(NewRequestId());
  create.mutable_verification()->set_method("login");
  Request first, again;
  ASSERT_TRUE(rights_->CreateSubjectRequest(Deadline().get(), create, &first).ok());
  ASSERT_TRUE(rights_->CreateSubjectRequest(Deadline().get(), create, &again).ok());
  EXPECT_EQ(first.name(), again.name());
  create.mutable_subject()->set_id("bert");
  EXPECT_EQ(testing::ReasonOf(rights_->CreateSubjectRequest(Deadline().get(), create, &again)),
            "ERROR_REASON_REQUEST_ID_REUSED");

  v1::CancelSubjectRequestRequest cancel;
  cancel.set_name(first.name());
  Request cancelled;
  ASSERT_TRUE(rights_->CancelSubjectRequest(Deadline().get(), cancel, &cancelled).ok());
  EXPECT_EQ(cancelled.state(), Request::STATE_CANCELLED);
  Request ran;
  EXPECT_EQ(testing::ReasonOf(Run(first.name(), &ran)), "ERROR_REASON_REQUEST_STATE");
  EXPECT_EQ(Disclose(Shipment("K-1", "anna")).reason, "");
}

TEST_F(RightsTest, WhatHasBegunIsNeitherCancelledNorDenied) {
  Disclose(Shipment("B-1", "anna"));
  Receive(1);
  ReportOrder("order-B-1", v1::ORDER_EVENT_AFTER_SALES_CLOSED);
  Request ran;
  ASSERT_TRUE(Run(Ask("anna", Request::KIND_ERASURE).name(), &ran).ok());
  ASSERT_EQ(ran.state(), Request::STATE_IN_PROGRESS);
  v1::CancelSubjectRequestRequest cancel;
  cancel.set_name(ran.name());
  Request answer;
  EXPECT_EQ(testing::ReasonOf(rights_->CancelSubjectRequest(Deadline().get(), cancel, &answer)),
            "ERROR_REASON_REQUEST_STATE");
  v1::DenySubjectRequestRequest deny;
  deny.set_name(ran.name());
  deny.set_reason(Request::DENIAL_REASON_EXCESSIVE);
  EXPECT_EQ(testing::ReasonOf(rights_->DenySubjectRequest(Deadline().get(), deny, &answer)),
            "ERROR_REASON_REQUEST_STATE");
  EXPECT_EQ(testing::ReasonOf(Run(ran.name(), &answer)), "ERROR_REASON_REQUEST_STATE") << "it is begun once";
  EXPECT_THAT(Notices(), SizeIs(1));
}

TEST_F(RightsTest, EveryRequestHasADueTimeAndADenialAReason) {
  const Request asked = Ask("anna", Request::KIND_ERASURE);
  EXPECT_EQ(asked.expected_by().seconds() - asked.receive_time().seconds(), 15 * 24 * 3600);
  v1::DenySubjectRequestRequest deny;
  deny.set_name(asked.name());
  Request denied;
  EXPECT_EQ(testing::ReasonOf(rights_->DenySubjectRequest(Deadline().get(), deny, &denied)),
            "ERROR_REASON_INVALID_ARGUMENT")
      << "a denial without a reason";
  deny.set_reason(Request::DENIAL_REASON_LEGAL_DUTY);
  ASSERT_TRUE(rights_->DenySubjectRequest(Deadline().get(), deny, &denied).ok());
  EXPECT_EQ(denied.state(), Request::STATE_DENIED);
  EXPECT_EQ(Get(asked.name()).denial_reason(), Request::DENIAL_REASON_LEGAL_DUTY);
  EXPECT_TRUE(Get(asked.name()).has_end_time());

  v1::ListSubjectRequestsRequest list;
  list.set_open_only(true);
  v1::ListSubjectRequestsResponse open;
  ASSERT_TRUE(rights_->ListSubjectRequests(Deadline().get(), list, &open).ok());
  EXPECT_THAT(open.subject_requests(), IsEmpty());
}

TEST_F(RightsTest, APreviewTellsWhatWouldHappenAndChangesNothing) {
  Disclose(Shipment("V-1", "anna"));
  Disclose(Shipment("V-2", "anna"));
  Receive(1);
  v1::CreateSubjectRequestRequest create;
  create.mutable_subject()->set_id("anna");
  create.set_kind(Request::KIND_ERASURE);
  create.set_request_id(NewRequestId());
  create.mutable_verification()->set_method("login");
  create.set_validate_only(true);
  Request preview;
  ASSERT_TRUE(rights_->CreateSubjectRequest(Deadline().get(), create, &preview).ok());
  EXPECT_EQ(preview.name(), "");
  EXPECT_EQ(preview.state(), Request::STATE_SCHEDULED) << "the orders are open";
  EXPECT_EQ(preview.wait_reason(), Request::WAIT_REASON_ORDER_OPEN);
  ReportOrder("order-V-1", v1::ORDER_EVENT_AFTER_SALES_CLOSED);
  ReportOrder("order-V-2", v1::ORDER_EVENT_AFTER_SALES_CLOSED);
  ASSERT_TRUE(rights_->CreateSubjectRequest(Deadline().get(), create, &preview).ok());
  EXPECT_EQ(preview.wait_reason(), Request::WAIT_REASON_UNSPECIFIED);
  ASSERT_EQ(preview.partners_size(), 1);
  EXPECT_EQ(preview.partners(0).partner(), "partners/swift-parcel");

  v1::ListSubjectRequestsResponse all;
  ASSERT_TRUE(rights_->ListSubjectRequests(Deadline().get(), v1::ListSubjectRequestsRequest(), &all).ok());
  EXPECT_THAT(all.subject_requests(), IsEmpty());
  EXPECT_EQ(Disclose(Shipment("V-3", "anna")).reason, "");
  EXPECT_THAT(Notices(), IsEmpty());
}

// A terminated partner was told to delete everything; an erasure does not ask it again, and does not wait for it.
TEST_F(RightsTest, AnErasureBesideATerminationAsksEachPartnerOnce) {
  Disclose(Shipment("T-1", "anna"));
  Receive(1);
  ReportOrder("order-T-1", v1::ORDER_EVENT_AFTER_SALES_CLOSED);
  const auto operators = v1::OperatorService::NewStub(gateway_.Person("alice"));
  v1::GetPartnerRequest get;
  get.set_name(absl::StrCat("partners/", kCarrier));
  v1::Partner partner;
  ASSERT_TRUE(operators->GetPartner(Deadline().get(), get, &partner).ok());
  v1::TerminatePartnerRequest terminate;
  terminate.set_name(partner.name());
  terminate.set_etag(partner.etag());
  terminate.set_confirm(partner.name());
  terminate.set_reason("contract_ended");
  v1::TerminatePartnerResponse terminated;
  const grpc::Status status = operators->TerminatePartner(Deadline().get(), terminate, &terminated);
  ASSERT_TRUE(status.ok()) << status.error_message();

  Request ran;
  ASSERT_TRUE(Run(Ask("anna", Request::KIND_ERASURE).name(), &ran).ok());
  EXPECT_THAT(Await(ran.name(), Request::STATE_FULFILLED).partners(), IsEmpty());
  std::vector<v1::DeletionNoticeStatement> notices = Notices();
  for (int i = 0; i < 50 && notices.empty(); ++i) notices = Notices();
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_EQ(notices[0].cause(), v1::DeletionCampaign::CAUSE_TERMINATION);
}

// Clause: P1.5d
TEST_F(RightsTest, ADeadLetterOfAClosedUseCannotBeReplayed) {
  const Outcome rejected = Disclose(Shipment("D-1", "anna"));
  const auto context = Deadline();
  const auto stream = partner_->Receive(context.get());
  v1::ReceiveRequest credit;
  credit.set_add_records(1);
  credit.set_add_bytes(1 << 20);
  stream->Write(credit);
  v1::ReceiveResponse received;
  ASSERT_TRUE(stream->Read(&received));
  v1::ReceiveRequest reject;
  reject.add_rejected()->set_delivery(received.records(0).delivery());
  reject.mutable_rejected(0)->set_action(v1::DeliveryRejection::ACTION_REJECT);
  stream->Write(reject);
  stream->WritesDone();
  while (stream->Read(&received)) {
  }
  EXPECT_TRUE(stream->Finish().ok());

  EXPECT_EQ(Restrict("anna", "delivery", true).effect().held_count(), 1) << "the carrier has read it";
  EXPECT_EQ(StateOf(rejected.disclosure.name()), v1::DISCLOSURE_STATE_WITHDRAWN);
  v1::ReplayDeadLetterRequest replay;
  replay.set_name(rejected.disclosure.name());
  v1::ReplayDeadLetterResponse replayed;
  const auto operators = v1::OperatorService::NewStub(gateway_.Person("bob"));
  EXPECT_EQ(testing::ReasonOf(operators->ReplayDeadLetter(Deadline().get(), replay, &replayed)),
            "ERROR_REASON_NOT_FOUND");
}

}  // namespace
}  // namespace postern::testing
