// partner-test pull, partner-test push: puts a partner's integration through a script, in the place of a gateway.
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/conformance/pull_courier.h"
#include "client/conformance/push_courier.h"
#include "client/conformance/scenario.h"
#include "client/ctl/commands.h"
#include "client/ctl/resources.h"
#include "client/ctl/source_folder.h"
#include "client/transport/channel.h"
#include "proto/errors/error.h"

namespace postern::client::ctl {
namespace {

using conformance::Check;
using conformance::GatewaySide;

struct PartnerTestOptions {
  std::string partner;
  std::string listen = "127.0.0.1:0";
  std::string certificate;
  std::string private_key;
  std::string trust_bundle;
  std::vector<std::string> attestation_keys;
  std::string notice_key;
  std::string record_type;
  std::string record_file;
  std::string copies_command;
  int seconds = 15;
  // Push.
  std::string push_address;
  std::string push_name;
  std::string endpoint = "orders";
};

// The number that `command HANDLE` prints.
std::optional<int> RunCopies(const std::string& command, const std::string& handle) {
  FILE* pipe = popen(absl::StrCat(command, " ", handle).c_str(), "re");
  if (pipe == nullptr) return std::nullopt;
  std::string printed;
  char buffer[64];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) printed += buffer;
  int copies = 0;
  if (pclose(pipe) != 0 || !absl::SimpleAtoi(absl::StripAsciiWhitespace(printed), &copies)) return std::nullopt;
  return copies;
}

absl::StatusOr<std::unique_ptr<GatewaySide>> StartSide(const PartnerTestOptions& options) {
  conformance::GatewaySideOptions side;
  side.address = options.listen;
  side.partner = PartnerName(options.partner);
  POSTERN_ASSIGN_OR_RETURN(side.certificate_chain, ReadFile(options.certificate));
  POSTERN_ASSIGN_OR_RETURN(side.private_key, ReadFile(options.private_key));
  POSTERN_ASSIGN_OR_RETURN(side.partner_trust_bundle, ReadFile(options.trust_bundle));
  for (const std::string& file : options.attestation_keys) {
    POSTERN_ASSIGN_OR_RETURN(const std::string pem, ReadFile(file));
    POSTERN_ASSIGN_OR_RETURN(verify::PublicKey key, verify::PublicKey::FromPem(pem));
    side.attestation_keys.push_back(std::move(key));
  }
  return GatewaySide::Start(std::move(side));
}

absl::StatusOr<conformance::ScenarioOptions> ScriptOf(const PartnerTestOptions& options) {
  conformance::ScenarioOptions script;
  script.partner = PartnerName(options.partner);
  script.record_type = options.record_type;
  if (!options.record_file.empty()) {
    POSTERN_ASSIGN_OR_RETURN(script.record_data, ReadFile(options.record_file));
  }
  POSTERN_ASSIGN_OR_RETURN(script.notice_key_pem, ReadFile(options.notice_key));
  script.patience = absl::Seconds(options.seconds);
  if (!options.copies_command.empty()) {
    script.copies = [command = options.copies_command](const std::string& handle) {
      return RunCopies(command, handle);
    };
  }
  return script;
}

absl::StatusOr<std::unique_ptr<conformance::Courier>> CourierOf(const PartnerTestOptions& options, GatewaySide* side) {
  if (options.push_address.empty()) return std::make_unique<conformance::PullCourier>(side);
  Endpoint endpoint;
  endpoint.address = options.push_address;
  endpoint.server_name = options.push_name;
  endpoint.tls = {options.certificate, options.private_key, options.trust_bundle};
  POSTERN_ASSIGN_OR_RETURN(std::shared_ptr<grpc::Channel> channel, Connect(endpoint));
  return std::make_unique<conformance::PushCourier>(std::move(channel), PartnerName(options.partner), options.endpoint);
}

int Test(Session& session, const PartnerTestOptions& options) {
  const auto script = ScriptOf(options);
  if (!script.ok()) return session.Fail(script.status());
  const auto side = StartSide(options);
  if (!side.ok()) return session.Fail(side.status());
  const auto courier = CourierOf(options, side->get());
  if (!courier.ok()) return session.Fail(courier.status());
  // For who starts the partner; on standard error, so that the report stays what it is.
  std::fprintf(stderr, "the gateway's side listens on port %d\n", (*side)->port());
  const conformance::Report report = conformance::RunScenario(*script, **courier, **side);
  if (session.out().json()) {
    session.out().Text(report.ToJson());
  } else {
    Table table({"CHECK", "RESULT", "SEEN"});
    for (const Check& check : report.checks()) table.Add({check.what, NameOf(check.verdict), check.detail});
    session.out().Text(table.ToString());
  }
  return report.wrong() == 0 ? kOk : kDifferences;
}

void AddCommon(CLI::App* command, const std::shared_ptr<PartnerTestOptions>& options) {
  command->add_option("partner", options->partner, "partners/P or P, as the partner knows itself")->required();
  command->add_option("--listen", options->listen, "Where the gateway's side listens; port 0 takes a free one");
  command->add_option("--side-cert", options->certificate, "Certificate chain of the gateway's side (PEM)")->required();
  command->add_option("--side-key", options->private_key, "Its key (PEM)")->required();
  command->add_option("--partner-ca", options->trust_bundle, "CAs that vouch for the partner (PEM)")->required();
  command->add_option("--attestation-key", options->attestation_keys, "The partner's public attestation key (PEM)")
      ->required();
  command->add_option("--notice-key", options->notice_key, "Ed25519 private key that signs the notices (PEM)")
      ->required();
  command->add_option("--record-type", options->record_type, "Full name of the records' type")->required();
  command->add_option("--record", options->record_file, "A valid record of it, serialised; else an empty one");
  command->add_option("--copies", options->copies_command,
                      "Command that prints how many copies the partner has under the handle that is its last argument");
  command->add_option("--seconds", options->seconds, "How long each answer may take")->default_val(15);
}

}  // namespace

void AddPartnerTestCommand(CLI::App& app, Session& session) {
  CLI::App* test = app.add_subcommand("partner-test",
                                      "Put a partner's integration through a script; exit code 1 if "
                                      "it does something wrong")
                       ->require_subcommand(1);
  const auto options = std::make_shared<PartnerTestOptions>();
  CLI::App* pull = test->add_subcommand("pull", "A partner that fetches its records");
  AddCommon(pull, options);
  session.OnRun(pull, [&session, options] { return Test(session, *options); });
  CLI::App* push = test->add_subcommand("push", "A partner that its records are pushed to");
  AddCommon(push, options);
  push->add_option("--to", options->push_address, "host:port of its PartnerReceiverService")->required();
  push->add_option("--to-name", options->push_name, "SAN of its server; the host where absent");
  push->add_option("--endpoint", options->endpoint, "Id of the endpoint")->default_val("orders");
  session.OnRun(push, [&session, options] { return Test(session, *options); });
}

}  // namespace postern::client::ctl
