// Corrected records, over the real listeners.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "tests/integration/rights/rights_fixture.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using ::testing::SizeIs;

class RectificationTest : public RightsTest {
 protected:
  // The shipment with another street.
  static v1::CreateDisclosureRequest Moved(const std::string& reference, uint64_t version, const std::string& street) {
    v1::CreateDisclosureRequest request = Shipment(reference, "anna", version);
    shop::v1::Shipment shipment;
    shipment.ParseFromString(request.record().data());
    shipment.mutable_recipient()->mutable_address()->set_street(street);
    request.mutable_record()->set_data(shipment.SerializeAsString());
    return request;
  }
  grpc::Status Rectify(const v1::CreateDisclosureRequest& corrected, bool reroute,
                       v1::RectifyRecordResponse* response) {
    v1::RectifyRecordRequest request;
    *request.mutable_record() = corrected.record();
    request.set_request_id(corrected.request_id());
    request.set_reroute(reroute);
    return rights_->RectifyRecord(Deadline().get(), request, response);
  }
};

// Clause: P1.5b
TEST_F(RectificationTest, ACorrectionReachesEveryHolderAndIsNotOvertaken) {
  ASSERT_EQ(Disclose(Moved("K-1", 1, "Seestrasse 1")).reason, "");
  EXPECT_EQ(Receive(1)[0].recipient().address().street(), "Seestrasse 1");
  const v1::CreateDisclosureRequest corrected = Moved("K-1", 2, "Bahnhofstrasse 2");
  v1::RectifyRecordResponse response;
  ASSERT_TRUE(Rectify(corrected, false, &response).ok());
  ASSERT_THAT(response.results(), SizeIs(1));
  EXPECT_TRUE(response.results(0).has_disclosure()) << response.ShortDebugString();
  EXPECT_EQ(Receive(1)[0].recipient().address().street(), "Bahnhofstrasse 2");

  EXPECT_EQ(Disclose(Moved("K-1", 1, "Seestrasse 1")).reason, "ERROR_REASON_RECORD_VERSION_STALE")
      << "a late retry brought the old one back";
  v1::RectifyRecordResponse again;
  ASSERT_TRUE(Rectify(corrected, false, &again).ok());
  EXPECT_EQ(again.results(0).disclosure().name(), response.results(0).disclosure().name())
      << "a retry is the same call";
}

TEST_F(RectificationTest, WhatStillWaitsIsReplaced) {
  const Outcome old = Disclose(Moved("W-1", 1, "Seestrasse 1"));
  v1::RectifyRecordResponse response;
  ASSERT_TRUE(Rectify(Moved("W-1", 2, "Bahnhofstrasse 2"), false, &response).ok());
  EXPECT_EQ(response.withdrawn_count(), 1);
  EXPECT_EQ(StateOf(old.disclosure.name()), v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_EQ(Receive(1)[0].recipient().address().street(), "Bahnhofstrasse 2") << "the old one is never handed over";
}

// Clause: P1.5b, P1.5c
TEST_F(RectificationTest, APartnerThatDeletedTheRecordIsSentNoCorrectionOfIt) {
  ASSERT_EQ(Disclose(Moved("G-1", 1, "Seestrasse 1")).reason, "");
  Receive(1);
  ReportOrder("order-G-1", v1::ORDER_EVENT_AFTER_SALES_CLOSED);
  const v1::SubjectRequest erasure = Ask("anna", v1::SubjectRequest::KIND_ERASURE);
  v1::SubjectRequest run;
  ASSERT_TRUE(Run(erasure.name(), &run).ok());
  AwaitEffective(erasure.name());
  v1::LiftSuppressionRequest lift;
  lift.mutable_subject()->set_id("anna");
  lift.set_evidence("a new account");
  v1::Subject lifted;
  ASSERT_TRUE(rights_->LiftSuppression(Deadline().get(), lift, &lifted).ok());

  v1::RectifyRecordResponse response;
  ASSERT_TRUE(Rectify(Moved("G-1", 2, "Bahnhofstrasse 2"), false, &response).ok());
  EXPECT_THAT(response.results(), SizeIs(1)) << "it was asked to delete the record, and has not said that it did";
  Receive(1);
  // The notice names what was disclosed before it: of the correction it says nothing.
  EXPECT_EQ(AnswerNotices(), 1);
  ASSERT_TRUE(Rectify(Moved("G-1", 3, "Talstrasse 3"), false, &response).ok());
  Receive(1);

  const v1::SubjectRequest again = Ask("anna", v1::SubjectRequest::KIND_ERASURE);
  ASSERT_TRUE(Run(again.name(), &run).ok());
  AwaitEffective(again.name());
  EXPECT_EQ(AnswerNotices(), 1);
  ASSERT_TRUE(rights_->LiftSuppression(Deadline().get(), lift, &lifted).ok());
  EXPECT_EQ(testing::ReasonOf(Rectify(Moved("G-1", 4, "Talstrasse 4"), false, &response)), "ERROR_REASON_NOT_FOUND");
  // A new relationship may bring it to the partner again; from then on it is corrected there.
  ASSERT_EQ(Disclose(Moved("G-1", 5, "Talstrasse 5")).reason, "");
  Receive(1);
  ASSERT_TRUE(Rectify(Moved("G-1", 6, "Talstrasse 6"), false, &response).ok());
  EXPECT_EQ(Receive(1)[0].recipient().address().street(), "Talstrasse 6");
}

// Clause: P1.5b
TEST_F(RectificationTest, WhoDeletedAPartOfTheRecordIsSentItsCorrection) {
  SetConsent("anna", true);
  ASSERT_EQ(Disclose(Moved("P-1", 1, "Seestrasse 1")).reason, "");
  Receive(1);
  SetConsent("anna", false);
  ASSERT_EQ(AnswerNotices(), 1) << "the neighbour alone";
  v1::RectifyRecordResponse response;
  ASSERT_TRUE(Rectify(Moved("P-1", 2, "Bahnhofstrasse 2"), false, &response).ok());
  EXPECT_EQ(Receive(1)[0].recipient().address().street(), "Bahnhofstrasse 2");
}

TEST_F(RectificationTest, NobodyIsToldOfARecordThatNobodyHas) {
  v1::RectifyRecordResponse response;
  EXPECT_EQ(testing::ReasonOf(Rectify(Moved("N-1", 2, "Bahnhofstrasse 2"), false, &response)),
            "ERROR_REASON_NOT_FOUND");
}

// Where one partner cannot take the correction it keeps the old record; the others have the new one, and asking again
// brings it to the one.
// Clause: P1.5b
TEST(RectificationOfManyTest, APartnerThatCannotTakeTheCorrectionKeepsTheOldRecordForNow) {
  RetailShop shop;
  shop.Open();
  const auto moved = [](uint64_t version, const std::string& street) {
    shop::v1::Shipment shipment = PlainShipment("Q-1");
    shipment.set_version(version);
    shipment.mutable_recipient()->mutable_address()->set_street(street);
    return RecordOf(shipment);
  };
  const auto street = [](const v1::DeliveredRecord& record) {
    shop::v1::Shipment shipment;
    EXPECT_TRUE(shipment.ParseFromString(record.record().data()));
    return shipment.recipient().address().street();
  };
  for (const char* carrier : {"swift-parcel", "nordic-freight"}) {
    ASSERT_TRUE(shop.Disclose(moved(1, "Seestrasse 1"), carrier, "delivery").has_disclosure());
  }
  v1::SuspendPartnerRequest suspend;
  suspend.set_name("partners/nordic-freight");
  suspend.set_reason("test");
  v1::SuspendPartnerResponse suspended;
  ASSERT_TRUE(shop.Operator("bob")->SuspendPartner(Deadline().get(), suspend, &suspended).ok());

  const auto rights = v1::SubjectRightsService::NewStub(shop.gateway().Storefront());
  v1::RectifyRecordRequest rectify;
  *rectify.mutable_record() = moved(2, "Bahnhofstrasse 2");
  rectify.set_request_id(NewRequestId());
  v1::RectifyRecordResponse response;
  ASSERT_TRUE(rights->RectifyRecord(Deadline().get(), rectify, &response).ok());
  ASSERT_THAT(response.results(), SizeIs(2));
  std::map<std::string, bool> taken;
  for (const v1::TargetResult& result : response.results()) taken[result.target().partner()] = result.has_disclosure();
  EXPECT_TRUE(taken["partners/swift-parcel"]);
  EXPECT_FALSE(taken["partners/nordic-freight"]) << "it is suspended";
  EXPECT_EQ(response.withdrawn_count(), 1) << "the old record of the one that has the new one";
  EXPECT_EQ(street(shop.Receive("swift-parcel", 1).at(0)), "Bahnhofstrasse 2");

  v1::GetPartnerRequest get;
  get.set_name(suspend.name());
  v1::Partner partner;
  ASSERT_TRUE(shop.Operator("bob")->GetPartner(Deadline().get(), get, &partner).ok());
  v1::ResumePartnerRequest resume;
  resume.set_name(suspend.name());
  resume.set_etag(partner.etag());
  ASSERT_TRUE(shop.Operator("bob")->ResumePartner(Deadline().get(), resume, &partner).ok());
  // The same request: who has it is not told again.
  ASSERT_TRUE(rights->RectifyRecord(Deadline().get(), rectify, &response).ok());
  for (const v1::TargetResult& result : response.results()) EXPECT_TRUE(result.has_disclosure());
  EXPECT_EQ(street(shop.Receive("nordic-freight", 1).at(0)), "Bahnhofstrasse 2");
  EXPECT_EQ(shop.Pending("swift-parcel"), 0) << "told twice";
}

// Clause: W5b
TEST_F(RectificationTest, ADeliveryIsReroutedUntilItIsShippedAndCorrectedAfter) {
  Disclose(Moved("S-1", 1, "Seestrasse 1"));
  Receive(1);
  v1::RectifyRecordResponse response;
  EXPECT_TRUE(Rectify(Moved("S-1", 2, "Bahnhofstrasse 2"), true, &response).ok());
  EXPECT_EQ(Receive(1)[0].recipient().address().street(), "Bahnhofstrasse 2");
  ReportOrder("order-S-1", v1::ORDER_EVENT_SHIPPED);
  EXPECT_EQ(testing::ReasonOf(Rectify(Moved("S-1", 3, "Dorfplatz 3"), true, &response)), "ERROR_REASON_ORDER_SHIPPED");
  EXPECT_TRUE(Rectify(Moved("S-1", 3, "Dorfplatz 3"), false, &response).ok());
  EXPECT_EQ(Receive(1)[0].recipient().address().street(), "Dorfplatz 3");
}

}  // namespace
}  // namespace postern::testing
