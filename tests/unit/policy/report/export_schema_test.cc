#include "policy/report/export_schema.h"

#include <gmock/gmock.h>
#include <google/protobuf/dynamic_message.h>
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

std::string TextOf(const CompiledBundle& bundle, const std::string& contract) {
  const auto set = ExportSchema(bundle, contract);
  EXPECT_TRUE(set.ok()) << set.status();
  const auto files = SchemaText(*set);
  EXPECT_TRUE(files.ok()) << files.status();
  std::string text;
  for (const ProtoFile& file : *files) absl::StrAppend(&text, "// ", file.path, "\n", file.text, "\n");
  return text;
}

// Clause: P1.4b
TEST(ExportSchemaTest, HoldsWhatIsGrantedAndNothingElse) {
  const auto bundle = RetailBundle();
  const std::string swift = TextOf(*bundle, "partners/swift-parcel/contracts/parcel");
  ExpectGolden("retail/schema_swift_parcel.proto.expected", swift);
  EXPECT_THAT(swift, Not(HasSubstr("account_email")));
  EXPECT_THAT(swift, Not(HasSubstr("birth_date")));
  EXPECT_THAT(swift, Not(HasSubstr("postern")));
  ExpectGolden("retail/schema_clear_pay.proto.expected", TextOf(*bundle, "partners/clear-pay/contracts/payments"));
}

TEST(ExportSchemaTest, KeepsTheWireFormat) {
  const auto bundle = RetailBundle();
  const auto set = ExportSchema(*bundle, "partners/swift-parcel/contracts/parcel");
  ASSERT_TRUE(set.ok());
  google::protobuf::DescriptorPool pool;
  for (const auto& file : set->file()) ASSERT_NE(pool.BuildFile(file), nullptr) << file.name();
  google::protobuf::DynamicMessageFactory factory;
  std::unique_ptr<google::protobuf::Message> theirs(
      factory.GetPrototype(pool.FindMessageTypeByName("shop.v1.Shipment"))->New());

  shop::v1::Shipment ours;
  ours.set_reference("S-1");
  ours.mutable_recipient()->mutable_address()->set_city("Bern");
  ours.add_parcels()->set_weight_grams(500);
  ours.mutable_customs()->add_items()->mutable_value()->set_minor_units(100);
  ours.set_locker_id("L-1");
  (*ours.mutable_handling())["fragile"] = "yes";
  ASSERT_TRUE(theirs->ParseFromString(ours.SerializeAsString()));
  EXPECT_EQ(theirs->DebugString(), ours.DebugString());
}

// Odd shapes: proto2, groups, maps of messages, a date granted whole.
TEST(ExportSchemaTest, ExportsEveryShape) {
  BundleSources sources = RetailSources();
  sources.descriptor_set = TestDescriptorSet();
  sources.files.push_back({"legacy.txtpb", ReadSourceFile("tests/golden/policy/schema/legacy.txtpb")});
  for (TextSource& file : sources.files) {
    if (file.name != "contracts/nordic-freight.txtpb") continue;
    const size_t from = file.text.find("grants {"), to = file.text.find("delivery {");
    file.text.replace(
        from, to - from,
        "grants { purpose: \"delivery\" record_type: \"legacy.v1.Label\" justification: \"label\"\n"
        "fields { path: \"number\" } fields { path: \"person.id\" pseudonymise {} } fields { path: \"person.name\" }\n"
        "fields { path: \"line.text\" } fields { path: \"stops.street\" } fields { path: \"state\" }\n"
        "fields { path: \"tree.next.value\" } }\n");
    absl::StrReplaceAll({{"locator_path: \"reference\"", "locator_path: \"number\""}}, &file.text);
  }
  const CompileResult result = Compile(sources);
  ASSERT_NE(result.bundle, nullptr) << Text(result.diagnostics);
  ExpectGolden("retail/schema_shapes.proto.expected",
               TextOf(*result.bundle, "partners/nordic-freight/contracts/domestic"));
}

TEST(ExportSchemaTest, NamesAContractThatIsNotThere) {
  EXPECT_EQ(ReasonOf(ExportSchema(*RetailBundle(), "partners/x/contracts/y").status()), v1::ERROR_REASON_NOT_FOUND);
}

}  // namespace
}  // namespace postern::policy
