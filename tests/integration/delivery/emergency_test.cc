// Everybody at once: suspension of all, termination of a kind.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/integration/delivery/delivery_fixture.h"

namespace postern::testing {
namespace {

using ::testing::SizeIs;

class EmergencyTest : public OutboundFixture {
 protected:
  v1::PartnerState StateOf(const std::string& id) {
    v1::GetPartnerRequest request;
    request.set_name("partners/" + id);
    v1::Partner partner;
    EXPECT_TRUE(alice_->GetPartner(Deadline().get(), request, &partner).ok());
    return partner.state();
  }
};

TEST_F(EmergencyTest, SuspendsEveryActivePartner) {
  Open();
  Serve();
  EXPECT_TRUE(Becomes(Disclose("E-1"), v1::DISCLOSURE_STATE_DELIVERED));
  v1::BatchSuspendPartnersRequest request;
  request.set_reason("incident");
  request.set_validate_only(true);
  v1::BatchSuspendPartnersResponse response;
  ASSERT_TRUE(alice_->BatchSuspendPartners(Deadline().get(), request, &response).ok());
  EXPECT_THAT(response.revocations(), SizeIs(2));
  EXPECT_EQ(StateOf(kCarrier), v1::PARTNER_STATE_ACTIVE);

  request.set_validate_only(false);
  ASSERT_TRUE(alice_->BatchSuspendPartners(Deadline().get(), request, &response).ok());
  ASSERT_THAT(response.revocations(), SizeIs(2)) << "clear-pay was never activated";
  EXPECT_EQ(response.revocations(0).partner(), "partners/nordic-freight");
  EXPECT_EQ(response.revocations(1).partner(), absl::StrCat("partners/", kCarrier));
  EXPECT_EQ(response.revocations(1).effect().live_streams(), 1);
  EXPECT_EQ(response.revocations(1).effect().delivered_count(), 1);
  EXPECT_EQ(StateOf(kCarrier), v1::PARTNER_STATE_SUSPENDED);
  EXPECT_EQ(StateOf("nordic-freight"), v1::PARTNER_STATE_SUSPENDED);
  EXPECT_EQ(StateOf("clear-pay"), v1::PARTNER_STATE_DRAFT);
  ASSERT_TRUE(alice_->BatchSuspendPartners(Deadline().get(), request, &response).ok());
  EXPECT_THAT(response.revocations(), SizeIs(0));
}

// Clause: P1.4e
TEST_F(EmergencyTest, TerminatesAKindOnceItIsRepeated) {
  Open();
  v1::BatchTerminatePartnersRequest request;
  request.set_kind("logistics");
  request.set_reason("incident");
  v1::BatchTerminatePartnersResponse response;
  EXPECT_EQ(ReasonOf(alice_->BatchTerminatePartners(Deadline().get(), request, &response)),
            "ERROR_REASON_CONFIRMATION_REQUIRED");
  request.set_confirm("payment");
  EXPECT_EQ(ReasonOf(alice_->BatchTerminatePartners(Deadline().get(), request, &response)),
            "ERROR_REASON_CONFIRMATION_REQUIRED");
  EXPECT_EQ(StateOf(kCarrier), v1::PARTNER_STATE_ACTIVE);
  request.set_confirm("logistics");
  ASSERT_TRUE(alice_->BatchTerminatePartners(Deadline().get(), request, &response).ok());
  ASSERT_THAT(response.revocations(), SizeIs(2));
  for (const v1::PartnerRevocation& revocation : response.revocations()) {
    EXPECT_EQ(revocation.error_reason(), "");
    EXPECT_EQ(revocation.campaign().cause(), v1::DeletionCampaign::CAUSE_TERMINATION);
  }
  EXPECT_EQ(StateOf("clear-pay"), v1::PARTNER_STATE_DRAFT) << "another kind";

  request.set_kind("postal");
  request.set_confirm("postal");
  EXPECT_EQ(ReasonOf(alice_->BatchTerminatePartners(Deadline().get(), request, &response)),
            "ERROR_REASON_INVALID_ARGUMENT");
  request.clear_kind();
  request.clear_confirm();
  EXPECT_EQ(ReasonOf(alice_->BatchTerminatePartners(Deadline().get(), request, &response)),
            "ERROR_REASON_INVALID_ARGUMENT");
}

}  // namespace
}  // namespace postern::testing
