// A gateway with one carrier that answers notices, and people whose data it gets.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "policy/retail/shop/v1/shipment.pb.h"
#include "proto/postern/v1/subject_rights_service.grpc.pb.h"
#include "server/crypto/signature.h"
#include "tests/support/test_gateway.h"

namespace postern::testing {

class RightsTest : public ::testing::Test {
 protected:
  static constexpr char kCarrier[] = "swift-parcel";

  explicit RightsTest(const std::string& extra_config = "");

  // A shipment of customer `customer` whose alternative recipient is "Neighbour".
  static v1::CreateDisclosureRequest Shipment(const std::string& reference, const std::string& customer,
                                              uint64_t version = 1);
  // The disclosure, or the reason of its refusal.
  struct Outcome {
    v1::Disclosure disclosure;
    std::string reason;
  };
  Outcome Disclose(const v1::CreateDisclosureRequest& request);
  static std::string ReasonOf(const google::rpc::Status& status);

  // Receives and acknowledges `count` records.
  std::vector<shop::v1::Shipment> Receive(int count);
  v1::DisclosureState StateOf(const std::string& disclosure);
  void ReportOrder(const std::string& order, v1::OrderEvent event, absl::Time time = absl::Now());

  v1::SetConsentResponse SetConsent(const std::string& customer, bool granted);
  v1::SetRestrictionResponse Restrict(const std::string& customer, const std::string& purpose, bool restricted);
  v1::SubjectRequest Ask(const std::string& customer, v1::SubjectRequest::Kind kind, bool verified = true);
  grpc::Status Run(const std::string& name, v1::SubjectRequest* request);
  v1::SubjectRequest Get(const std::string& name);
  // Waits, at most ten seconds.
  v1::SubjectRequest Await(const std::string& name, v1::SubjectRequest::State state);
  // The same, until the keys are destroyed and the notices written: an erasure is in progress before it is effective.
  v1::SubjectRequest AwaitEffective(const std::string& name);

  v1::ListDeletionNoticesResponse OpenNotices();
  std::vector<v1::DeletionNoticeStatement> Notices();
  // Answers every open notice; returns the number of handles deleted.
  int AnswerNotices();

  // Kills the gateway and starts it again on its data, with these failpoints armed (server/base/failpoint.h).
  void Restart(const std::string& failpoints = "");
  // Waits until a failpoint has killed the gateway.
  void AwaitDeath();
  void Connect();

  TestGateway gateway_;
  crypto::PrivateKey attestation_key_;
  std::unique_ptr<v1::StorefrontService::Stub> shop_;
  std::unique_ptr<v1::SubjectRightsService::Stub> rights_;
  std::unique_ptr<v1::PartnerService::Stub> partner_;
};

}  // namespace postern::testing
