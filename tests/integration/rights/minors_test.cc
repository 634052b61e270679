// Guardians and minors, over the real listeners.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/registry/times.h"
#include "tests/integration/rights/rights_fixture.h"

namespace postern::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using Request = v1::SubjectRequest;

class MinorsTest : public RightsTest {
 protected:
  // The answer's reason, "" if it is OK.
  std::string Link(const std::string& child, const std::string& guardian, const std::string& until) {
    v1::SetGuardianRequest request;
    request.mutable_subject()->set_id(child);
    request.mutable_guardian()->set_id(guardian);
    request.set_until(until);
    request.set_evidence("family register");
    return testing::ReasonOf(rights_->SetGuardian(Deadline().get(), request, &subject_));
  }
  std::string LinkForAYear(const std::string& child, const std::string& guardian) {
    return Link(child, guardian, absl::FormatCivilTime(registry::UtcDay(absl::Now()) + 365));
  }
  // The same of a request of `guardian` for `child`; `asked` is what it became.
  std::string AskFor(const std::string& child, const std::string& guardian, Request::Kind kind, Request* asked) {
    v1::CreateSubjectRequestRequest request;
    request.mutable_subject()->set_id(child);
    request.mutable_guardian()->set_id(guardian);
    request.set_kind(kind);
    request.set_request_id(NewRequestId());
    request.mutable_verification()->set_method("account login of the guardian");
    return testing::ReasonOf(rights_->CreateSubjectRequest(Deadline().get(), request, asked));
  }
  std::string ConsentOf(const std::string& child, const std::string& guardian) {
    v1::SetConsentRequest request;
    request.mutable_subject()->set_id(child);
    if (!guardian.empty()) request.mutable_guardian()->set_id(guardian);
    request.mutable_scope()->set_category("alternative_recipient");
    request.set_granted(true);
    v1::SetConsentResponse response;
    return testing::ReasonOf(rights_->SetConsent(Deadline().get(), request, &response));
  }

  v1::Subject subject_;
};

// Clause: W6a
TEST_F(MinorsTest, AGuardianActsForTheMinorAndNobodyElseDoes) {
  Disclose(Shipment("M-1", "kim"));
  Receive(1);
  Request asked;
  EXPECT_EQ(AskFor("kim", "gerda", Request::KIND_ACCESS, &asked), "ERROR_REASON_GUARDIAN_UNLINKED");
  EXPECT_EQ(LinkForAYear("kim", "gerda"), "");
  ASSERT_THAT(subject_.guardians(), SizeIs(1));
  EXPECT_EQ(AskFor("kim", "otto", Request::KIND_ACCESS, &asked), "ERROR_REASON_GUARDIAN_UNLINKED");
  EXPECT_EQ(AskFor("lou", "gerda", Request::KIND_ACCESS, &asked), "ERROR_REASON_GUARDIAN_UNLINKED") << "another child";

  EXPECT_EQ(AskFor("kim", "gerda", Request::KIND_ACCESS, &asked), "");
  Request ran;
  ASSERT_TRUE(Run(asked.name(), &ran).ok());
  v1::GetAccessReportRequest get;
  get.set_name(asked.name());
  v1::GetAccessReportResponse report;
  ASSERT_TRUE(rights_->GetAccessReport(Deadline().get(), get, &report).ok());
  EXPECT_THAT(report.entries(), SizeIs(1));

  EXPECT_EQ(ConsentOf("kim", ""), "ERROR_REASON_GUARDIAN_UNLINKED") << "a minor alone consents to nothing";
  EXPECT_EQ(ConsentOf("kim", "gerda"), "");
}

TEST_F(MinorsTest, ALinkIsForAnotherPersonAndEndsInTheFuture) {
  EXPECT_EQ(LinkForAYear("kim", "kim"), "ERROR_REASON_INVALID_ARGUMENT");
  EXPECT_EQ(Link("kim", "gerda", "2020-01-01"), "ERROR_REASON_INVALID_ARGUMENT");
  EXPECT_EQ(Link("kim", "gerda", "next year"), "ERROR_REASON_INVALID_ARGUMENT");
}

// When the guardianship ends, at majority or before, what has not begun ends with it and the person asks alone.
TEST_F(MinorsTest, WhenTheGuardianshipEndsWhatHasNotBegunEndsToo) {
  ASSERT_EQ(LinkForAYear("kim", "gerda"), "");
  Disclose(Shipment("E-1", "kim"));
  Request asked;
  ASSERT_EQ(AskFor("kim", "gerda", Request::KIND_ERASURE, &asked), "");
  Request ran;
  ASSERT_TRUE(Run(asked.name(), &ran).ok());
  ASSERT_EQ(ran.state(), Request::STATE_SCHEDULED) << "the order is open";
  EXPECT_EQ(Link("kim", "gerda", ""), "");
  EXPECT_THAT(subject_.guardians(), IsEmpty());
  Await(asked.name(), Request::STATE_EXPIRED);
  EXPECT_EQ(Disclose(Shipment("E-2", "kim")).reason, "");
  EXPECT_EQ(AskFor("kim", "gerda", Request::KIND_ERASURE, &asked), "ERROR_REASON_GUARDIAN_UNLINKED");
  EXPECT_EQ(Ask("kim", Request::KIND_ERASURE).guardian(), "");
  EXPECT_EQ(ConsentOf("kim", ""), "");
}

// Clause: W6d
TEST_F(MinorsTest, AGuardiansRequestGoesFirstAndIsDueEarlier) {
  ASSERT_EQ(LinkForAYear("kim", "gerda"), "");
  const Request adult = Ask("anna", Request::KIND_ERASURE);
  Request asked;
  ASSERT_EQ(AskFor("kim", "gerda", Request::KIND_ERASURE, &asked), "");
  EXPECT_EQ(asked.expected_by().seconds() - asked.receive_time().seconds(), 5 * 24 * 3600);
  v1::ListSubjectRequestsRequest list;
  list.set_open_only(true);
  v1::ListSubjectRequestsResponse open;
  ASSERT_TRUE(rights_->ListSubjectRequests(Deadline().get(), list, &open).ok());
  ASSERT_THAT(open.subject_requests(), SizeIs(2));
  EXPECT_EQ(open.subject_requests(0).name(), asked.name()) << "the guardian's comes first";
  EXPECT_EQ(open.subject_requests(1).name(), adult.name());
}

// Clause: W6c
TEST_F(MinorsTest, WhatConcernsMinorsIsForMinorsOfficers) {
  ASSERT_EQ(LinkForAYear("kim", "gerda"), "");
  Disclose(Shipment("O-1", "kim"));
  Request asked;
  ASSERT_EQ(AskFor("kim", "gerda", Request::KIND_ACCESS, &asked), "");
  v1::RunSubjectRequestRequest run;
  run.set_name(asked.name());
  v1::GetAccessReportRequest get;
  get.set_name(asked.name());
  Request ran;
  v1::GetAccessReportResponse report;
  const auto alice = v1::SubjectRightsService::NewStub(gateway_.Person("alice"));
  const auto mia = v1::SubjectRightsService::NewStub(gateway_.Person("mia"));
  EXPECT_EQ(testing::ReasonOf(alice->RunSubjectRequest(Deadline().get(), run, &ran)), "ERROR_REASON_ROLE_DENIED");
  ASSERT_TRUE(mia->RunSubjectRequest(Deadline().get(), run, &ran).ok());
  EXPECT_EQ(testing::ReasonOf(alice->GetAccessReport(Deadline().get(), get, &report)), "ERROR_REASON_ROLE_DENIED");
  EXPECT_TRUE(mia->GetAccessReport(Deadline().get(), get, &report).ok());
}

}  // namespace
}  // namespace postern::testing
