// Schemas and grants for projection tests, written as .proto text and dotted paths.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "absl/strings/string_view.h"
#include "policy/projection/plan.h"
#include "policy/projection/projector.h"
#include "policy/projection/verifier.h"

namespace postern::policy::testing {

// A schema compiled from .proto text, and dynamic messages of it. It may import google/protobuf/any.proto,
// google/type/money.proto and google/type/decimal.proto.
class TestSchema {
 public:
  // Dies if the text does not compile.
  explicit TestSchema(const std::string& proto_text);
  explicit TestSchema(const google::protobuf::FileDescriptorProto& file);
  ~TestSchema();

  const google::protobuf::Descriptor* Type(const std::string& name) const;
  // Wire bytes of a message given in text format. Dies if it does not parse.
  std::string Bytes(const std::string& type, const std::string& text) const;
  // The other way round: one-line text format; "<malformed>" if it does not parse.
  std::string Text(const std::string& type, absl::string_view bytes) const;
  std::unique_ptr<google::protobuf::Message> New(const google::protobuf::Descriptor& type) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Resolves a dotted path; the value field of a map of messages is stepped over, and what an Any holds is named by its
// type URL in brackets.
FieldPath PathOf(const google::protobuf::Descriptor& type, absl::string_view dotted);
LeafSpec Leaf(const google::protobuf::Descriptor& type, absl::string_view dotted, TransformSpec transform = {});
RoleSpec Role(const google::protobuf::Descriptor& type, v1::FieldRole role, absl::string_view dotted);
// A spec of keep leaves that needs no roles.
PlanSpec KeepSpec(const google::protobuf::Descriptor& type, const std::vector<std::string>& paths);

// A context of 2026-06-15 with a pseudonym function that is a fixed mixing of the value.
ProjectionContext TestContext();

// Plan and verifier of one spec.
struct Engine {
  std::shared_ptr<const ProjectionPlan> plan;
  std::unique_ptr<const Verifier> verifier;
};
// Dies if the spec is not valid.
Engine MakeEngine(const PlanSpec& spec);

// Projects and verifies; dies on a finding of the verifier.
absl::Status ProjectVerified(const Engine& engine, const ProjectionContext& context, absl::string_view record,
                             ProjectionResult* result);

// Wire building blocks.
std::string Varint(uint64_t value);
std::string VarintField(int number, uint64_t value);
std::string BytesField(int number, absl::string_view value);

}  // namespace postern::policy::testing
