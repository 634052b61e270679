#include "policy/language/source_text.h"

#include <gtest/gtest.h>

#include "tests/unit/policy/bundle/bundle_files.h"

namespace postern::policy {
namespace {

ParsedTexts Parse(const std::string& text, std::string* problems = nullptr) {
  DiagnosticSink sink;
  ParsedTexts parsed = ParseTexts({{"a.txtpb", text}}, sink);
  if (problems != nullptr) *problems = Text(sink.Take());
  return parsed;
}

std::string Where(const SourceLocation& location) {
  return ToString(location);
}

TEST(SourceTextTest, KnowsWhereEveryFieldStands) {
  const ParsedTexts parsed = Parse(
      "# proto-message: postern.v1.Contract\n"
      "name: \"partners/a/contracts/b\"\n"
      "grants {\n"
      "  purpose: \"delivery\"\n"
      "  fields { path: \"x\" }\n"
      "  fields {\n"
      "    path: \"y\" required: true }\n"
      "}\n"
      "deletion { exemptions { categories: [\"c\", \"d\"] } }\n");
  ASSERT_EQ(parsed.contracts.size(), 1u);
  const SourceNode root = parsed.contracts[0]->root();
  EXPECT_EQ(Where(root.Here()), "a.txtpb:1:1");
  EXPECT_EQ(Where(root.At(v1::Contract::kNameFieldNumber)), "a.txtpb:2:1");
  const SourceNode grant = root.Child(v1::Contract::kGrantsFieldNumber, 0);
  EXPECT_EQ(Where(grant.Here()), "a.txtpb:3:1");
  EXPECT_EQ(Where(grant.At(v1::Grant::kPurposeFieldNumber)), "a.txtpb:4:3");
  EXPECT_EQ(Where(grant.Child(v1::Grant::kFieldsFieldNumber, 1).At(v1::FieldGrant::kRequiredFieldNumber)),
            "a.txtpb:7:15");
  // What is not said stands where it would have been said.
  EXPECT_EQ(Where(grant.At(v1::Grant::kJustificationFieldNumber)), "a.txtpb:3:1");
  EXPECT_EQ(Where(root.Child(v1::Contract::kLegalFieldNumber).At(v1::Contract::Legal::kRoleFieldNumber)),
            "a.txtpb:1:1");
  // A short list has one place.
  const SourceNode exemption =
      root.Child(v1::Contract::kDeletionFieldNumber).Child(v1::Deletion::kExemptionsFieldNumber, 0);
  EXPECT_EQ(Where(exemption.At(v1::Deletion::Exemption::kCategoriesFieldNumber, 1)), "a.txtpb:9:25");
}

TEST(SourceTextTest, FindsTheHeaderAmongTheFirstComments) {
  EXPECT_EQ(Parse("\n# A catalogue.\r\n# proto-message: postern.v1.Catalogue\r\n").catalogues.size(), 1u);
  std::string problems;
  EXPECT_EQ(Parse("", &problems).contracts.size(), 0u);
  EXPECT_EQ(problems,
            "a.txtpb:1:1: error: the file has no \"# proto-message:\" header (begin it with \"# proto-message: "
            "postern.v1.Contract\", or the "
            "name of another layer)\n");
}

}  // namespace
}  // namespace postern::policy
