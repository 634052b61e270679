#include "tests/unit/policy/projection/test_schema.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <google/protobuf/any.pb.h>
#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "policy/projection/any_value.h"

namespace postern::policy::testing {
namespace {

namespace pb = google::protobuf;

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::abort();
}

struct Errors : pb::io::ErrorCollector {
  void AddError(int line, int column, const std::string& message) override {
    Die(absl::StrCat("test schema ", line + 1, ":", column + 1, ": ", message));
  }
};

struct PoolErrors : pb::DescriptorPool::ErrorCollector {
  void AddError(const std::string&, const std::string& element, const pb::Message*, ErrorLocation,
                const std::string& message) override {
    Die(absl::StrCat("test schema ", element, ": ", message));
  }
};

void MixValue(absl::string_view value, uint8_t digest[32]) {
  uint64_t state = 0xcbf29ce484222325u;
  for (const char c : value) state = (state ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  for (int i = 0; i < 32; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    digest[i] = static_cast<uint8_t>(state >> 56);
  }
}

constexpr char kMoney[] = R"pb(
  name: "google/type/money.proto"
  package: "google.type"
  syntax: "proto3"
  message_type {
    name: "Money"
    field { name: "currency_code" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "units" number: 2 type: TYPE_INT64 label: LABEL_OPTIONAL }
    field { name: "nanos" number: 3 type: TYPE_INT32 label: LABEL_OPTIONAL }
  })pb";

constexpr char kDecimal[] = R"pb(
  name: "google/type/decimal.proto"
  package: "google.type"
  syntax: "proto3"
  message_type {
    name: "Decimal"
    field { name: "value" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  })pb";

void BuildImports(const pb::FileDescriptorProto& file, pb::DescriptorPool* pool) {
  for (const std::string& name : file.dependency()) {
    pb::FileDescriptorProto import;
    if (name == "google/protobuf/any.proto") {
      pb::Any::descriptor()->file()->CopyTo(&import);
    } else if (!pb::TextFormat::ParseFromString(absl::EndsWith(name, "money.proto") ? kMoney : kDecimal, &import) ||
               import.name() != name) {
      Die("no import " + name);
    }
    pool->BuildFile(import);
  }
}

}  // namespace

struct TestSchema::Impl {
  pb::DescriptorPool pool;
  pb::DynamicMessageFactory factory{&pool};
  const pb::FileDescriptor* file = nullptr;
};

TestSchema::TestSchema(const std::string& proto_text) : impl_(std::make_unique<Impl>()) {
  pb::io::ArrayInputStream stream(proto_text.data(), static_cast<int>(proto_text.size()));
  Errors errors;
  pb::io::Tokenizer tokenizer(&stream, &errors);
  pb::FileDescriptorProto file;
  pb::compiler::Parser parser;
  parser.RecordErrorsTo(&errors);
  if (!parser.Parse(&tokenizer, &file)) Die("test schema does not parse");
  file.set_name("test.proto");
  BuildImports(file, &impl_->pool);
  PoolErrors pool_errors;
  impl_->file = impl_->pool.BuildFileCollectingErrors(file, &pool_errors);
}

TestSchema::TestSchema(const pb::FileDescriptorProto& file) : impl_(std::make_unique<Impl>()) {
  BuildImports(file, &impl_->pool);
  PoolErrors pool_errors;
  impl_->file = impl_->pool.BuildFileCollectingErrors(file, &pool_errors);
}

TestSchema::~TestSchema() = default;

const pb::Descriptor* TestSchema::Type(const std::string& name) const {
  const pb::Descriptor* type = impl_->file->FindMessageTypeByName(name);
  if (type == nullptr) Die("no type " + name);
  return type;
}

std::unique_ptr<pb::Message> TestSchema::New(const pb::Descriptor& type) const {
  return std::unique_ptr<pb::Message>(impl_->factory.GetPrototype(&type)->New());
}

std::string TestSchema::Bytes(const std::string& type, const std::string& text) const {
  const auto message = New(*Type(type));
  if (!pb::TextFormat::ParseFromString(text, message.get())) Die("no text format: " + text);
  return message->SerializePartialAsString();
}

std::string TestSchema::Text(const std::string& type, absl::string_view bytes) const {
  const auto message = New(*Type(type));
  if (!message->ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size()))) return "<malformed>";
  pb::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(*message, &text);
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

FieldPath PathOf(const pb::Descriptor& type, absl::string_view dotted) {
  FieldPath path;
  const pb::Descriptor* at = &type;
  for (absl::string_view rest = dotted; !rest.empty();) {
    const size_t end = std::min(rest.find_first_of(".["), rest.size());
    const absl::string_view name = rest.substr(0, end);
    rest.remove_prefix(end);
    const pb::FieldDescriptor* field = at == nullptr ? nullptr : at->FindFieldByName(std::string(name));
    if (field == nullptr) Die(absl::StrCat("no path ", dotted));
    path.push_back(field);
    at = field->message_type();
    if (field->is_map() && field->message_type()->map_value()->message_type() != nullptr) {
      path.push_back(field->message_type()->map_value());
      at = path.back()->message_type();
    }
    if (!rest.empty() && rest[0] == '[') {
      const absl::string_view url = rest.substr(1, rest.find(']') - 1);
      path.push_back(at->FindFieldByNumber(kAnyValue));
      at = type.file()->pool()->FindMessageTypeByName(std::string(url.substr(url.rfind('/') + 1)));
      rest.remove_prefix(url.size() + 2);
    }
    if (!rest.empty()) rest.remove_prefix(1);
  }
  return path;
}

LeafSpec Leaf(const pb::Descriptor& type, absl::string_view dotted, TransformSpec transform) {
  LeafSpec leaf;
  leaf.path = PathOf(type, dotted);
  leaf.transform = std::move(transform);
  return leaf;
}

RoleSpec Role(const pb::Descriptor& type, v1::FieldRole role, absl::string_view dotted) {
  return {role, PathOf(type, dotted)};
}

PlanSpec KeepSpec(const pb::Descriptor& type, const std::vector<std::string>& paths) {
  PlanSpec spec;
  spec.record_type = &type;
  spec.roles_required = false;
  for (const std::string& path : paths) spec.leaves.push_back(Leaf(type, path));
  return spec;
}

ProjectionContext TestContext() {
  return ProjectionContext{absl::CivilDay(2026, 6, 15), MixValue};
}

Engine MakeEngine(const PlanSpec& spec) {
  auto plan = BuildPlan(spec);
  if (!plan.ok()) Die(std::string(plan.status().message()));
  auto verifier = Verifier::Create(spec);
  if (!verifier.ok()) Die(std::string(verifier.status().message()));
  return {*std::move(plan), *std::move(verifier)};
}

absl::Status ProjectVerified(const Engine& engine, const ProjectionContext& context, absl::string_view record,
                             ProjectionResult* result) {
  absl::Status status = Project(*engine.plan, context, record, result);
  if (!status.ok()) return status;
  absl::Status finding = engine.verifier->Verify(context, record, result->bytes);
  if (finding.ok()) finding = engine.verifier->Compare(context, record, result->bytes);
  if (!finding.ok()) Die(absl::StrCat("verifier: ", finding.ToString()));
  return status;
}

std::string Varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
  return out;
}

std::string VarintField(int number, uint64_t value) {
  return Varint(static_cast<uint64_t>(number) << 3) + Varint(value);
}

std::string BytesField(int number, absl::string_view value) {
  return absl::StrCat(Varint(static_cast<uint64_t>(number) << 3 | 2), Varint(value.size()), value);
}

}  // namespace postern::policy::testing
