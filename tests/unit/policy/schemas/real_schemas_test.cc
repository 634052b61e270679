// Schemas that were not written for us, classified from outside: every message type of libprotobuf's own protos and of
// Google's common types, and the shipped retail bundle. Each compiles, and random records of it are projected, compared
// with the oracle where it knows the grant's rules, and verified.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "policy/language/compiler.h"
#include "policy/language/field_path.h"
#include "policy/language/schema.h"
#include "policy/projection/any_value.h"
#include "tests/unit/policy/bundle/bundle_files.h"
#include "tests/unit/policy/projection/oracle.h"
#include "tests/unit/policy/projection/random_case.h"

namespace postern::policy {
namespace {

namespace pb = google::protobuf;

struct RealType {
  std::string name;
  bool proto3 = false;
};

struct RealSchemas {
  pb::FileDescriptorSet files;
  std::vector<RealType> types;  // of the files as they are
};

void AddTypes(const std::string& scope, const pb::DescriptorProto& message, bool proto3, std::vector<RealType>* types) {
  if (message.options().map_entry()) return;
  const std::string name = scope.empty() ? message.name() : absl::StrCat(scope, ".", message.name());
  types->push_back({name, proto3});
  for (const pb::DescriptorProto& nested : message.nested_type()) AddTypes(name, nested, proto3, types);
}

// Beside the real files one with a record type per message type, because a record needs a key and a subject:
// "real.R<i>" holds it alone, in a list and in a map. In the syntax of the type, because the oracle knows no mixture.
RealSchemas WrappedSchemas() {
  RealSchemas schemas;
  std::ifstream in(POSTERN_REAL_SCHEMAS, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  EXPECT_TRUE(schemas.files.ParseFromString(bytes));
  pb::FileDescriptorProto wrappers[2];
  for (const char* syntax : {"proto2", "proto3"}) {
    pb::FileDescriptorProto& wrapper = wrappers[syntax[5] - '2'];
    wrapper.set_name(absl::StrCat("real/", syntax, ".proto"));
    wrapper.set_package("real");
    wrapper.set_syntax(syntax);
    for (const pb::FileDescriptorProto& file : schemas.files.file()) wrapper.add_dependency(file.name());
  }
  for (const pb::FileDescriptorProto& file : schemas.files.file()) {
    for (const pb::DescriptorProto& message : file.message_type())
      AddTypes(file.package(), message, file.syntax() == "proto3", &schemas.types);
  }
  const auto add = [](pb::DescriptorProto* message, const char* name, pb::FieldDescriptorProto::Type type,
                      pb::FieldDescriptorProto::Label label, const std::string& type_name) {
    pb::FieldDescriptorProto* field = message->add_field();
    field->set_name(name);
    field->set_number(message->field_size());
    field->set_label(label);
    field->set_type(type);
    if (!type_name.empty()) field->set_type_name(type_name);
  };
  using Field = pb::FieldDescriptorProto;
  for (size_t i = 0; i < schemas.types.size(); ++i) {
    const std::string type = "." + schemas.types[i].name;
    pb::DescriptorProto* record = wrappers[schemas.types[i].proto3].add_message_type();
    record->set_name(absl::StrCat("R", i));
    add(record, "id", Field::TYPE_STRING, Field::LABEL_OPTIONAL, "");
    add(record, "value", Field::TYPE_MESSAGE, Field::LABEL_OPTIONAL, type);
    add(record, "list", Field::TYPE_MESSAGE, Field::LABEL_REPEATED, type);
    add(record, "entries", Field::TYPE_MESSAGE, Field::LABEL_REPEATED, absl::StrCat(".real.R", i, ".EntriesEntry"));
    pb::DescriptorProto* entry = record->add_nested_type();
    entry->set_name("EntriesEntry");
    entry->mutable_options()->set_map_entry(true);
    add(entry, "key", Field::TYPE_STRING, Field::LABEL_OPTIONAL, "");
    add(entry, "value", Field::TYPE_MESSAGE, Field::LABEL_OPTIONAL, type);
  }
  for (const pb::FileDescriptorProto& wrapper : wrappers) *schemas.files.add_file() = wrapper;
  return schemas;
}

std::string Overlay(const RealSchemas& schemas) {
  std::string text = "# proto-message: postern.v1.Catalogue\n";
  for (size_t i = 0; i < schemas.types.size(); ++i) {
    absl::StrAppend(&text, "record_types {\n  type: \"real.R", i,
                    "\"\n  fields { path: \"id\" category: \"order_reference\" roles: FIELD_ROLE_RECORD_KEY roles: "
                    "FIELD_ROLE_SUBJECT_ID }\n");
    for (const char* path : {"value", "list", "entries"})
      absl::StrAppend(&text, "  fields { path: \"", path, "\" category: \"parcel\" }\n");
    absl::StrAppend(&text, "}\n");
  }
  return text;
}

// Two of three leaves below `value`, `list` and `entries`, and whatever proto2 says is required.
std::string Grants(const RealSchemas& schemas, const Schema& schema, size_t* fields) {
  std::string text;
  for (size_t i = 0; i < schemas.types.size(); ++i) {
    const std::string type = absl::StrCat("real.R", i);
    absl::StrAppend(&text, "grants {\n  purpose: \"delivery\" record_type: \"", type,
                    "\" justification: \"all of it\"\n  fields { path: \"id\" }\n");
    size_t leaf = 0;
    for (const FieldPath& path : LeavesOf(*schema.FindMessage(type)).leaves) {
      if (path.size() == 1 || IsAny(*path.back()->containing_type()) ||
          (++leaf % 3 == 0 && !path.back()->is_required()))
        continue;
      absl::StrAppend(&text, "  fields { path: \"", ToDotted(path), "\" }\n");
      ++*fields;
    }
    absl::StrAppend(&text, "}\n");
  }
  return text;
}

struct Tally {
  int accepted = 0;
  int refused = 0;
};

// Projects `count` random records of the grant.
void ProjectRandomly(const CompiledGrant& grant, bool with_oracle, int count, int depth, uint64_t seed, Tally* tally) {
  const pb::LogSilencer quiet;  // libprotobuf complains of what it refuses
  const pb::Descriptor& type = *grant.spec->record_type;
  pb::DynamicMessageFactory factory(type.file()->pool());
  const pb::Message& prototype = *factory.GetPrototype(&type);
  const testing::Oracle oracle(*grant.spec);
  testing::RandomCase random(seed);
  ProjectionResult result;
  ProjectionContext context = testing::TestContext();
  for (int i = 0; i < count; ++i) {
    const std::string record = testing::BytesField(1, "key") + random.Record(prototype, depth);
    const absl::Status status = Project(*grant.plan, context, record, &result);
    if (!status.ok()) {
      ++tally->refused;
      EXPECT_TRUE(result.bytes.empty());
      continue;
    }
    ++tally->accepted;
    absl::Status finding = grant.verifier->Verify(context, record, result.bytes);
    if (finding.ok()) finding = grant.verifier->Compare(context, record, result.bytes);
    ASSERT_TRUE(finding.ok()) << type.full_name() << ": " << finding << " " << absl::BytesToHexString(record);
    if (!with_oracle) continue;
    const auto expected = oracle.Project(context, record);
    ASSERT_TRUE(expected.has_value()) << type.full_name() << " " << absl::BytesToHexString(record);
    ASSERT_EQ(absl::BytesToHexString(result.bytes), absl::BytesToHexString(*expected))
        << type.full_name() << " " << absl::BytesToHexString(record);
  }
}

// Clause: P1.1a
TEST(RealSchemasTest, EveryMessageTypeCompilesFromAnOverlayAndProjects) {
  const RealSchemas schemas = WrappedSchemas();
  DiagnosticSink sink;
  const auto schema = Schema::Load(schemas.files.SerializeAsString(), sink);
  ASSERT_NE(schema, nullptr) << Text(sink.Take());

  std::string contract = ReadSourceFile("policy/retail/contracts/swift-parcel.txtpb");
  const size_t from = contract.find("grants {"), to = contract.find("delivery { receive");
  size_t fields = 0;
  contract.replace(from, to - from, Grants(schemas, *schema, &fields));
  absl::StrReplaceAll({{"locator_path: \"reference\"", "locator_path: \"id\""}}, &contract);
  BundleSources sources;
  sources.descriptor_set = schemas.files.SerializeAsString();
  sources.files = {{"catalogue.txtpb", Overlay(schemas)},
                   {"policy.txtpb", ReadSourceFile("policy/retail/privacy_policy.txtpb")},
                   {"contract.txtpb", contract}};
  const CompileResult compiled = Compile(sources);
  ASSERT_NE(compiled.bundle, nullptr) << Text(compiled.diagnostics);
  const auto& grants = compiled.bundle->contracts().front()->grants;
  ASSERT_EQ(grants.size(), schemas.types.size());

  Tally tally;
  for (size_t i = 0; i < grants.size(); ++i) {
    ProjectRandomly(grants[i], true, 20, 1, i, &tally);
    if (HasFailure()) return;
  }
  std::printf("%zu message types, %zu granted leaves, %d records projected, %d refused\n", grants.size(), fields,
              tally.accepted, tally.refused);
  EXPECT_GT(grants.size(), 60u);
  EXPECT_GT(tally.accepted, tally.refused);
}

// Clause: P1.1a
TEST(RealSchemasTest, TheRetailBundleProjectsRandomRecords) {
  const auto bundle = RetailBundle();
  Tally tally;
  uint64_t seed = 1;
  for (const auto& contract : bundle->contracts()) {
    for (const auto* list : {&contract->grants, &contract->inbound}) {
      for (const CompiledGrant& grant : *list) ProjectRandomly(grant, false, 200, 0, ++seed, &tally);
    }
  }
  std::printf("%d records projected, %d refused\n", tally.accepted, tally.refused);
  EXPECT_GT(tally.accepted, 100);
}

}  // namespace
}  // namespace postern::policy
