#include "server/rpc/status.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "proto/errors/error.h"
#include "proto/postern/v1/operator_service.pb.h"

namespace postern::rpc {
namespace {

TEST(Status, CarriesReasonAndMetadataAsErrorInfo) {
  const grpc::Status status =
      ToGrpcStatus(MakeError(v1::ERROR_REASON_PARTNER_UNKNOWN, "no such partner", {{"name", "partners/acme"}}));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "no such partner");
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  google::rpc::ErrorInfo info;
  ASSERT_EQ(details.details_size(), 1);
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "ERROR_REASON_PARTNER_UNKNOWN");
  EXPECT_EQ(info.domain(), "postern.v1");
  EXPECT_EQ(info.metadata().at("name"), "partners/acme");
}

TEST(Status, CarriesMessagesThatTheStatusHolds) {
  absl::Status status = MakeError(v1::ERROR_REASON_POLICY_INVALID, "one error");
  v1::PolicyDiagnostics diagnostics;
  diagnostics.add_diagnostics()->set_message("not granted");
  status.SetPayload("type.googleapis.com/postern.v1.PolicyDiagnostics", absl::Cord(diagnostics.SerializeAsString()));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(ToGrpcStatus(status).error_details()));
  ASSERT_EQ(details.details_size(), 2);
  v1::PolicyDiagnostics received;
  ASSERT_TRUE(details.details(1).UnpackTo(&received));
  EXPECT_EQ(received.diagnostics(0).message(), "not granted");
}

TEST(Status, DoesNotTellWhatIsNotMeantToBeTold) {
  const grpc::Status status = ToGrpcStatus(absl::InternalError("/var/lib/postern/ledger.db: disk I/O error"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message(), "internal error");
  EXPECT_EQ(status.error_details(), "");
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
}

}  // namespace
}  // namespace postern::rpc
