// What an Any may hold, from the contract to the reports: grants name its type, and every report names its fields.
#include <algorithm>

#include <gmock/gmock.h>
#include <google/protobuf/any.pb.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "policy/report/diff.h"
#include "policy/report/explain.h"
#include "policy/report/export_schema.h"
#include "policy/report/grant_use.h"
#include "policy/report/lint.h"
#include "policy/report/preview.h"
#include "policy/report/render.h"
#include "tests/unit/policy/bundle/bundle_files.h"

namespace postern::policy {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kContract[] = "partners/nordic-freight/contracts/domestic";
constexpr char kPhone[] = "extra[type.googleapis.com/legacy.v1.Whole].phone";

// The shipped bundle, with a contract that grants these fields of a label instead.
std::shared_ptr<const CompiledBundle> BundleOf(const std::string& type, const std::string& fields) {
  BundleSources sources = RetailSources();
  sources.descriptor_set = TestDescriptorSet();
  sources.files.push_back({"legacy.txtpb", ReadSourceFile("tests/golden/policy/schema/legacy.txtpb")});
  for (TextSource& file : sources.files) {
    if (file.name != "contracts/nordic-freight.txtpb") continue;
    const size_t from = file.text.find("grants {"), to = file.text.find("delivery {");
    file.text.replace(from, to - from,
                      absl::StrCat("grants { purpose: \"delivery\" record_type: \"", type,
                                   "\" justification: \"label\" fields { path: \"number\" }\n", fields, "}\n"));
    absl::StrReplaceAll({{"locator_path: \"reference\"", "locator_path: \"number\""}}, &file.text);
  }
  const CompileResult result = Compile(sources);
  EXPECT_NE(result.bundle, nullptr) << Text(result.diagnostics);
  return result.bundle;
}

std::shared_ptr<const CompiledBundle> LabelBundle(const std::string& extra) {
  return BundleOf(
      "legacy.v1.Label",
      absl::StrCat("fields { path: \"person.id\" pseudonymise {} } fields { path: \"person.name\" }\n", extra));
}

const CompiledGrant& LabelGrant(const CompiledBundle& bundle) {
  return *bundle.FindContract(kContract)->FindGrant("delivery", "legacy.v1.Label");
}

// A label whose Any holds a Whole with this phone number, or something else.
std::string LabelWith(const std::string& type_url, const std::string& phone) {
  google::protobuf::Any any;
  any.set_type_url(type_url);
  any.set_value(absl::StrCat("\x0a\x01W\x12", std::string(1, static_cast<char>(phone.size())), phone, "\x1a\x01N"));
  const std::string extra = any.SerializeAsString();
  return absl::StrCat("\x0a\x03L-1\x12\x07\x0a\x02p1\x12\x01P\x22", std::string(1, static_cast<char>(extra.size())),
                      extra);
}

// Clause: P1.1a
TEST(PackedAnyTest, IsClassifiedInItsOwnType) {
  const auto bundle = LabelBundle(absl::StrCat("fields { path: \"", kPhone, "\" }"));
  ASSERT_NE(bundle, nullptr);
  EXPECT_THAT(LabelGrant(*bundle).plan->granted_paths(), Contains(kPhone));
  EXPECT_THAT(LabelGrant(*bundle).categories, Contains("delivery_contact"));
  EXPECT_EQ(bundle->CategoryOf("legacy.v1.Label", kPhone), "delivery_contact");
  EXPECT_EQ(bundle->CategoryOf("legacy.v1.Label", "extra[type.googleapis.com/legacy.v1.Person].name"), "")
      << "nothing comes from the field that holds the Any";
  EXPECT_EQ(bundle->CategoryOf("legacy.v1.Label", "extra.value"), "parcel");
}

TEST(PackedAnyTest, ExplainNamesEveryFieldOfAListedType) {
  const auto bundle = LabelBundle(absl::StrCat("fields { path: \"", kPhone, "\" mask { keep_last: 2 } }"));
  ASSERT_NE(bundle, nullptr);
  const auto explanation = Explain(*bundle, "partners/nordic-freight", "delivery", "legacy.v1.Label");
  ASSERT_TRUE(explanation.ok()) << explanation.status();
  std::string text;
  for (const ExplainedLeaf& leaf : explanation->leaves) {
    absl::StrAppend(&text, leaf.path, leaf.granted ? " leaves " : " stays ", leaf.transform, " ", leaf.category, "\n");
  }
  EXPECT_THAT(text, HasSubstr(absl::StrCat(kPhone, " leaves mask { keep_last: 2 } delivery_contact\n")));
  EXPECT_THAT(text, HasSubstr("extra[type.googleapis.com/legacy.v1.Whole].name stays  delivery_name\n"));
  EXPECT_THAT(text, HasSubstr("extra[type.googleapis.com/legacy.v1.Whole].number stays  \n"));
}

TEST(PackedAnyTest, LintNamesWhatIsUnclassifiedOrNotUsed) {
  const auto bundle = LabelBundle(absl::StrCat("fields { path: \"", kPhone, "\" }"));
  ASSERT_NE(bundle, nullptr);
  const auto findings = [&](const LintOptions& options) {
    std::string text;
    const auto found = Lint(*bundle, options);
    EXPECT_TRUE(found.ok()) << found.status();
    for (const LintFinding& finding : *found)
      absl::StrAppend(&text, KindText(finding.kind), " ", finding.subject, "\n");
    return text;
  };
  LintOptions options;
  EXPECT_THAT(findings(options),
              HasSubstr("unclassified_field legacy.v1.Label.extra[type.googleapis.com/legacy.v1.Whole].number\n"));
  const std::string unused = absl::StrCat("unused_grant ", kContract, " delivery legacy.v1.Label.", kPhone, "\n");
  options.samples = {{"legacy.v1.Label", LabelWith("type.googleapis.com/legacy.v1.Stop", "079")}};
  EXPECT_THAT(findings(options), HasSubstr(unused));
  options.samples.push_back({"legacy.v1.Label", LabelWith("type.googleapis.com/legacy.v1.Whole", "079")});
  EXPECT_THAT(findings(options), Not(HasSubstr(unused)));
  options.previous_descriptor_set = RetailDescriptorSet();
  EXPECT_THAT(findings(options), HasSubstr(absl::StrCat("new_field legacy.v1.Label.", kPhone, "\n")));
}

TEST(PackedAnyTest, DiffRenderAndExportKnowIt) {
  const auto before = LabelBundle(""), after = LabelBundle(absl::StrCat("fields { path: \"", kPhone, "\" }"));
  ASSERT_NE(after, nullptr);
  const BundleDiff diff = Diff(before.get(), *after);
  ASSERT_EQ(diff.fields.size(), 1u);
  EXPECT_EQ(diff.fields[0].path, kPhone);
  EXPECT_TRUE(diff.widens);
  EXPECT_THAT(RenderHtml(DescribeSharing(*after, absl::CivilDay(2026, 6, 15))), HasSubstr(kPhone));
  EXPECT_THAT(RenderMarkdown(DescribeSharing(*after, absl::CivilDay(2026, 6, 15))),
              HasSubstr(absl::StrReplaceAll(kPhone, {{"[", "\\["}})));
  const auto schema = ExportSchema(*after, kContract);
  ASSERT_TRUE(schema.ok()) << schema.status();
  std::string files;
  for (const auto& file : schema->file()) absl::StrAppend(&files, file.DebugString());
  EXPECT_THAT(files, HasSubstr("name: \"Whole\""));
  EXPECT_THAT(files, HasSubstr("name: \"phone\""));
  EXPECT_THAT(files, HasSubstr("google/protobuf/any.proto"));
}

TEST(PackedAnyTest, PreviewShowsWhatLeavesAndWhatStays) {
  const auto bundle = LabelBundle(absl::StrCat("fields { path: \"", kPhone, "\" }"));
  ASSERT_NE(bundle, nullptr);
  const auto pseudonym = [](absl::string_view, uint8_t digest[32]) { std::fill_n(digest, 32, uint8_t{1}); };
  const PreviewOptions options{absl::CivilDay(2026, 6, 15), pseudonym};
  const auto columns =
      Preview(*bundle, "legacy.v1.Label", LabelWith("type.googleapis.com/legacy.v1.Whole", "079"), options);
  ASSERT_TRUE(columns.ok()) << columns.status();
  ASSERT_EQ(columns->size(), 1u);
  ASSERT_TRUE((*columns)[0].status.ok()) << (*columns)[0].status;
  EXPECT_THAT((*columns)[0].bytes, HasSubstr("079"));
  std::string withheld;
  for (const WithheldField& field : (*columns)[0].withheld) absl::StrAppend(&withheld, field.path, "\n");
  EXPECT_THAT(withheld, HasSubstr("extra[type.googleapis.com/legacy.v1.Whole].name\n"));
}

// An amount is granted as one value, and so is a decimal.
TEST(PackedAnyTest, AmountsAreGrantedInSteps) {
  const auto bundle = BundleOf("legacy.v1.Invoice",
                               "fields { path: \"total\" generalise { step: 10 } }\n"
                               "fields { path: \"rate.value\" generalise { step: 5 } }\n");
  ASSERT_NE(bundle, nullptr);
  const CompiledGrant* grant = bundle->FindContract(kContract)->FindGrant("delivery", "legacy.v1.Invoice");
  EXPECT_THAT(grant->plan->granted_paths(), Contains("total"));
  EXPECT_THAT(grant->plan->granted_paths(), Contains("rate.value"));
}

}  // namespace
}  // namespace postern::policy
