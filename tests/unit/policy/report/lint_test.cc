#include "policy/report/lint.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "tests/unit/policy/bundle/bundle_files.h"

namespace postern::policy {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Text(const std::vector<LintFinding>& findings) {
  std::string text;
  for (const LintFinding& f : findings)
    absl::StrAppend(&text, KindText(f.kind), " ", f.subject, ": ", f.message, " [", f.clause, "]\n");
  return text;
}

std::string LintText(const CompiledBundle& bundle, const LintOptions& options) {
  const auto findings = Lint(bundle, options);
  EXPECT_TRUE(findings.ok()) << findings.status();
  return findings.ok() ? Text(*findings) : "";
}

TEST(LintTest, TheShippedBundleHasNoUnclassifiedField) {
  const auto bundle = RetailBundle();
  const std::string text = LintText(*bundle, {});
  EXPECT_THAT(text, Not(HasSubstr("unclassified_field")));
  ExpectGolden("retail/lint.expected", text);
}

// Clause: P1.1a
TEST(LintTest, FindsFieldsThatThePreviousSchemaHadNot) {
  const auto bundle = RetailBundle();
  google::protobuf::FileDescriptorSet previous;
  ASSERT_TRUE(previous.ParseFromString(RetailDescriptorSet()));
  for (auto& file : *previous.mutable_file()) {
    if (file.name() != "shop/v1/support.proto") continue;
    for (auto& message : *file.mutable_message_type()) {
      if (message.name() == "CaseMessage") message.mutable_field()->RemoveLast();
    }
  }
  LintOptions options;
  options.previous_descriptor_set = previous.SerializeAsString();
  EXPECT_THAT(LintText(*bundle, options),
              HasSubstr("new_field shop.v1.SupportCase.messages.text: is new, classified as service_message"));
  options.previous_descriptor_set = RetailDescriptorSet();
  EXPECT_THAT(LintText(*bundle, options), Not(HasSubstr("new_field")));
  options.previous_descriptor_set = "\xff";
  EXPECT_EQ(ReasonOf(Lint(*bundle, options).status()), v1::ERROR_REASON_POLICY_INVALID);
}

TEST(LintTest, FindsFieldsThatNobodyClassified) {
  BundleSources sources = RetailSources();
  sources.descriptor_set = TestDescriptorSet();
  sources.files.push_back({"legacy.txtpb", ReadSourceFile("tests/golden/policy/schema/legacy.txtpb")});
  const CompileResult result = Compile(sources);
  ASSERT_NE(result.bundle, nullptr) << policy::Text(result.diagnostics);
  EXPECT_THAT(LintText(*result.bundle, {}), HasSubstr("unclassified_field legacy.v1.Label.note: has no category"));
}

// Clause: P1.4c
TEST(LintTest, FindsWhatEndsSoon) {
  const auto bundle = RetailBundle();
  LintOptions options;
  options.today = absl::CivilDay(2028, 6, 1);
  EXPECT_THAT(
      LintText(*bundle, options),
      HasSubstr(
          "expiring partners/swift-parcel/contracts/parcel: document QUALIFICATION expires on 2028-06-30, in 29 days"));
  EXPECT_THAT(
      LintText(*bundle, options),
      HasSubstr("expiring partners/nordic-freight/contracts/domestic: document QUALIFICATION expired on 2028-03-31"));
  options.today = absl::CivilDay(2026, 6, 1);
  EXPECT_THAT(LintText(*bundle, options), Not(HasSubstr("expiring")));
}

}  // namespace
}  // namespace postern::policy
