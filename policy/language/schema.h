// The schemas of a bundle: a FileDescriptorSet, linked in a pool of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "absl/strings/string_view.h"
#include "policy/language/diagnostic.h"
#include "proto/postern/v1/classification.pb.h"

namespace postern::policy {

// Immutable after Load; thread-safe. Owns every descriptor it hands out.
class Schema {
 public:
  // Links a serialised google.protobuf.FileDescriptorSet that holds its imports, in any order. Null if it is malformed
  // or does not link; `sink` then has an error.
  static std::unique_ptr<const Schema> Load(absl::string_view descriptor_set, DiagnosticSink& sink);

  // Null if there is no such message.
  const google::protobuf::Descriptor* FindMessage(absl::string_view full_name) const;
  // By its path, "/package.Service/Method"; null if there is none.
  const google::protobuf::MethodDescriptor* FindMethod(absl::string_view path) const;
  // Every message of every file, nested ones too, map entries not; by full name.
  const std::vector<const google::protobuf::Descriptor*>& messages() const { return messages_; }

  // The classification options in place; nullopt if there are none.
  std::optional<v1::FieldClassification> OptionOf(const google::protobuf::FieldDescriptor& field) const;
  std::optional<v1::RecordTypeClassification> OptionOf(const google::protobuf::Descriptor& message) const;

  // Where the .proto file declares it; line 0 if the set carries no source information.
  static SourceLocation LocationOf(const google::protobuf::FieldDescriptor& field);
  static SourceLocation LocationOf(const google::protobuf::Descriptor& message);

 private:
  Schema() = default;

  google::protobuf::DescriptorPool pool_;
  std::vector<const google::protobuf::Descriptor*> messages_;
  // Numbers 51717 mean classification only where the set has our extensions; elsewhere they are somebody else's.
  bool has_field_option_ = false;
  bool has_record_type_option_ = false;
};

}  // namespace postern::policy
