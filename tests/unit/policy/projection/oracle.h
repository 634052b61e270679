// The slow, obvious meaning of a projection: parse with libprotobuf, trim by reflection, transform naively, serialise.
// Shares nothing with the projector but the PlanSpec.
//
// It parses with a schema of its own, made from the spec: what the plan does not enter is left out (and so is an
// unknown field), or, where it supersedes in a oneof, retyped as bytes. Supports keep, mask, truncate, generalise,
// pseudonymise and constant; no card-number rule.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/message.h>

#include "absl/strings/string_view.h"
#include "policy/projection/plan_spec.h"
#include "policy/projection/projector.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {

class Oracle {
 public:
  explicit Oracle(const PlanSpec& spec);
  ~Oracle();
  // Nullopt if the record is refused.
  std::optional<std::string> Project(const ProjectionContext& context, absl::string_view record) const;

 private:
  struct Node;
  using Message = google::protobuf::Message;
  using Descriptor = google::protobuf::Descriptor;
  using FieldDescriptor = google::protobuf::FieldDescriptor;

  Node* AddPath(const FieldPath& path);
  std::string DeclareMessage(Node* node);
  void DeclareField(const FieldDescriptor& field, Node* use, google::protobuf::DescriptorProto* message);
  void DeclareEntry(const FieldDescriptor& field, Node* use, google::protobuf::FieldDescriptorProto* out);
  void Retype(const FieldDescriptor& field, Node* use, bool in_entry, google::protobuf::FieldDescriptorProto* out);
  std::string DeclareEnum(const google::protobuf::EnumDescriptor& type);

  bool IsOpen(const LeafSpec& leaf, const Message& record) const;
  bool AnyOpen(const Node& node, const Message& record) const;
  void Trim(const Node& node, const ProjectionContext& context, const Message& record, Message* message) const;
  // A record in proto2 may hold messages in proto3, which know no zeros: the oracle's schema has one syntax.
  void DropImplicitZeros(const Node& node, Message* message) const;
  // What an Any may hold, by its type URL; null if it holds something else.
  const Node* HeldBy(const Node& node, const Message& any) const;
  // Null if it does not parse.
  std::unique_ptr<Message> Unpack(const Node& held, const Message& any) const;
  // False if an Any holds something listed that does not parse.
  bool CanUnpack(const Node& node, const Message& message) const;
  // False if nothing of it leaves.
  bool TrimAny(const Node& node, const ProjectionContext& context, const Message& record, Message* any) const;
  void TrimAnys(const Node& node, const ProjectionContext& context, const Message& record, const FieldDescriptor& field,
                Message* message) const;
  // Sorted as numbers or as bytes; entries of one key overwrite each other.
  using MapEntries = std::map<std::pair<long double, std::string>, std::unique_ptr<Message>>;
  MapEntries Entries(const Node& node, const FieldDescriptor& field, const Message& message) const;
  void TrimEntries(const Node& node, const ProjectionContext& context, const Message& record,
                   const FieldDescriptor& field, Message* message) const;
  void Transform(const LeafSpec& leaf, const ProjectionContext& context, const Message& record,
                 const FieldDescriptor& field, Message* message) const;

  PlanSpec spec_;
  std::unique_ptr<Node> root_;
  google::protobuf::FileDescriptorProto file_;
  std::map<const google::protobuf::EnumDescriptor*, std::string> enums_;
  std::unique_ptr<TestSchema> schema_;
};

}  // namespace postern::policy::testing
