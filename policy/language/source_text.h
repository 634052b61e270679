// Text files of a bundle, parsed, with the position of every field.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include "policy/language/diagnostic.h"
#include "proto/postern/v1/catalogue.pb.h"
#include "proto/postern/v1/contract.pb.h"
#include "proto/postern/v1/privacy_policy.pb.h"

namespace postern::policy {

// One text file of the bundle; its layer is told by its "# proto-message:" header.
struct TextSource {
  std::string name;  // for diagnostics
  std::string text;
};

// A parsed message together with where its fields stand in the file. A view: the ParsedFile must outlive it.
class SourceNode {
 public:
  SourceNode(const std::string& file, const google::protobuf::Message& message,
             const google::protobuf::TextFormat::ParseInfoTree* positions);

  // Where the message begins; line 1 for the root.
  SourceLocation Here() const { return here_; }
  // Where a field stands, or where the message begins if the file does not set it. `index` counts a repeated field.
  SourceLocation At(int field_number, int index = 0) const;
  // The message in a field. `field_number` must name a message field, and `index` be in range.
  SourceNode Child(int field_number, int index = 0) const;

 private:
  const std::string* file_;
  const google::protobuf::Message* message_;
  const google::protobuf::TextFormat::ParseInfoTree* positions_;  // null if unknown
  SourceLocation here_;
};

template <typename M>
struct ParsedFile {
  std::string name;
  std::string text;
  M message;
  std::unique_ptr<google::protobuf::TextFormat::ParseInfoTree> positions;

  SourceNode root() const { return SourceNode(name, message, positions.get()); }
};

struct ParsedTexts {
  std::vector<std::unique_ptr<ParsedFile<v1::Catalogue>>> catalogues;
  std::vector<std::unique_ptr<ParsedFile<v1::PrivacyPolicy>>> privacy_policies;
  std::vector<std::unique_ptr<ParsedFile<v1::Contract>>> contracts;
};

// Parses every file; what does not parse is left out and diagnosed.
ParsedTexts ParseTexts(const std::vector<TextSource>& sources, DiagnosticSink& sink);

}  // namespace postern::policy
