#include "client/ctl/bundle_diff.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "client/ctl/bundle_file.h"
#include "client/ctl/json.h"
#include "policy/report/diff.h"

namespace postern::client::ctl {
namespace {

std::map<std::string, std::string> FilesOf(const policy::BundleSources& sources) {
  std::map<std::string, std::string> files = {{"", sources.descriptor_set}};
  for (const policy::TextSource& file : sources.files) files[file.name] = file.text;
  return files;
}

const char* KindName(policy::FieldChange::Kind kind) {
  switch (kind) {
    case policy::FieldChange::Kind::kAdded:
      return "+";
    case policy::FieldChange::Kind::kRemoved:
      return "-";
    case policy::FieldChange::Kind::kChanged:
      return "~";
  }
  return "";
}

// "+ partners/p delivery shop.v1.Shipment recipient.phone [contact] WIDENS: mask { keep_last: 4 } -> keep"
std::string Line(const policy::FieldChange& change) {
  std::string line = absl::StrCat(KindName(change.kind), " ", change.partner, " ", change.purpose, " ",
                                  change.record_type, change.inbound ? " (inbound) " : " ", change.path);
  if (!change.category.empty()) absl::StrAppend(&line, " [", change.category, "]");
  if (change.widens) absl::StrAppend(&line, " WIDENS");
  if (change.kind == policy::FieldChange::Kind::kChanged)
    absl::StrAppend(&line, ": ", change.before, " -> ", change.after);
  return line;
}

void Report(const policy::BundleDiff& diff, BundleDifference* out) {
  if (diff.policy_version_before != diff.policy_version_after) {
    absl::StrAppend(&out->text, "policy version ",
                    diff.policy_version_before.empty() ? "-" : diff.policy_version_before, " -> ",
                    diff.policy_version_after, "\n");
  }
  Set(out->json, "policy_version_before", diff.policy_version_before);
  Set(out->json, "policy_version_after", diff.policy_version_after);
  Set(out->json, "widens", diff.widens);
  for (const policy::FieldChange& change : diff.fields) {
    absl::StrAppend(&out->text, Line(change), "\n");
    auto& item = Append(out->json, "fields");
    Set(item, "change", KindName(change.kind));
    Set(item, "partner", change.partner);
    Set(item, "purpose", change.purpose);
    Set(item, "record_type", change.record_type);
    Set(item, "inbound", change.inbound);
    Set(item, "path", change.path);
    Set(item, "category", change.category);
    Set(item, "before", change.before);
    Set(item, "after", change.after);
    Set(item, "widens", change.widens);
  }
  for (const policy::TermChange& change : diff.terms) {
    absl::StrAppend(&out->text, "~ ", change.contract, " ", change.term, ": ",
                    change.before.empty() ? "-" : change.before, " -> ", change.after.empty() ? "-" : change.after,
                    change.widens ? " WIDENS" : "", "\n");
    auto& item = Append(out->json, "terms");
    Set(item, "contract", change.contract);
    Set(item, "term", change.term);
    Set(item, "before", change.before);
    Set(item, "after", change.after);
    Set(item, "widens", change.widens);
  }
}

}  // namespace

BundleDifference CompareBundles(const v1::PolicyBundle& current, const SourceFolder& folder,
                                const policy::CompiledBundle& compiled) {
  const policy::BundleSources before = SourcesOf(current);
  BundleDifference difference;
  difference.differs = FilesOf(before) != FilesOf(folder.sources);
  Set(difference.json, "differs", difference.differs);
  if (!difference.differs) return difference;
  const policy::CompileResult had = policy::Compile(before);
  Report(policy::Diff(had.bundle.get(), compiled), &difference);
  if (difference.text.empty()) difference.text = "texts differ; what leaves stays the same\n";
  return difference;
}

}  // namespace postern::client::ctl
