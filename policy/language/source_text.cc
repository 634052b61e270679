#include "policy/language/source_text.h"

#include <algorithm>
#include <optional>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "policy/language/suggestion.h"

namespace postern::policy {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::TextFormat;

constexpr absl::string_view kHeader = "# proto-message:";

class Collector : public google::protobuf::io::ErrorCollector {
 public:
  Collector(const std::string& file, DiagnosticSink& sink) : file_(file), sink_(sink) {}
  // libprotobuf counts from 0, and gives -1 where it knows no position.
  void AddError(int line, google::protobuf::io::ColumnNumber column, const std::string& message) override {
    sink_.Error({file_, line + 1, line < 0 ? 0 : column + 1}, message);
  }
  void AddWarning(int line, google::protobuf::io::ColumnNumber column, const std::string& message) override {
    sink_.Warning({file_, line + 1, line < 0 ? 0 : column + 1}, message);
  }

 private:
  const std::string& file_;
  DiagnosticSink& sink_;
};

struct Header {
  std::string type;
  int line = 0;
};

// The header stands among the comments before the first field.
std::optional<Header> FindHeader(absl::string_view text) {
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (absl::ConsumePrefix(&line, kHeader)) return Header{std::string(absl::StripAsciiWhitespace(line)), number};
    if (!line.empty() && !absl::StartsWith(line, "#")) return std::nullopt;
  }
  return std::nullopt;
}

template <typename M>
void ParseInto(const TextSource& source, std::vector<std::unique_ptr<ParsedFile<M>>>* out, DiagnosticSink& sink) {
  auto file = std::make_unique<ParsedFile<M>>();
  file->name = source.name;
  file->text = source.text;
  file->positions = std::make_unique<TextFormat::ParseInfoTree>();
  Collector collector(file->name, sink);
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.WriteLocationsTo(file->positions.get());
  if (parser.ParseFromString(source.text, &file->message)) out->push_back(std::move(file));
}

}  // namespace

SourceNode::SourceNode(const std::string& file, const google::protobuf::Message& message,
                       const TextFormat::ParseInfoTree* positions)
    : file_(&file), message_(&message), positions_(positions), here_{file, 1, 1} {}

SourceLocation SourceNode::At(int field_number, int index) const {
  const FieldDescriptor* field = message_->GetDescriptor()->FindFieldByNumber(field_number);
  if (positions_ == nullptr || field == nullptr) return here_;
  TextFormat::ParseLocation found = positions_->GetLocation(field, field->is_repeated() ? index : -1);
  // The short form "f: [a, b]" has one position for all values.
  if (found.line < 0 && field->is_repeated()) found = positions_->GetLocation(field, 0);
  if (found.line < 0) return here_;
  return {*file_, found.line + 1, found.column + 1};
}

SourceNode SourceNode::Child(int field_number, int index) const {
  const FieldDescriptor* field = message_->GetDescriptor()->FindFieldByNumber(field_number);
  const auto* reflection = message_->GetReflection();
  const google::protobuf::Message& child = field->is_repeated()
                                               ? reflection->GetRepeatedMessage(*message_, field, index)
                                               : reflection->GetMessage(*message_, field);
  const TextFormat::ParseInfoTree* positions =
      positions_ == nullptr ? nullptr : positions_->GetTreeForNested(field, field->is_repeated() ? index : -1);
  SourceNode node(*file_, child, positions);
  node.here_ = At(field_number, index);
  return node;
}

ParsedTexts ParseTexts(const std::vector<TextSource>& sources, DiagnosticSink& sink) {
  ParsedTexts parsed;
  const std::vector<std::string> types = {v1::Catalogue::descriptor()->full_name(),
                                          v1::PrivacyPolicy::descriptor()->full_name(),
                                          v1::Contract::descriptor()->full_name()};
  for (const TextSource& source : sources) {
    const std::optional<Header> header = FindHeader(source.text);
    if (!header) {
      sink.Error({source.name, 1, 1}, absl::StrCat("the file has no \"", kHeader, "\" header"), "",
                 absl::StrCat("begin it with \"", kHeader, " postern.v1.Contract\", or the name of another layer"));
    } else if (header->type == types[0]) {
      ParseInto(source, &parsed.catalogues, sink);
    } else if (header->type == types[1]) {
      ParseInto(source, &parsed.privacy_policies, sink);
    } else if (header->type == types[2]) {
      ParseInto(source, &parsed.contracts, sink);
    } else {
      sink.Error({source.name, header->line, 1},
                 absl::StrCat("\"", header->type, "\" is not a layer of the policy language"), "",
                 DidYouMean(header->type, types));
    }
  }
  return parsed;
}

}  // namespace postern::policy
