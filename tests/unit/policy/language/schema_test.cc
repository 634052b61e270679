#include "policy/language/schema.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "policy/language/field_path.h"
#include "tests/unit/policy/bundle/bundle_files.h"

namespace postern::policy {
namespace {

using ::google::protobuf::FileDescriptorSet;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Problems(const std::string& descriptor_set) {
  DiagnosticSink sink;
  EXPECT_EQ(Schema::Load(descriptor_set, sink), nullptr);
  return Text(sink.Take());
}

std::string SetOf(const char* text) {
  FileDescriptorSet set;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &set));
  return set.SerializeAsString();
}

std::unique_ptr<const Schema> Load(const std::string& descriptor_set) {
  DiagnosticSink sink;
  auto schema = Schema::Load(descriptor_set, sink);
  EXPECT_NE(schema, nullptr) << Text(sink.Take());
  return schema;
}

std::vector<std::string> LeafPaths(const google::protobuf::Descriptor& message) {
  std::vector<std::string> paths;
  for (const FieldPath& path : LeavesOf(message).leaves) paths.push_back(ToDotted(path));
  return paths;
}

TEST(SchemaTest, SaysWhatIsWrongWithADescriptorSet) {
  EXPECT_THAT(Problems("\xff\xff"), HasSubstr("not a serialised google.protobuf.FileDescriptorSet"));
  EXPECT_THAT(Problems(SetOf("file { name: 'a.proto' dependency: 'b.proto' }")), HasSubstr("b.proto"));
  EXPECT_THAT(Problems(SetOf("file { name: 'a.proto' } file { name: 'a.proto' }")), HasSubstr("twice"));
  EXPECT_THAT(
      Problems(SetOf("file { name: 'a.proto' dependency: 'b.proto' } file { name: 'b.proto' dependency: 'a.proto' }")),
      HasSubstr("a.proto"));
  EXPECT_THAT(Problems(SetOf(
                  "file { name: 'a.proto' message_type { name: 'M' field { name: 'f' number: 1 label: LABEL_OPTIONAL "
                  "type_name: '.N' } } }")),
              HasSubstr("M.f"));
}

TEST(SchemaTest, LinksFilesInAnyOrder) {
  FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(RetailDescriptorSet()));
  FileDescriptorSet reversed;
  for (int i = set.file_size() - 1; i >= 0; --i) *reversed.add_file() = set.file(i);
  EXPECT_NE(Load(reversed.SerializeAsString())->FindMessage("shop.v1.Shipment"), nullptr);
}

TEST(SchemaTest, ReadsClassificationOptions) {
  const auto schema = Load(RetailDescriptorSet());
  const auto* shipment = schema->FindMessage("shop.v1.Shipment");
  ASSERT_NE(shipment, nullptr);
  EXPECT_TRUE(schema->OptionOf(*shipment).has_value());
  EXPECT_EQ(schema->OptionOf(*shipment->FindFieldByName("reference"))->category(), "order_reference");
  EXPECT_TRUE(schema->OptionOf(*shipment->FindFieldByName("remark"))->free_text());
  EXPECT_FALSE(schema->OptionOf(*schema->FindMessage("shop.v1.Order")).has_value());
  EXPECT_FALSE(schema->OptionOf(*schema->FindMessage("shop.v1.Order")->field(0)).has_value());
}

// Another company may use our extension number for something else.
TEST(SchemaTest, IgnoresOptionsThatAreNotOurs) {
  FileDescriptorSet set;
  auto* file = set.add_file();
  file->set_name("a.proto");
  auto* message = file->add_message_type();
  message->set_name("M");
  auto* field = message->add_field();
  field->set_name("f");
  field->set_number(1);
  field->set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
  field->set_type(google::protobuf::FieldDescriptorProto::TYPE_STRING);
  v1::FieldClassification ours;
  ours.set_category("parcel");
  field->mutable_options()->mutable_unknown_fields()->AddLengthDelimited(51717, ours.SerializeAsString());
  const auto schema = Load(set.SerializeAsString());
  EXPECT_FALSE(schema->OptionOf(*schema->FindMessage("M")->field(0)).has_value());
}

TEST(SchemaTest, FindsMethodsByTheirPath) {
  const auto schema = Load(TestDescriptorSet());
  ASSERT_NE(schema->FindMethod("/clearpay.v1.PaymentService/Authorize"), nullptr);
  EXPECT_EQ(schema->FindMethod("clearpay.v1.PaymentService/Authorize"), nullptr);
  EXPECT_EQ(schema->FindMethod("/clearpay.v1.PaymentService/Capture"), nullptr);
  EXPECT_EQ(schema->FindMethod(""), nullptr);
}

TEST(FieldPathTest, GoesThroughMapsGroupsAndRecursiveTypesOnce) {
  const auto schema = Load(TestDescriptorSet());
  const auto& label = *schema->FindMessage("legacy.v1.Label");
  EXPECT_THAT(LeafPaths(label),
              ElementsAre("number", "person.id", "person.name", "note", "extra.type_url", "extra.value", "stops.street",
                          "tree.value", "line.text", "line.weight", "tariff", "state"));
  EXPECT_EQ(ToDotted(ResolvePath(label, "tree.next.next.value").path), "tree.next.next.value");
  EXPECT_TRUE(IsRepeated(ResolvePath(label, "stops.street").path));
  EXPECT_FALSE(IsRepeated(ResolvePath(label, "tree.value").path));
  EXPECT_TRUE(ResolvePath(label, "stops.key").path.empty());
  EXPECT_EQ(ResolvePath(label, "persn.id").hint, "did you mean \"person\"?");
}

// Each message has two fields of the next: 2^60 paths, and not one leaf.
TEST(FieldPathTest, DoesNotDrownInPaths) {
  std::string text = "file { name: 'a.proto'";
  for (int i = 0; i < 60; ++i) {
    absl::StrAppend(&text, " message_type { name: 'M", i, "'");
    for (int f = 1; f <= 2 && i < 59; ++f) {
      absl::StrAppend(&text, " field { name: 'f", f, "' number: ", f,
                      " label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: '.M", i + 1, "' }");
    }
    absl::StrAppend(&text, " }");
  }
  const auto schema = Load(SetOf(absl::StrCat(text, " }").c_str()));
  const LeafList list = LeavesOf(*schema->FindMessage("M0"));
  EXPECT_FALSE(list.complete);
  EXPECT_TRUE(list.leaves.empty());
}

}  // namespace
}  // namespace postern::policy
