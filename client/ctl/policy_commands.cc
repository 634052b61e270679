// policy lint, explain, render: offline, on a folder; render by what the gateway has in force, too.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/ctl/bundle_file.h"
#include "client/ctl/commands.h"
#include "client/ctl/json.h"
#include "client/ctl/sharing_in_force.h"
#include "client/ctl/source_folder.h"
#include "policy/report/explain.h"
#include "policy/report/lint.h"
#include "policy/report/render.h"

namespace postern::client::ctl {
namespace {

struct PolicyOptions {
  std::string directory;
  std::string previous;
  std::vector<std::string> samples;  // "TYPE=FILE"
  std::string partner;
  std::string purpose;
  std::string record_type;
  bool html = false;
};

absl::CivilDay Today() {
  return absl::ToCivilDay(absl::Now(), absl::UTCTimeZone());
}

int Lint(Session& session, const PolicyOptions& options) {
  int code = kOk;
  const auto bundle = CompileFolder(session, options.directory, &code);
  if (bundle == nullptr) return code;
  policy::LintOptions lint;
  lint.today = Today();
  if (!options.previous.empty()) {
    const auto previous = ReadFile(options.previous);
    if (!previous.ok()) return session.Fail(previous.status());
    lint.previous_descriptor_set = *previous;
  }
  for (const std::string& sample : options.samples) {
    const std::pair<std::string, std::string> type_and_file = absl::StrSplit(sample, absl::MaxSplits('=', 1));
    auto bytes = ReadFile(type_and_file.second);
    if (!bytes.ok()) return session.Fail(bytes.status());
    lint.samples.push_back({type_and_file.first, *std::move(bytes)});
  }
  const auto findings = policy::Lint(*bundle, lint);
  if (!findings.ok()) return session.Fail(findings.status());
  Table table({"KIND", "SUBJECT", "FINDING", "CLAUSE"});
  google::protobuf::Struct json;
  for (const policy::LintFinding& f : *findings) {
    table.Add({policy::KindText(f.kind), f.subject, f.message, f.clause});
    auto& item = Append(json, "findings");
    Set(item, "kind", policy::KindText(f.kind));
    Set(item, "subject", f.subject);
    Set(item, "message", f.message);
    Set(item, "clause", f.clause);
  }
  session.out().Result(json, findings->empty() ? "no findings\n" : table.ToString());
  return findings->empty() ? kOk : kDifferences;
}

std::string Treatment(const policy::ExplainedLeaf& leaf) {
  std::vector<std::string> parts;
  if (!leaf.transform.empty()) parts.push_back(leaf.transform);
  for (const std::string& condition : leaf.conditions) parts.push_back(absl::StrCat("if ", condition));
  if (leaf.withheld_from_minors) parts.push_back("not of minors");
  if (!leaf.consent.empty()) parts.push_back(absl::StrCat("with consent ", leaf.consent));
  if (leaf.required) parts.push_back("required");
  return absl::StrJoin(parts, ", ");
}

int Explain(Session& session, const PolicyOptions& options) {
  int code = kOk;
  const auto bundle = CompileFolder(session, options.directory, &code);
  if (bundle == nullptr) return code;
  const std::string partner =
      absl::StartsWith(options.partner, "partners/") ? options.partner : absl::StrCat("partners/", options.partner);
  const auto explanation = policy::Explain(*bundle, partner, options.purpose, options.record_type);
  if (!explanation.ok()) return session.Fail(explanation.status());
  Table table({"FIELD", "CATEGORY", "LEAVES", "HOW", "WHY", "CLAUSE"});
  google::protobuf::Struct json;
  Set(json, "contract", explanation->contract);
  Set(json, "justification", explanation->justification);
  for (const policy::ExplainedLeaf& leaf : explanation->leaves) {
    table.Add({leaf.path, leaf.category.empty() ? "-" : leaf.category, leaf.granted ? "yes" : "no", Treatment(leaf),
               leaf.reason, leaf.clause});
    auto& item = Append(json, "fields");
    Set(item, "path", leaf.path);
    Set(item, "category", leaf.category);
    Set(item, "granted", leaf.granted);
    Set(item, "treatment", Treatment(leaf));
    Set(item, "roles", leaf.roles);
    Set(item, "reason", leaf.reason);
    Set(item, "clause", leaf.clause);
  }
  session.out().Result(json,
                       absl::StrCat(explanation->contract, ": ", explanation->justification, "\n", table.ToString()));
  return kOk;
}

int Render(Session& session, const PolicyOptions& options) {
  policy::SharingScope scope;
  int code = kOk;
  if (options.directory.empty()) {
    code = ReadSharing(session, Today(), &scope);
  } else if (const auto bundle = CompileFolder(session, options.directory, &code)) {
    scope = policy::DescribeSharing(*bundle, Today());
  }
  if (code == kOk) session.out().Text(options.html ? policy::RenderHtml(scope) : policy::RenderMarkdown(scope));
  return code;
}

}  // namespace

void AddPolicyCommands(CLI::App& app, Session& session) {
  const auto options = std::make_shared<PolicyOptions>();
  CLI::App* policy = app.add_subcommand("policy", "Look at a policy bundle")->require_subcommand(1);
  const auto with_folder = [&](CLI::App* command) {
    command->add_option("-f,--folder", options->directory, "Folder with .txtpb and .binpb files")
        ->required()
        ->check(CLI::ExistingDirectory);
    return command;
  };
  CLI::App* lint =
      with_folder(policy->add_subcommand("lint", "What a sound bundle leaves to wish for; exit code 1 if anything"));
  lint->add_option("--previous", options->previous, "Earlier FileDescriptorSet: fields added since are findings");
  lint->add_option("--sample", options->samples,
                   "TYPE=FILE, a typical record: granted fields that no sample of the type releases are findings");
  session.OnRun(lint, [&session, options] { return Lint(session, *options); });

  CLI::App* explain = with_folder(policy->add_subcommand("explain", "Why each field does or does not reach a partner"));
  explain->add_option("--partner", options->partner, "partners/P or P")->required();
  explain->add_option("--purpose", options->purpose, "Purpose id")->required();
  explain->add_option("--type", options->record_type, "Record type")->required();
  session.OnRun(explain, [&session, options] { return Explain(session, *options); });

  CLI::App* render = policy->add_subcommand(
      "render", "The page that says with whom what is shared: by the gateway's contracts in force, or by a folder's");
  render->add_option("-f,--folder", options->directory, "Folder with .txtpb and .binpb files; the gateway if absent")
      ->check(CLI::ExistingDirectory);
  render->add_flag("--html", options->html, "HTML instead of Markdown");
  session.OnRun(render, [&session, options] { return Render(session, *options); });

  AddPreviewCommand(*policy, session);
}

}  // namespace postern::client::ctl
