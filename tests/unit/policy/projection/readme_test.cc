// The examples in policy/projection/README.md: the grant applied to the record gives what the third column says.
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "policy/projection/projector.h"
#include "proto/errors/error.h"
#include "proto/postern/v1/contract.pb.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {
namespace {

// Wire bytes written down: "1:7" a varint, "1:"text"" a delimited field, "2:{...}" a message, "5:[1 2]" a packed run.
class Notation {
 public:
  explicit Notation(absl::string_view text) : text_(text) {}

  std::string Fields() {
    std::string out;
    for (Space(); !text_.empty() && text_.front() != '}'; Space()) out += Field();
    return out;
  }

 private:
  void Space() { text_ = absl::StripLeadingAsciiWhitespace(text_); }
  uint64_t Number() {
    size_t size = 0;
    while (size < text_.size() && absl::ascii_isdigit(static_cast<unsigned char>(text_[size]))) ++size;
    uint64_t number = 0;
    EXPECT_TRUE(absl::SimpleAtoi(text_.substr(0, size), &number)) << text_;
    text_.remove_prefix(size == 0 ? text_.size() : size);
    return number;
  }
  std::string Field() {
    const int number = static_cast<int>(Number());
    EXPECT_TRUE(absl::ConsumePrefix(&text_, ":")) << text_;
    if (absl::ConsumePrefix(&text_, "\"")) {
      const size_t end = text_.find('"');
      std::string value;
      EXPECT_TRUE(absl::CUnescape(text_.substr(0, end), &value)) << text_;
      text_.remove_prefix(end == absl::string_view::npos ? text_.size() : end + 1);
      return BytesField(number, value);
    }
    if (absl::ConsumePrefix(&text_, "{")) {
      const std::string inner = Fields();
      EXPECT_TRUE(absl::ConsumePrefix(&text_, "}")) << text_;
      return BytesField(number, inner);
    }
    if (absl::ConsumePrefix(&text_, "[")) {
      std::string run;
      for (Space(); !text_.empty() && !absl::ConsumePrefix(&text_, "]"); Space()) run += Varint(Number());
      return BytesField(number, run);
    }
    return VarintField(number, Number());
  }

  absl::string_view text_;
};

std::string ReadReadme() {
  std::ifstream in(POSTERN_SOURCE_DIR "/policy/projection/README.md");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// What stands between the marks, without the mark of a code block's language.
std::string Between(const std::string& text, const std::string& from, const std::string& to) {
  const size_t begin = text.find(from);
  EXPECT_NE(begin, std::string::npos) << from;
  if (begin == std::string::npos) return "";
  const size_t at = begin + from.size();
  return text.substr(at, text.find(to, at) - at);
}

// A cell's code, or "" for one without.
std::string CodeOf(absl::string_view cell) {
  cell = absl::StripAsciiWhitespace(cell);
  if (!absl::ConsumePrefix(&cell, "`") || !absl::ConsumeSuffix(&cell, "`")) return "";
  return std::string(cell);
}

TransformSpec TransformOf(const v1::FieldGrant& field) {
  if (field.has_mask()) return field.mask();
  if (field.has_truncate()) return field.truncate();
  if (field.has_generalise()) return field.generalise();
  if (field.has_redact()) return field.redact();
  if (field.has_constant()) return field.constant();
  return {};
}

// "id, customer.name mask {}": paths with their transforms.
PlanSpec SpecOf(const google::protobuf::Descriptor& type, const std::string& grant) {
  PlanSpec spec = KeepSpec(type, {});
  for (absl::string_view item : absl::StrSplit(grant, ", ", absl::SkipEmpty())) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(item, absl::MaxSplits(' ', 1));
    v1::FieldGrant field;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(parts.second, &field)) << item;
    LeafSpec leaf = Leaf(type, parts.first, TransformOf(field));
    if (field.generalise().has_postcode()) leaf.country = PathOf(type, field.generalise().postcode().country_path());
    spec.leaves.push_back(std::move(leaf));
  }
  return spec;
}

// Clause: P1.1a
TEST(ProjectionReadmeTest, TheExamplesHold) {
  const std::string readme = ReadReadme();
  TestSchema schema(Between(readme, "```proto\n", "```"));
  const auto& type = *schema.Type("Order");
  int examples = 0;
  for (absl::string_view line : absl::StrSplit(Between(readme, "## Examples", "\n## "), '\n')) {
    const std::vector<std::string> cells = absl::StrSplit(line, " | ");
    if (cells.size() != 3 || !absl::StartsWith(line, "| ") || absl::StartsWith(line, "| granted")) continue;
    ++examples;
    const PlanSpec spec = SpecOf(type, CodeOf(cells[0].substr(2)));
    const std::string record = Notation(CodeOf(cells[1])).Fields();
    const std::string leaves = CodeOf(absl::StripSuffix(cells[2], " |"));
    ProjectionResult result;
    const absl::Status status = ProjectVerified(MakeEngine(spec), TestContext(), record, &result);
    if (absl::StartsWith(leaves, "RECORD_")) {
      EXPECT_EQ(v1::ErrorReason_Name(ReasonOf(status)), absl::StrCat("ERROR_REASON_", leaves)) << line;
    } else {
      EXPECT_TRUE(status.ok()) << line << status;
      EXPECT_EQ(absl::BytesToHexString(result.bytes), absl::BytesToHexString(Notation(leaves).Fields())) << line;
    }
  }
  EXPECT_GE(examples, 20);
}

}  // namespace
}  // namespace postern::policy::testing
