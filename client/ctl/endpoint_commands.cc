// endpoint enable, webhook-secret.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/ctl/commands.h"
#include "client/ctl/resources.h"

namespace postern::client::ctl {
namespace {

struct EndpointOptions {
  std::string partner;
  std::string endpoint;
};

int Enable(Session& session, const EndpointOptions& options) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::EnablePartnerEndpointRequest request;
  request.set_name(PartnerName(options.partner));
  request.set_endpoint(options.endpoint);
  v1::Partner partner;
  const grpc::Status status = (*gateway)->EnablePartnerEndpoint(session.Call().get(), request, &partner);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(
      partner, absl::StrCat(partner.name(), " gets records at ", options.endpoint, " once that has proven itself\n"));
  return kOk;
}

int IssueSecret(Session& session, const EndpointOptions& options) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::IssueWebhookSecretRequest request;
  request.set_name(PartnerName(options.partner));
  request.set_endpoint(options.endpoint);
  v1::IssueWebhookSecretResponse response;
  const grpc::Status status = (*gateway)->IssueWebhookSecret(session.Call().get(), request, &response);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(response, absl::StrCat("v1:  ", response.secret(), "\nv1a: ", response.public_key(), "\n"));
  session.out().Note("Hand the partner the one that its contract names; the secret cannot be asked for again.\n");
  return kOk;
}

}  // namespace

void AddEndpointCommands(CLI::App& app, Session& session) {
  CLI::App* endpoint =
      app.add_subcommand("endpoint", "Endpoints that records are pushed or posted to")->require_subcommand(1);
  const auto options = std::make_shared<EndpointOptions>();
  const auto common = [&](CLI::App* command) {
    command->add_option("partner", options->partner, "partners/P or P")->required();
    command->add_option("endpoint", options->endpoint, "Id of the endpoint")->required();
    return command;
  };
  session.OnRun(common(endpoint->add_subcommand("enable", "Use an endpoint again that said it was gone")),
                [&session, options] { return Enable(session, *options); });
  session.OnRun(common(endpoint->add_subcommand("webhook-secret",
                                                "Issue the next secret; the one before it is good for another day")),
                [&session, options] { return IssueSecret(session, *options); });
}

}  // namespace postern::client::ctl
