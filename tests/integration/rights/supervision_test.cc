// Supervision of partners, over the real listeners.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/postern/v1/supervision_service.grpc.pb.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SupervisionTest : public ::testing::Test {
 protected:
  void OpenWith(const std::string& supervision) {
    shop_.Open([&](v1::PolicyBundle* bundle) {
      EditFile(bundle, "contracts/swift-parcel.txtpb", "supervision { max_records_per_day: 50000 on_breach: ALERT }",
               supervision);
    });
  }
  std::string DiscloseOne(const std::string& reference) {
    const v1::TargetResult result = shop_.Disclose(RecordOf(PlainShipment(reference)), "swift-parcel", "delivery");
    return result.has_disclosure() ? "" : result.error().message();
  }
  v1::ListSupervisionFindingsResponse Findings() {
    v1::ListSupervisionFindingsResponse response;
    const auto stub = v1::SupervisionService::NewStub(shop_.gateway().Person("vera"));
    EXPECT_TRUE(stub->ListSupervisionFindings(Deadline().get(), v1::ListSupervisionFindingsRequest(), &response).ok());
    return response;
  }
  v1::Partner Carrier() {
    v1::GetPartnerRequest request;
    request.set_name("partners/swift-parcel");
    v1::Partner partner;
    EXPECT_TRUE(shop_.Operator("vera")->GetPartner(Deadline().get(), request, &partner).ok());
    return partner;
  }

  RetailShop shop_;
};

// Clause: P1.4f
TEST_F(SupervisionTest, APartnerOverItsContractIsSuspendedWithTheReason) {
  OpenWith("supervision { max_records_per_day: 3 on_breach: SUSPEND }");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(DiscloseOne(absl::StrCat("V-", i)), "");
  for (int i = 0; i < 150 && Carrier().state() != v1::PARTNER_STATE_SUSPENDED; ++i) {
    absl::SleepFor(absl::Milliseconds(100));
  }
  ASSERT_EQ(Carrier().state(), v1::PARTNER_STATE_SUSPENDED) << "PARTNER_STATE_SUSPENDED within one round";
  EXPECT_NE(DiscloseOne("V-late"), "");

  const v1::ListSupervisionFindingsResponse findings = Findings();
  ASSERT_EQ(findings.findings_size(), 1);
  EXPECT_EQ(findings.findings(0).detector(), v1::SupervisionFinding::DETECTOR_VOLUME);
  EXPECT_EQ(findings.findings(0).action(), v1::SupervisionFinding::ACTION_SUSPENDED);
  EXPECT_THAT(findings.findings(0).explanation(), HasSubstr("4 records on "));
  EXPECT_THAT(findings.findings(0).explanation(), HasSubstr("the limit is 3"));
  bool on_record = false;
  for (const v1::AuditEntry& entry : shop_.AuditEntries()) {
    const auto action = entry.details().find("action");
    on_record = on_record || (action != entry.details().end() && action->second == "supervision.volume");
  }
  EXPECT_TRUE(on_record);
}

TEST_F(SupervisionTest, AlertsChangeNothingAndOtherLimitsCanBeTriedOut) {
  OpenWith("supervision { max_records_per_day: 3 on_breach: ALERT }");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(DiscloseOne(absl::StrCat("A-", i)), "");
  for (int i = 0; i < 150 && Findings().findings().empty(); ++i) absl::SleepFor(absl::Milliseconds(100));
  ASSERT_EQ(Findings().findings_size(), 1);
  EXPECT_EQ(Findings().findings(0).action(), v1::SupervisionFinding::ACTION_ALERTED);
  EXPECT_EQ(Carrier().state(), v1::PARTNER_STATE_ACTIVE);
  EXPECT_EQ(DiscloseOne("A-more"), "");

  const auto stub = v1::SupervisionService::NewStub(shop_.gateway().Person("vera"));
  v1::ReplaySupervisionRequest replay;
  v1::ReplaySupervisionResponse response;
  ASSERT_TRUE(stub->ReplaySupervision(Deadline().get(), replay, &response).ok());
  EXPECT_EQ(response.findings_size(), 1) << "the contract's own limit";
  replay.set_max_records_per_day(1000);
  ASSERT_TRUE(stub->ReplaySupervision(Deadline().get(), replay, &response).ok());
  EXPECT_THAT(response.findings(), IsEmpty());
}

}  // namespace
}  // namespace postern::testing
