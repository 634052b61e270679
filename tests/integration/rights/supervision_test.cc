// Supervision of partners, over the real listeners.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

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

TEST_F(SupervisionTest, FindingsOutliveARestartAndAreActedOnOnce) {
  OpenWith("supervision { max_records_per_day: 3 on_breach: SUSPEND }");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(DiscloseOne(absl::StrCat("R-", i)), "");
  for (int i = 0; i < 150 && Carrier().state() != v1::PARTNER_STATE_SUSPENDED; ++i) {
    absl::SleepFor(absl::Milliseconds(100));
  }
  v1::ResumePartnerRequest resume;
  resume.set_name("partners/swift-parcel");
  resume.set_etag(Carrier().etag());
  v1::Partner resumed;
  ASSERT_TRUE(shop_.Operator("bob")->ResumePartner(Deadline().get(), resume, &resumed).ok());
  shop_.gateway().process().Signal(SIGKILL);
  shop_.gateway().process().Wait(absl::Seconds(10));
  shop_.gateway().Restart();
  ASSERT_EQ(Findings().findings_size(), 1) << "the finding is gone";
  absl::SleepFor(absl::Seconds(6));
  EXPECT_EQ(Carrier().state(), v1::PARTNER_STATE_ACTIVE) << "what a person decided is undone";
  EXPECT_EQ(Findings().findings_size(), 1);
}

TEST_F(SupervisionTest, AFindingIsActedOnEvenIfTheProcessDiesMeanwhile) {
  OpenWith("supervision { max_records_per_day: 3 on_breach: SUSPEND }");
  shop_.gateway().process().Signal(SIGKILL);
  shop_.gateway().process().Wait(absl::Seconds(10));
  ASSERT_TRUE(shop_.gateway().TryStart({"POSTERN_FAILPOINTS=supervision.found=abort"}).ok());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(DiscloseOne(absl::StrCat("D-", i)), "");
  ASSERT_EQ(shop_.gateway().process().Wait(absl::Seconds(15)), 128 + SIGKILL);
  shop_.gateway().Restart();
  for (int i = 0; i < 100 && Carrier().state() != v1::PARTNER_STATE_SUSPENDED; ++i) {
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_EQ(Carrier().state(), v1::PARTNER_STATE_SUSPENDED);
}

// Clause: P1.4d
TEST_F(SupervisionTest, ACanaryTracesALeakToItsPartner) {
  OpenWith("supervision { max_records_per_day: 50000 on_breach: SUSPEND }");
  const auto officer = v1::SupervisionService::NewStub(shop_.gateway().Person("alice"));
  shop::v1::Shipment canary = PlainShipment("C-1");
  canary.set_customer_id("canary-customer");
  canary.mutable_recipient()->set_email("nobody.in.particular@example.org");
  v1::PlantCanaryRequest plant;
  plant.set_partner("partners/swift-parcel");
  plant.mutable_person()->set_id("canary-customer");
  v1::Canary planted;
  ASSERT_TRUE(officer->PlantCanary(Deadline().get(), plant, &planted).ok());

  // It goes to its partner alone, with its purpose on it.
  EXPECT_THAT(shop_.Disclose(RecordOf(canary), "nordic-freight", "delivery").error().ShortDebugString(),
              HasSubstr("ERROR_REASON_CANARY_RESERVED"))
      << "reserved for one partner";
  ASSERT_TRUE(shop_.Disclose(RecordOf(canary), "swift-parcel", "delivery").has_disclosure());
  const std::vector<v1::DeliveredRecord> delivered = shop_.Receive("swift-parcel", 1);
  EXPECT_EQ(delivered.at(0).purpose(), "delivery") << "every delivery says what it is for";

  // Where it turns up, the id or the pseudonym that the partner got tells who gave it away.
  v1::TraceLeakRequest trace;
  trace.mutable_person()->set_id("canary-customer");
  v1::TraceLeakResponse traced;
  ASSERT_TRUE(officer->TraceLeak(Deadline().get(), trace, &traced).ok());
  EXPECT_EQ(traced.source(), "partners/swift-parcel");
  ASSERT_EQ(traced.recipients_size(), 1);
  EXPECT_EQ(traced.recipients(0).disclosure_count(), 1);
  EXPECT_TRUE(traced.has_canary());
  EXPECT_THAT(Findings().findings(), IsEmpty()) << "a look changes nothing";
  shop::v1::Shipment seen;
  ASSERT_TRUE(seen.ParseFromString(delivered.at(0).record().data()));
  trace.set_pseudonym(seen.customer_id());
  trace.set_sighting_reference("advertisement 9");
  ASSERT_TRUE(officer->TraceLeak(Deadline().get(), trace, &traced).ok());
  EXPECT_EQ(traced.source(), "partners/swift-parcel");
  EXPECT_EQ(traced.finding().detector(), v1::SupervisionFinding::DETECTOR_CANARY);
  EXPECT_EQ(traced.finding().action(), v1::SupervisionFinding::ACTION_SUSPENDED);
  EXPECT_EQ(Carrier().state(), v1::PARTNER_STATE_SUSPENDED);
  // Somebody who was disclosed already is no canary.
  EXPECT_EQ(ReasonOf(officer->PlantCanary(Deadline().get(), plant, &planted)), "") << "the same again is the same";
  plant.set_partner("partners/nordic-freight");
  EXPECT_EQ(ReasonOf(officer->PlantCanary(Deadline().get(), plant, &planted)), "ERROR_REASON_CANARY_RESERVED");
}

TEST_F(SupervisionTest, ANewCertificateOfAPartnerStandsOut) {
  OpenWith("supervision { max_records_per_day: 50000 on_breach: ALERT }");
  const auto ask = [this] {
    v1::GetStandingResponse standing;
    EXPECT_TRUE(shop_.Partner("swift-parcel")->GetStanding(Deadline().get(), {}, &standing).ok());
  };
  ask();  // the first is where it begins
  absl::SleepFor(absl::Seconds(6));
  EXPECT_THAT(Findings().findings(), IsEmpty());
  ask();  // each connection of the test has a certificate of its own
  for (int i = 0; i < 150 && Findings().findings().empty(); ++i) absl::SleepFor(absl::Milliseconds(100));
  ASSERT_EQ(Findings().findings_size(), 1);
  EXPECT_EQ(Findings().findings(0).detector(), v1::SupervisionFinding::DETECTOR_NEW_CERTIFICATE);
}

TEST_F(SupervisionTest, FetchingOutsideTheHoursOfTheContractStandsOut) {
  const int hour = absl::ToCivilHour(absl::Now() + absl::Hours(12), absl::UTCTimeZone()).hour();
  OpenWith(absl::StrCat("supervision { max_records_per_day: 50000 on_breach: ALERT fetch_hours: ", hour, " }"));
  const auto context = Deadline(absl::Seconds(20));
  const auto partner = shop_.Partner("swift-parcel");
  const auto stream = partner->Receive(context.get());
  v1::ReceiveRequest credit;
  credit.set_add_records(1);
  credit.set_add_bytes(1 << 20);
  ASSERT_TRUE(stream->Write(credit));
  for (int i = 0; i < 150 && Findings().findings().empty(); ++i) absl::SleepFor(absl::Milliseconds(100));
  ASSERT_EQ(Findings().findings_size(), 1);
  EXPECT_EQ(Findings().findings(0).detector(), v1::SupervisionFinding::DETECTOR_OFF_SCHEDULE);
  context->TryCancel();
  stream->Finish();
}

}  // namespace
}  // namespace postern::testing
