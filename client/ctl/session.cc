#include "client/ctl/session.h"

#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/transport/status.h"
#include "proto/errors/error.h"

namespace postern::client::ctl {

Session::Session(CLI::App& app) : app_(app) {
  app.add_option("--address", endpoint_.address, "Operators' listener of the gateway, host:port")
      ->envname("POSTERN_ADDRESS")
      ->default_val("localhost:7443");
  app.add_option("--server-name", endpoint_.server_name, "Name that the gateway's certificate must carry")
      ->envname("POSTERN_SERVER_NAME");
  app.add_option("--cert", endpoint_.tls.certificate, "Your certificate (PEM)")->envname("POSTERN_CERT");
  app.add_option("--key", endpoint_.tls.private_key, "Your private key (PEM)")->envname("POSTERN_KEY");
  app.add_option("--ca", endpoint_.tls.trust_bundle, "CAs that may vouch for the gateway (PEM)")->envname("POSTERN_CA");
  app.add_option("--timeout", timeout_seconds_, "Seconds for one call")->default_val(30)->check(CLI::Range(1, 3600));
  app.add_option("-o,--output", format_, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->default_val("table");
  app.set_config("--config", "", "File with these options, a line each: cert = \"...\"")->envname("POSTERNCTL_CONFIG");
}

void Session::OnRun(CLI::App* command, std::function<int()> run) {
  command->callback([this, run = std::move(run)] { run_ = run; });
}

int Session::Run() {
  output_.set_json(format_ == "json");
  if (!run_) {
    std::cerr << app_.help();
    return kUsage;
  }
  return run_();
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Session::Channel() {
  if (channel_ == nullptr) {
    POSTERN_ASSIGN_OR_RETURN(channel_, Connect(endpoint_));
  }
  return channel_;
}

absl::StatusOr<v1::OperatorService::StubInterface*> Session::Operator() {
  if (operator_ == nullptr) {
    POSTERN_ASSIGN_OR_RETURN(auto channel, Channel());
    operator_ = v1::OperatorService::NewStub(channel);
  }
  return operator_.get();
}

absl::StatusOr<v1::AuditService::StubInterface*> Session::Audit() {
  if (audit_ == nullptr) {
    POSTERN_ASSIGN_OR_RETURN(auto channel, Channel());
    audit_ = v1::AuditService::NewStub(channel);
  }
  return audit_.get();
}

absl::StatusOr<v1::SubjectRightsService::StubInterface*> Session::Rights() {
  if (rights_ == nullptr) {
    POSTERN_ASSIGN_OR_RETURN(auto channel, Channel());
    rights_ = v1::SubjectRightsService::NewStub(channel);
  }
  return rights_.get();
}

absl::StatusOr<v1::RetentionService::StubInterface*> Session::Retention() {
  if (retention_ == nullptr) {
    POSTERN_ASSIGN_OR_RETURN(auto channel, Channel());
    retention_ = v1::RetentionService::NewStub(channel);
  }
  return retention_.get();
}

absl::StatusOr<v1::StatisticsService::StubInterface*> Session::Statistics() {
  if (statistics_ == nullptr) {
    POSTERN_ASSIGN_OR_RETURN(auto channel, Channel());
    statistics_ = v1::StatisticsService::NewStub(channel);
  }
  return statistics_.get();
}

absl::StatusOr<v1::InvestigationService::StubInterface*> Session::Investigations() {
  if (investigations_ == nullptr) {
    POSTERN_ASSIGN_OR_RETURN(auto channel, Channel());
    investigations_ = v1::InvestigationService::NewStub(channel);
  }
  return investigations_.get();
}

absl::StatusOr<v1::SupervisionService::StubInterface*> Session::Supervision() {
  if (supervision_ == nullptr) {
    POSTERN_ASSIGN_OR_RETURN(auto channel, Channel());
    supervision_ = v1::SupervisionService::NewStub(channel);
  }
  return supervision_.get();
}

absl::StatusOr<v1::MaintenanceService::StubInterface*> Session::Maintenance() {
  if (maintenance_ == nullptr) {
    POSTERN_ASSIGN_OR_RETURN(auto channel, Channel());
    maintenance_ = v1::MaintenanceService::NewStub(channel);
  }
  return maintenance_.get();
}

std::unique_ptr<grpc::ClientContext> Session::Call() const {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(timeout_seconds_)));
  return context;
}

int Session::Fail(const absl::Status& status) {
  const v1::ErrorReason reason = ReasonOf(status);
  output_.Error(reason == v1::ERROR_REASON_UNSPECIFIED ? "" : v1::ErrorReason_Name(reason), status.message(),
                AllMetadataOf(status));
  return status.code() == absl::StatusCode::kDataLoss ? kNotVerified : kUsage;
}

int Session::FailRpc(const grpc::Status& status) {
  // A refused bundle carries its diagnostics.
  const google::rpc::Status details = DetailsOf(status);
  for (const auto& detail : details.details()) {
    v1::PolicyDiagnostics diagnostics;
    if (detail.UnpackTo(&diagnostics)) output_.Diagnostics(diagnostics);
  }
  return FailRemote(FromGrpc(status));
}

int Session::FailRemote(const absl::Status& status) {
  const int local = Fail(status);
  if (local == kNotVerified || !MetadataOf(status, "file").empty()) return local;
  const bool answered = ReasonOf(status) != v1::ERROR_REASON_UNSPECIFIED;
  const bool transport =
      status.code() == absl::StatusCode::kUnavailable || status.code() == absl::StatusCode::kDeadlineExceeded;
  return transport && !answered ? kUnreachable : kRefused;
}

}  // namespace postern::client::ctl
