// The commands of posternctl, by file. Each function adds its subcommands to `app`.
#pragma once

#include <CLI/CLI.hpp>

#include "client/ctl/session.h"

namespace postern::client::ctl {

void AddApplyCommands(CLI::App& app, Session& session);               // apply, diff, activate
void AddPartnerCommands(CLI::App& app, Session& session);             // get, describe, enrol, dead-letter
void AddEndpointCommands(CLI::App& app, Session& session);            // endpoint
void AddRevocationCommands(CLI::App& app, Session& session);          // suspend, resume, terminate
void AddCampaignCommands(CLI::App& app, Session& session);            // campaign
void AddSubjectCommands(CLI::App& app, Session& session);             // subject
void AddSubjectRequestCommands(CLI::App& subject, Session& session);  // subject request
void AddRetentionCommands(CLI::App& app, Session& session);           // retention
void AddInvestigationCommands(CLI::App& app, Session& session);       // investigation
void AddStatisticsCommand(CLI::App& app, Session& session);           // statistics
void AddSuperviseCommands(CLI::App& app, Session& session);           // supervise
void AddAuditCommands(CLI::App& app, Session& session);               // audit
void AddMaintenanceCommands(CLI::App& app, Session& session);         // check, store, keys
void AddStoreCommands(CLI::App& store, Session& session);             // store move|migrate (offline)
void AddPartnerTestCommand(CLI::App& app, Session& session);          // partner-test (without a gateway)
void AddPolicyCommands(CLI::App& app, Session& session);              // policy lint|explain|render
void AddPreviewCommand(CLI::App& policy, Session& session);           // policy preview (offline)
void AddContractCommands(CLI::App& app, Session& session);            // contract export-schema (offline)
void AddPkiCommands(CLI::App& app, Session& session);                 // pki dev|csr (offline)
void AddWatchCommand(CLI::App& app, Session& session);                // watch
void AddCompletionCommand(CLI::App& app, Session& session);           // completion

}  // namespace postern::client::ctl
