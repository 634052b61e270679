// posternctl: the operators' command line.
#include <CLI/CLI.hpp>

#include "client/ctl/commands.h"
#include "client/ctl/session.h"

int main(int argc, char** argv) {
  using namespace postern::client::ctl;  // NOLINT(google-build-using-namespace): the whole file is about it
  CLI::App app("posternctl: operate a Postern gateway", "posternctl");
  app.footer(
      "Exit codes: 0 done, 1 differences or findings, 2 wrong command line or file, 3 refused by the gateway, 4 "
      "gateway not reachable,\n"
      "5 not verified, 6 waits for a second person.");
  app.fallthrough();  // global options may stand after the subcommand; subcommands inherit it
  Session session(app);
  AddApplyCommands(app, session);
  AddPartnerCommands(app, session);
  AddEndpointCommands(app, session);
  AddRevocationCommands(app, session);
  AddCampaignCommands(app, session);
  AddSubjectCommands(app, session);
  AddRetentionCommands(app, session);
  AddInvestigationCommands(app, session);
  AddStatisticsCommand(app, session);
  AddSuperviseCommands(app, session);
  AddAuditCommands(app, session);
  AddMaintenanceCommands(app, session);
  AddPartnerTestCommand(app, session);
  AddPolicyCommands(app, session);
  AddContractCommands(app, session);
  AddPkiCommands(app, session);
  AddWatchCommand(app, session);
  AddCompletionCommand(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  return session.Run();
}
