// What every command of posternctl shares: how to reach the gateway, how to print, how to end.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <grpcpp/client_context.h>
#include <CLI/CLI.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/ctl/output.h"
#include "client/transport/channel.h"
#include "proto/postern/v1/audit_service.grpc.pb.h"
#include "proto/postern/v1/investigation_service.grpc.pb.h"
#include "proto/postern/v1/maintenance_service.grpc.pb.h"
#include "proto/postern/v1/operator_service.grpc.pb.h"
#include "proto/postern/v1/retention_service.grpc.pb.h"
#include "proto/postern/v1/statistics_service.grpc.pb.h"
#include "proto/postern/v1/subject_rights_service.grpc.pb.h"
#include "proto/postern/v1/supervision_service.grpc.pb.h"

namespace postern::client::ctl {

// Exit codes, documented in `posternctl --help`.
enum ExitCode {
  kOk = 0,
  kDifferences = 1,  // diff and lint: there is something to see
  kUsage = 2,        // the command line or a file is wrong; nothing was sent
  kRefused = 3,      // the gateway refused; the reason is printed
  kUnreachable = 4,  // the gateway cannot be reached; nothing is known to have changed
  kNotVerified = 5,  // a signature, proof or log does not verify
  kWaits = 6,        // the gateway waits for a second person; until then what was asked for is not in force
};

// Options and connections of one run. Not thread-safe.
class Session {
 public:
  // Adds the global options to `app`.
  explicit Session(CLI::App& app);

  // Sets what a subcommand runs; called at most once per subcommand.
  void OnRun(CLI::App* command, std::function<int()> run);
  // Runs the chosen subcommand; its exit code.
  int Run();

  absl::StatusOr<v1::OperatorService::StubInterface*> Operator();
  absl::StatusOr<v1::AuditService::StubInterface*> Audit();
  absl::StatusOr<v1::SubjectRightsService::StubInterface*> Rights();
  absl::StatusOr<v1::RetentionService::StubInterface*> Retention();
  absl::StatusOr<v1::StatisticsService::StubInterface*> Statistics();
  absl::StatusOr<v1::InvestigationService::StubInterface*> Investigations();
  absl::StatusOr<v1::SupervisionService::StubInterface*> Supervision();
  absl::StatusOr<v1::MaintenanceService::StubInterface*> Maintenance();
  // A context with the --timeout deadline.
  std::unique_ptr<grpc::ClientContext> Call() const;

  Output& out() { return output_; }
  // Prints an error of this side, with its reason: kUsage, or kNotVerified for DATA_LOSS.
  int Fail(const absl::Status& status);
  // The same for what a call came to: kRefused, or kUnreachable if no gateway answered.
  int FailRpc(const grpc::Status& status);
  int FailRemote(const absl::Status& status);

 private:
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Channel();

  CLI::App& app_;
  Endpoint endpoint_;
  std::string format_ = "table";
  int timeout_seconds_ = 30;
  Output output_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::OperatorService::StubInterface> operator_;
  std::unique_ptr<v1::AuditService::StubInterface> audit_;
  std::unique_ptr<v1::SubjectRightsService::StubInterface> rights_;
  std::unique_ptr<v1::RetentionService::StubInterface> retention_;
  std::unique_ptr<v1::StatisticsService::StubInterface> statistics_;
  std::unique_ptr<v1::InvestigationService::StubInterface> investigations_;
  std::unique_ptr<v1::SupervisionService::StubInterface> supervision_;
  std::unique_ptr<v1::MaintenanceService::StubInterface> maintenance_;
  std::function<int()> run_;
};

}  // namespace postern::client::ctl
