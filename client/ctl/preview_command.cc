// policy preview: one record as every partner would see it, side by side.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/text_format.h>
#include <openssl/evp.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/ctl/bundle_file.h"
#include "client/ctl/commands.h"
#include "client/ctl/json.h"
#include "client/ctl/source_folder.h"
#include "policy/report/preview.h"
#include "proto/errors/error.h"

namespace postern::client::ctl {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kCellCodePoints = 28;

struct PreviewCommandOptions {
  std::string directory;
  std::string record_type;
  std::string record_file;
  bool text = false;
  bool minor = false;
  std::vector<std::string> consents;
};

// Leaf path -> its values, joined.
using Leaves = std::map<std::string, std::string>;

void CollectLeaves(const Message& message, const std::string& prefix, Leaves& leaves) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  printer.SetUseUtf8StringEscaping(true);
  for (const FieldDescriptor* field : fields) {
    const std::string path = absl::StrCat(prefix, prefix.empty() ? "" : ".", field->name());
    const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const int index = field->is_repeated() ? i : -1;
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_map()) {
        CollectLeaves(
            index < 0 ? reflection->GetMessage(message, field) : reflection->GetRepeatedMessage(message, field, i),
            path, leaves);
        continue;
      }
      std::string value;
      printer.PrintFieldValueToString(message, field, index, &value);
      std::string& cell = leaves[path];
      absl::StrAppend(&cell, cell.empty() ? "" : "; ", value);
    }
  }
}

absl::StatusOr<Leaves> LeavesOf(const Message& prototype, const std::string& bytes) {
  const std::unique_ptr<Message> message(prototype.New());
  if (!message->ParsePartialFromString(bytes)) {
    return MakeError(v1::ERROR_REASON_RECORD_MALFORMED, "the record is not of this type");
  }
  Leaves leaves;
  CollectLeaves(*message, "", leaves);
  return leaves;
}

std::string Cell(const std::string& value) {
  size_t points = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    if ((static_cast<uint8_t>(value[i]) & 0xc0) == 0x80) continue;
    if (++points > kCellCodePoints) return absl::StrCat(value.substr(0, i), "…");
  }
  return value;
}

std::string ReasonText(policy::WithheldReason reason) {
  switch (reason) {
    case policy::WithheldReason::kNotGranted:
      return "not granted";
    case policy::WithheldReason::kUnclassified:
      return "unclassified";
    case policy::WithheldReason::kUnknown:
      return "unknown";
    case policy::WithheldReason::kCondition:
      return "condition";
    case policy::WithheldReason::kMinor:
      return "minor";
    case policy::WithheldReason::kConsent:
      return "no consent";
    case policy::WithheldReason::kSuperseded:
      return "superseded";
    case policy::WithheldReason::kUnfit:
      return "unfit for its transform";
  }
  return "";
}

// Why nothing of the record would leave; empty if something would.
std::string RefusalOf(const policy::PreviewColumn& column) {
  if (!column.status.ok()) return std::string(column.status.message());
  if (column.consent_missing) return "consent is missing";
  if (column.standing.state != policy::ContractStanding::State::kInForce) return "the contract is not in force today";
  return "";
}

// Stands in for the partner's pseudonym key, which never leaves the gateway: the preview shows that a pseudonym leaves,
// not which.
void PreviewPseudonym(absl::string_view value, uint8_t digest[32]) {
  const std::string input = absl::StrCat("preview", value);
  unsigned int size = 0;
  EVP_Digest(input.data(), input.size(), digest, &size, EVP_sha256(), nullptr);
}

absl::StatusOr<std::string> ReadRecord(const PreviewCommandOptions& options, const Message& prototype) {
  POSTERN_ASSIGN_OR_RETURN(std::string content, ReadFile(options.record_file));
  if (!options.text) return content;
  const std::unique_ptr<Message> message(prototype.New());
  if (!google::protobuf::TextFormat::ParseFromString(content, message.get())) {
    return MakeError(v1::ERROR_REASON_RECORD_MALFORMED, "the record is not text format of this type");
  }
  return message->SerializeAsString();
}

int Preview(Session& session, const PreviewCommandOptions& options) {
  int code = kOk;
  const auto bundle = CompileFolder(session, options.directory, &code);
  if (bundle == nullptr) return code;
  const auto* descriptor = bundle->FindMessage(options.record_type);
  if (descriptor == nullptr)
    return session.Fail(MakeError(v1::ERROR_REASON_RECORD_TYPE_UNKNOWN, "the bundle has no such type"));
  google::protobuf::DynamicMessageFactory factory;
  const Message& prototype = *factory.GetPrototype(descriptor);
  const auto record = ReadRecord(options, prototype);
  if (!record.ok()) return session.Fail(record.status());
  const auto sent = LeavesOf(prototype, *record);
  if (!sent.ok()) return session.Fail(sent.status());
  const policy::PreviewOptions preview{absl::ToCivilDay(absl::Now(), absl::UTCTimeZone()),
                                       PreviewPseudonym,
                                       {options.consents.begin(), options.consents.end()},
                                       options.minor};
  const auto columns = policy::Preview(*bundle, options.record_type, *record, preview);
  if (!columns.ok()) return session.Fail(columns.status());

  std::vector<std::string> header = {"FIELD", "SHOP"};
  std::map<std::string, std::vector<std::string>> rows;
  for (const auto& [path, value] : *sent) rows[path] = {path, Cell(value)};
  google::protobuf::Struct json;
  size_t width = 2;
  // A partner that gets nothing has no column: a line says why.
  Table refusals({"", ""});
  bool refused = false;
  for (const policy::PreviewColumn& column : *columns) {
    const std::string title = absl::StrCat(column.partner.substr(column.partner.find('/') + 1), " ", column.purpose);
    auto& item = Append(json, "columns");
    Set(item, "partner", column.partner);
    Set(item, "purpose", column.purpose);
    const std::string refusal = RefusalOf(column);
    Set(item, "refusal", refusal);
    if (!refusal.empty()) {
      refused = true;
      refusals.Add({title, absl::StrCat("gets nothing: ", refusal)});
      continue;
    }
    header.push_back(title);
    ++width;
    const auto leaves = LeavesOf(prototype, column.bytes);
    if (!leaves.ok()) return session.Fail(leaves.status());
    for (const auto& [path, value] : *leaves) {
      auto& row = rows[path];
      if (row.empty()) row = {path, ""};
      row.resize(width - 1);
      row.push_back(Cell(value));
      auto& field = Append(item, "fields");
      Set(field, "path", path);
      Set(field, "value", value);
    }
    for (const policy::WithheldField& field : column.withheld) {
      auto& withheld = Append(item, "withheld");
      Set(withheld, "path", field.path);
      Set(withheld, "reason", ReasonText(field.reason));
      auto& row = rows[field.path];
      if (row.empty()) row = {field.path, ""};
      row.resize(std::max(row.size(), width - 1));
      if (row.size() < width) row.push_back(absl::StrCat("- ", ReasonText(field.reason)));
    }
  }
  Table table(header);
  for (auto& [path, row] : rows) {
    row.resize(width);
    table.Add(row);
  }
  session.out().Result(json, absl::StrCat(table.ToString(), refused ? refusals.ToString() : ""));
  return kOk;
}

}  // namespace

void AddPreviewCommand(CLI::App& policy, Session& session) {
  const auto options = std::make_shared<PreviewCommandOptions>();
  CLI::App* preview = policy.add_subcommand("preview", "A record as every partner would see it, side by side");
  preview->add_option("-f,--folder", options->directory, "Folder with .txtpb and .binpb files")
      ->required()
      ->check(CLI::ExistingDirectory);
  preview->add_option("--type", options->record_type, "Record type")->required();
  preview->add_option("--record", options->record_file, "File with the serialised record")->required();
  preview->add_flag("--text", options->text, "The file is in text format");
  preview->add_flag("--minor", options->minor, "As if a subject were known to be a minor");
  preview->add_option("--consent", options->consents,
                      "Consent on record, for example category:customs; may be repeated");
  session.OnRun(preview, [&session, options] { return Preview(session, *options); });
}

}  // namespace postern::client::ctl
