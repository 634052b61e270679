#include "policy/report/lint.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "policy/retail/shop/v1/shipment.pb.h"
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

// Clause: P1.1a
TEST(LintTest, FindsGrantsThatNoSampleRecordUses) {
  const auto bundle = RetailBundle();
  shop::v1::Shipment shipment;
  shipment.set_reference("S-1");
  shipment.set_customer_id("customer-1");
  shipment.mutable_recipient()->set_name("Rosa Beispiel");
  shipment.mutable_recipient()->set_minor(false);
  for (auto* address : {shipment.mutable_recipient()->mutable_address()}) {
    address->set_street("Lange Gasse 1");
    address->set_city("Basel");
    address->set_postcode("4051");
    address->set_country("CH");
  }
  LintOptions options;
  options.samples = {{"shop.v1.Shipment", shipment.SerializeAsString()}};
  const std::string text = LintText(*bundle, options);
  const std::string swift = "unused_grant partners/swift-parcel/contracts/parcel delivery shop.v1.Shipment.";
  EXPECT_THAT(text, HasSubstr(swift + "locker_id: is granted, and left in none of 1 sample records [P1.1a]"));
  EXPECT_THAT(text, HasSubstr(swift + "parcels.barcode: "));
  EXPECT_THAT(text, Not(HasSubstr(swift + "recipient.name")));
  EXPECT_THAT(text, Not(HasSubstr(swift + "customer_id")));
  EXPECT_THAT(text, Not(HasSubstr("unused_grant partners/clear-pay")));  // no sample of its types
  EXPECT_THAT(text, Not(HasSubstr("Basel")));

  shipment.set_locker_id("L-7");
  options.samples.push_back({"shop.v1.Shipment", shipment.SerializeAsString()});
  EXPECT_THAT(LintText(*bundle, options), Not(HasSubstr(swift + "locker_id")));
  options.samples = {{"shop.v1.Shipment", "\xff"}};
  EXPECT_THAT(
      LintText(*bundle, options),
      HasSubstr("delivery shop.v1.Shipment: refuses each of 1 sample records, for ERROR_REASON_RECORD_MALFORMED"));
}

// Clause: P1.1a
TEST(LintTest, FindsCeilingsWiderThanNeeded) {
  BundleSources sources = RetailSources();
  for (TextSource& file : sources.files)
    absl::StrReplaceAll({{"  fields { path: \"preferences.alternative_recipient\" }\n", ""}}, &file.text);
  const auto narrower = Compile(sources).bundle;
  ASSERT_NE(narrower, nullptr);
  EXPECT_THAT(LintText(*narrower, {}), HasSubstr("wide_ceiling logistics/delivery/alternative_recipient: "));
}

// Clause: W1.2b
TEST(LintTest, FindsNumbersThatCouldHoldACardNumber) {
  const std::string subject = "unchecked_number partners/swift-parcel/contracts/parcel delivery shop.v1.Shipment.";
  const std::string shipped = LintText(*RetailBundle(), {});
  EXPECT_THAT(shipped, HasSubstr(subject + "customs.items.value.minor_units: is a number of 64 bits and customs: "));
  EXPECT_THAT(shipped, Not(HasSubstr(subject + "parcels.insured_minor_units")));  // in steps
  EXPECT_THAT(shipped, Not(HasSubstr(subject + "customs.items.quantity")));       // of 32 bits
  EXPECT_THAT(shipped, Not(HasSubstr("unchecked_number partners/clear-pay")));    // no personal category
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
