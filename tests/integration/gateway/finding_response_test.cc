#include "server/gateway/finding_response.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/errors/error.h"
#include "proto/errors/rpc_status.h"
#include "tests/support/retail_bundle.h"
#include "tests/support/test_gateway.h"

namespace postern::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class FindingResponseTest : public ::testing::Test {
 protected:
  ~FindingResponseTest() override {
    close(pipe_[0]);
    close(pipe_[1]);
  }
  // What stops a partner, with that outcome.
  std::function<absl::Status(const std::string&)> Stopping(absl::Status outcome) {
    return [this, outcome](const std::string& partner) {
      stopped_.push_back(partner);
      return outcome;
    };
  }
  std::string Logged() {
    char buffer[4096];
    const ssize_t size = read(pipe_[0], buffer, sizeof(buffer));
    return size > 0 ? std::string(buffer, static_cast<size_t>(size)) : "";
  }

  static int OpenPipe(int* ends) {
    EXPECT_EQ(pipe2(ends, O_NONBLOCK), 0);
    return ends[1];
  }

  int pipe_[2] = {-1, -1};
  const base::Logger log_{base::LogLevel::kError, OpenPipe(pipe_)};
  std::vector<std::string> stopped_;
};

TEST_F(FindingResponseTest, LogsAnErrorCountsAndStopsThePartner) {
  FindingResponse response(Stopping(absl::OkStatus()), &log_);
  response.Stop("partners/acme", "recipient.phone");
  EXPECT_THAT(stopped_, ElementsAre("partners/acme"));
  EXPECT_EQ(response.count(), 1u);
  const std::string logged = Logged();
  EXPECT_THAT(logged, HasSubstr("verifier.finding"));
  EXPECT_THAT(logged, HasSubstr("partners/acme"));
  EXPECT_THAT(logged, HasSubstr("recipient.phone"));
  EXPECT_THAT(logged, Not(HasSubstr("not_stopped")));
}

TEST_F(FindingResponseTest, SaysWhenThePartnerCouldNotBeStopped) {
  FindingResponse(Stopping(absl::UnavailableError("down")), &log_).Stop("partners/acme", "x");
  EXPECT_THAT(Logged(), HasSubstr("verifier.partner_not_stopped"));
  // Stopped already is stopped.
  FindingResponse(Stopping(MakeError(v1::ERROR_REASON_STATE_TRANSITION, "is suspended")), &log_)
      .Stop("partners/acme", "x");
  EXPECT_THAT(Logged(), Not(HasSubstr("not_stopped")));
}

using postern::testing::Deadline;
using postern::testing::HttpGet;

class VerifiedTrafficTest : public ::testing::Test {
 protected:
  void Start(const std::string& extra_config, const char* failpoints = nullptr) {
    gateway_ = std::make_unique<postern::testing::TestGateway>(extra_config);
    if (failpoints != nullptr) setenv("POSTERN_FAILPOINTS", failpoints, 1);
    gateway_->Start();
    if (failpoints != nullptr) unsetenv("POSTERN_FAILPOINTS");
    gateway_->CreatePartner("swift-parcel", "logistics");
    gateway_->CreatePartner("nordic-freight", "logistics");
    gateway_->CreatePartner("clear-pay", "payment");
    gateway_->ApplyRetailBundle({"swift-parcel"});
    shop_ = v1::StorefrontService::NewStub(gateway_->Storefront());
  }
  // What the carrier does not get a record for; unspecified if it does get it.
  v1::ErrorReason Refusal(const std::string& reference) {
    v1::CreateDisclosureRequest request;
    *request.mutable_record() = postern::testing::ShipmentRecord(reference, 1, "canary");
    v1::DisclosureTarget* target = request.add_targets();
    target->set_partner("partners/swift-parcel");
    target->set_purpose("delivery");
    request.set_request_id(postern::testing::NewRequestId());
    v1::CreateDisclosureResponse response;
    const grpc::Status status = shop_->CreateDisclosure(Deadline().get(), request, &response);
    EXPECT_TRUE(status.ok() && response.results_size() == 1) << status.error_message();
    return response.results().empty() ? v1::ERROR_REASON_UNSPECIFIED
                                      : ReasonOf(FromRpcStatus(response.results(0).error()));
  }
  v1::Partner Partner() {
    v1::GetPartnerRequest request;
    request.set_name("partners/swift-parcel");
    v1::Partner partner;
    const auto operators = v1::OperatorService::NewStub(gateway_->Person("alice"));
    EXPECT_TRUE(operators->GetPartner(Deadline().get(), request, &partner).ok());
    return partner;
  }
  std::string Metrics() { return HttpGet(gateway_->process().Address("operations"), "/metrics"); }

  std::unique_ptr<postern::testing::TestGateway> gateway_;
  std::unique_ptr<v1::StorefrontService::Stub> shop_;
};

TEST_F(VerifiedTrafficTest, TheShareIsConfigured) {
  Start("limits { compare_one_in: 3 }");
  for (int i = 0; i < 6; ++i) EXPECT_EQ(Refusal("S-" + std::to_string(i)), v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_THAT(Metrics(), HasSubstr("postern_compared_projections_total 2\n"));
  EXPECT_THAT(Metrics(), HasSubstr("postern_verifier_findings_total 0\n"));
}

#ifdef POSTERN_FAILPOINTS

// Clause: P1.1a
TEST_F(VerifiedTrafficTest, AProjectorThatReleasesMoreStopsThePartnerAndPages) {
  Start("limits { compare_one_in: 1 }", "projector.narrow=skip");
  EXPECT_EQ(Refusal("S-1"), v1::ERROR_REASON_VERIFIER_FINDING);
  EXPECT_EQ(Partner().state(), v1::PARTNER_STATE_SUSPENDED);
  EXPECT_EQ(Partner().state_reason(), kVerifierFinding);
  EXPECT_EQ(Refusal("S-2"), v1::ERROR_REASON_PARTNER_SUSPENDED);
  EXPECT_THAT(Metrics(), HasSubstr("postern_verifier_findings_total 1\n"));
  const std::string log = gateway_->process().Log();
  EXPECT_THAT(log, HasSubstr("verifier.finding"));
  EXPECT_THAT(log, Not(HasSubstr("canary")));
}

#endif

}  // namespace
}  // namespace postern::gateway
