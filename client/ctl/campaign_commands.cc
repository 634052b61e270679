// campaign list, get, notices, wait, attest-document, export, verify.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/ctl/campaign_export.h"
#include "client/ctl/commands.h"
#include "client/ctl/resources.h"
#include "client/ctl/source_folder.h"
#include "client/verify/campaign.h"
#include "proto/errors/error.h"

namespace postern::client::ctl {
namespace {

struct CampaignOptions {
  std::string name;
  std::string document;
  std::string signed_on;
  int wait_seconds = 60;
  std::string folder;
  bool log = false;
  std::vector<std::string> notice_keys;
  std::string log_key;
};

std::string StateOf(const v1::DeletionCampaign& c) {
  const std::string state = ShortEnum(v1::DeletionCampaign::State_Name(c.state()), "STATE_");
  return c.overdue() ? absl::StrCat(state, ", overdue") : state;
}

std::string Describe(const v1::DeletionCampaign& c) {
  Table table({"NAME", "CAUSE", "STATE", "HANDLES", "NOTICES", "ATTESTED", "DELETED", "NOT FOUND", "EXEMPTED",
               "REFUSED", "DUE"});
  table.Add({c.name(), ShortEnum(v1::DeletionCampaign::Cause_Name(c.cause()), "CAUSE_"), StateOf(c),
             absl::StrCat(c.handle_count()), absl::StrCat(c.notice_count()), absl::StrCat(c.attested_count()),
             absl::StrCat(c.deleted_count()), absl::StrCat(c.not_found_count()), absl::StrCat(c.exempted_count()),
             absl::StrCat(c.refused_count()), FormatTime(c.due_time())});
  return table.ToString();
}

int List(Session& session, const std::string& parent) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::ListDeletionCampaignsRequest request;
  request.set_parent(PartnerName(parent.empty() ? "-" : parent));
  v1::ListDeletionCampaignsResponse all;
  const grpc::Status status =
      ListAll(session, **gateway, &v1::OperatorService::StubInterface::ListDeletionCampaigns, request, &all);
  if (!status.ok()) return session.FailRpc(status);
  Table table({"NAME", "CAUSE", "STATE", "NOTICES", "ATTESTED", "DUE"});
  for (const auto& c : all.campaigns()) {
    table.Add({c.name(), ShortEnum(v1::DeletionCampaign::Cause_Name(c.cause()), "CAUSE_"), StateOf(c),
               absl::StrCat(c.notice_count()), absl::StrCat(c.attested_count()), FormatTime(c.due_time())});
  }
  session.out().Result(all, table.ToString());
  return kOk;
}

// Asks until the campaign is closed (or exempted), drawing progress.
int Wait(Session& session, const std::string& name, absl::Duration patience) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  const absl::Time deadline = absl::Now() + patience;
  while (true) {
    v1::GetDeletionCampaignRequest request;
    request.set_name(name);
    v1::DeletionCampaign campaign;
    const grpc::Status status = (*gateway)->GetDeletionCampaign(session.Call().get(), request, &campaign);
    if (!status.ok()) return session.FailRpc(status);
    const bool done = campaign.state() == v1::DeletionCampaign::STATE_CLOSED ||
                      campaign.state() == v1::DeletionCampaign::STATE_EXEMPTED;
    session.out().Progress("notices attested", campaign.attested_count(),
                           campaign.enumeration_done() ? campaign.notice_count() : 0);
    if (done || absl::Now() >= deadline) {
      session.out().Result(campaign, Describe(campaign));
      return done ? kOk : kDifferences;
    }
    absl::SleepFor(absl::Milliseconds(200));
  }
}

// How often the partner's answer was amended.
std::string Amended(const v1::DeletionNotice& notice) {
  const int times = notice.amended_attestations_size();
  return times == 0 ? "" : times == 1 ? "once" : absl::StrCat(times, " times");
}

int Notices(Session& session, const std::string& name) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::ListCampaignNoticesRequest request;
  request.set_parent(name);
  v1::ListCampaignNoticesResponse all;
  const grpc::Status status =
      ListAll(session, **gateway, &v1::OperatorService::StubInterface::ListCampaignNotices, request, &all);
  if (!status.ok()) return session.FailRpc(status);
  Table table({"NAME", "STATE", "HANDLES", "ISSUED", "ATTESTED", "AMENDED", "DUE"});
  for (const auto& n : all.notices()) {
    const std::string state = ShortEnum(v1::DeletionNotice::State_Name(n.state()), "STATE_");
    table.Add({n.name(), n.overdue() ? absl::StrCat(state, ", overdue") : state, absl::StrCat(n.handle_count()),
               FormatTime(n.create_time()), FormatTime(n.attest_time()), Amended(n), FormatTime(n.due_time())});
  }
  session.out().Result(all, table.ToString());
  return kOk;
}

int AttestDocument(Session& session, const CampaignOptions& options) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::RecordDocumentAttestationRequest request;
  request.set_name(options.name);
  request.set_document_sha256(options.document);
  request.set_signed_on(options.signed_on);
  v1::DeletionNotice notice;
  const grpc::Status status = (*gateway)->RecordDocumentAttestation(session.Call().get(), request, &notice);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(notice, absl::StrCat(notice.name(), " is ",
                                            ShortEnum(v1::DeletionNotice::State_Name(notice.state()), "STATE_"), "\n"));
  return kOk;
}

int Export(Session& session, const CampaignOptions& options) {
  const auto evidence = CollectEvidence(session, options.name, options.log);
  if (!evidence.ok()) return session.FailRemote(evidence.status());
  const absl::Status written = WriteEvidence(options.folder, *evidence);
  if (!written.ok()) return session.Fail(written);
  session.out().Text(
      session.out().json()
          ? absl::StrCat("{\"notices\":", evidence->notices_size(), ",\"entries\":", evidence->entries_size(), "}\n")
          : absl::StrCat("exported: ", evidence->notices_size(), " notices, ", evidence->entries_size(),
                         " log entries to ", options.folder, "\n"));
  return kOk;
}

absl::StatusOr<verify::CampaignFindings> VerifyFolder(const CampaignOptions& options) {
  POSTERN_ASSIGN_OR_RETURN(const v1::CampaignEvidence evidence, ReadEvidence(options.folder));
  std::vector<verify::PublicKey> notice_keys;
  for (const std::string& file : options.notice_keys) {
    POSTERN_ASSIGN_OR_RETURN(const std::string pem, ReadFile(file));
    POSTERN_ASSIGN_OR_RETURN(verify::PublicKey key, verify::PublicKey::FromPem(pem));
    notice_keys.push_back(std::move(key));
  }
  if (options.log_key.empty()) return verify::VerifyCampaign(evidence, notice_keys, nullptr);
  POSTERN_ASSIGN_OR_RETURN(std::string text, ReadFile(options.log_key));
  absl::StripTrailingAsciiWhitespace(&text);
  POSTERN_ASSIGN_OR_RETURN(const verify::NoteVerifier log, verify::NoteVerifier::Parse(text));
  return verify::VerifyCampaign(evidence, notice_keys, &log);
}

int Verify(Session& session, const CampaignOptions& options) {
  const auto findings = VerifyFolder(options);
  if (!findings.ok()) return session.Fail(findings.status());
  const verify::CampaignFindings& f = *findings;
  if (session.out().json()) {
    session.out().Text(
        absl::StrCat("{\"verified\":true,\"complete\":", f.complete ? "true" : "false", ",\"notices\":", f.notices,
                     ",\"attested\":", f.attested, ",\"amendments\":", f.amendments, ",\"handles\":", f.handles,
                     ",\"deleted\":", f.deleted, ",\"not_found\":", f.not_found, ",\"exempted\":", f.exempted,
                     ",\"open\":", f.open, ",\"entries\":", f.entries, "}\n"));
  } else {
    Table table({"", ""});
    table.Add({"notices", absl::StrCat(f.notices)});
    table.Add({"attested by the partner's key", absl::StrCat(f.attested)});
    table.Add({"amendments of these", absl::StrCat(f.amendments)});
    table.Add({"attested by a document", absl::StrCat(f.attested_by_document)});
    table.Add({"handles", absl::StrCat(f.handles)});
    table.Add({"deleted", absl::StrCat(f.deleted)});
    table.Add({"not found", absl::StrCat(f.not_found)});
    table.Add({"kept on a ground", absl::StrCat(f.exempted)});
    table.Add({"open", absl::StrCat(f.open)});
    table.Add({"entries of the log", f.entries == 0 ? "not looked at" : absl::StrCat(f.entries)});
    session.out().Text(
        absl::StrCat("verified: what ", f.origin, " asked and the partner answered\n", table.ToString()));
  }
  return f.complete ? kOk : kDifferences;
}

}  // namespace

void AddCampaignCommands(CLI::App& app, Session& session) {
  const auto options = std::make_shared<CampaignOptions>();
  CLI::App* campaign = app.add_subcommand("campaign", "Follow deletion to a signed end")->require_subcommand(1);
  CLI::App* list = campaign->add_subcommand("list", "Campaigns of one partner or of all");
  list->add_option("partner", options->name, "partners/P or P; all where absent");
  session.OnRun(list, [&session, options] { return List(session, options->name); });

  CLI::App* get = campaign->add_subcommand("get", "One campaign");
  get->add_option("campaign", options->name, "partners/P/deletionCampaigns/C")->required();
  session.OnRun(get, [&session, options] {
    const int code = Wait(session, options->name, absl::ZeroDuration());
    return code == kDifferences ? kOk : code;
  });

  CLI::App* wait = campaign->add_subcommand("wait", "Wait until every notice is attested; exit code 1 if not in time");
  wait->add_option("campaign", options->name, "partners/P/deletionCampaigns/C")->required();
  wait->add_option("--seconds", options->wait_seconds, "How long")->default_val(60);
  session.OnRun(wait,
                [&session, options] { return Wait(session, options->name, absl::Seconds(options->wait_seconds)); });

  CLI::App* notices = campaign->add_subcommand("notices", "Notices of a campaign");
  notices->add_option("campaign", options->name, "partners/P/deletionCampaigns/C")->required();
  session.OnRun(notices, [&session, options] { return Notices(session, options->name); });

  CLI::App* document =
      campaign->add_subcommand("attest-document", "Record a signed document as attestation; two persons must");
  document->add_option("notice", options->name, "partners/P/deletionCampaigns/C/notices/N")->required();
  document->add_option("--sha256", options->document, "Digest of the document")->required();
  document->add_option("--signed-on", options->signed_on, "YYYY-MM-DD")->required();
  session.OnRun(document, [&session, options] { return AttestDocument(session, *options); });

  CLI::App* to_folder = campaign->add_subcommand("export", "Write what was signed, and a page for people, to a folder");
  to_folder->add_option("campaign", options->name, "partners/P/deletionCampaigns/C")->required();
  to_folder->add_option("folder", options->folder, "Made if it is not there")->required();
  to_folder->add_flag("--log", options->log, "With the audit log's entries and their proofs; for auditors");
  session.OnRun(to_folder, [&session, options] { return Export(session, *options); });

  CLI::App* check = campaign->add_subcommand(
      "verify", "Check an exported campaign without any gateway; exit code 1 if it fits but is not complete");
  check->add_option("folder", options->folder, "As export wrote it")->required();
  check->add_option("--notice-key", options->notice_keys, "The gateway's public notice key (PEM)")->required();
  check->add_option("--log-key", options->log_key, "The audit log's verifier key; checks the entries too");
  session.OnRun(check, [&session, options] { return Verify(session, *options); });
}

}  // namespace postern::client::ctl
