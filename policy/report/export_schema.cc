#include "policy/report/export_schema.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "policy/report/errors.h"

namespace postern::policy {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::DescriptorPool;
using ::google::protobuf::DescriptorProto;
using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::EnumDescriptorProto;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::FieldDescriptorProto;
using ::google::protobuf::FileDescriptor;
using ::google::protobuf::FileDescriptorProto;
using ::google::protobuf::FileDescriptorSet;

bool IsGoogle(const FileDescriptor& file) {
  return absl::StartsWith(file.name(), "google/protobuf/");
}

// What of the schema is kept: everything that a granted path goes through.
class Selection {
 public:
  void AddPath(const Descriptor& record_type, const FieldPath& path) {
    AddMessage(record_type);
    for (const FieldDescriptor* field : path) AddField(*field);
    // A date that is granted whole ends the path at its message.
    if (const Descriptor* below = path.back()->message_type(); below != nullptr && !path.back()->is_map()) {
      for (int i = 0; i < below->field_count(); ++i) {
        if (MessageBelow(*below->field(i)) == nullptr) AddField(*below->field(i));
      }
    }
  }

  bool Has(const FieldDescriptor& field) const { return fields_.count(&field) != 0; }
  bool Has(const Descriptor& message) const { return messages_.count(&message) != 0; }
  bool Has(const EnumDescriptor& enumeration) const { return enums_.count(&enumeration) != 0; }
  const std::set<const FileDescriptor*>& files() const { return files_; }
  // Files that the kept fields of `file` refer to.
  std::set<std::string> ImportsOf(const FileDescriptor& file) const {
    std::set<std::string> imports;
    for (const FieldDescriptor* field : fields_) {
      if (field->file() != &file) continue;
      const FileDescriptor* used = field->message_type() != nullptr ? field->message_type()->file()
                                   : field->enum_type() != nullptr  ? field->enum_type()->file()
                                                                    : &file;
      if (used != &file) imports.insert(used->name());
    }
    return imports;
  }

 private:
  void AddMessage(const Descriptor& message) {
    for (const Descriptor* m = &message; m != nullptr; m = m->containing_type()) messages_.insert(m);
    files_.insert(message.file());
  }

  void AddField(const FieldDescriptor& field) {
    if (!fields_.insert(&field).second) return;
    AddMessage(*field.containing_type());
    if (field.message_type() != nullptr) AddMessage(*field.message_type());
    if (const EnumDescriptor* enumeration = field.enum_type()) {
      enums_.insert(enumeration);
      files_.insert(enumeration->file());
      if (enumeration->containing_type() != nullptr) AddMessage(*enumeration->containing_type());
    }
    if (field.is_map()) {
      AddField(*field.message_type()->map_key());
      AddField(*field.message_type()->map_value());
    }
  }

  std::set<const FieldDescriptor*> fields_;
  std::set<const Descriptor*> messages_;
  std::set<const EnumDescriptor*> enums_;
  std::set<const FileDescriptor*> files_;
};

EnumDescriptorProto Pruned(const EnumDescriptor& enumeration) {
  EnumDescriptorProto proto;
  enumeration.CopyTo(&proto);
  const bool aliases = proto.options().allow_alias();
  proto.clear_options();
  if (aliases) proto.mutable_options()->set_allow_alias(true);
  for (auto& value : *proto.mutable_value()) value.clear_options();
  return proto;
}

FieldDescriptorProto Pruned(const FieldDescriptor& field) {
  FieldDescriptorProto proto;
  field.CopyTo(&proto);
  const bool has_packed = proto.options().has_packed();
  const bool packed = proto.options().packed();
  proto.clear_options();
  proto.clear_json_name();
  if (has_packed) proto.mutable_options()->set_packed(packed);
  return proto;
}

DescriptorProto Pruned(const Descriptor& message, const Selection& kept) {
  DescriptorProto proto;
  proto.set_name(message.name());
  if (message.options().map_entry()) proto.mutable_options()->set_map_entry(true);
  // Real oneofs come before synthetic ones, as protobuf wants them, because the shop's schema had them so.
  std::map<int, int> oneofs;
  for (int i = 0; i < message.oneof_decl_count(); ++i) {
    const auto* oneof = message.oneof_decl(i);
    bool used = false;
    for (int j = 0; j < oneof->field_count(); ++j) used |= kept.Has(*oneof->field(j));
    if (!used) continue;
    oneofs[i] = proto.oneof_decl_size();
    proto.add_oneof_decl()->set_name(oneof->name());
  }
  for (int i = 0; i < message.field_count(); ++i) {
    if (!kept.Has(*message.field(i))) continue;
    FieldDescriptorProto* field = proto.add_field();
    *field = Pruned(*message.field(i));
    if (field->has_oneof_index()) field->set_oneof_index(oneofs.at(field->oneof_index()));
  }
  for (int i = 0; i < message.nested_type_count(); ++i) {
    if (kept.Has(*message.nested_type(i))) *proto.add_nested_type() = Pruned(*message.nested_type(i), kept);
  }
  for (int i = 0; i < message.enum_type_count(); ++i) {
    if (kept.Has(*message.enum_type(i))) *proto.add_enum_type() = Pruned(*message.enum_type(i));
  }
  return proto;
}

FileDescriptorProto Pruned(const FileDescriptor& file, const Selection& kept) {
  FileDescriptorProto proto;
  if (IsGoogle(file)) {
    file.CopyTo(&proto);
    return proto;
  }
  proto.set_name(file.name());
  proto.set_package(file.package());
  if (file.syntax() == FileDescriptor::SYNTAX_PROTO3) proto.set_syntax("proto3");
  for (const std::string& import : kept.ImportsOf(file)) proto.add_dependency(import);
  for (int i = 0; i < file.message_type_count(); ++i) {
    if (kept.Has(*file.message_type(i))) *proto.add_message_type() = Pruned(*file.message_type(i), kept);
  }
  for (int i = 0; i < file.enum_type_count(); ++i) {
    if (kept.Has(*file.enum_type(i))) *proto.add_enum_type() = Pruned(*file.enum_type(i));
  }
  return proto;
}

// Files after their imports: what protobuf tools expect of a set.
void AppendInOrder(const FileDescriptor& file, const Selection& kept, std::set<const FileDescriptor*>* done,
                   FileDescriptorSet* set) {
  if (!done->insert(&file).second) return;
  FileDescriptorProto pruned = Pruned(file, kept);
  for (const std::string& import : pruned.dependency()) {
    AppendInOrder(*file.pool()->FindFileByName(import), kept, done, set);
  }
  *set->add_file() = std::move(pruned);
}

// Links `set` in `pool`; the first problem if it does not link.
absl::Status Link(const FileDescriptorSet& set, DescriptorPool* pool, std::vector<const FileDescriptor*>* files) {
  for (const FileDescriptorProto& file : set.file()) {
    const FileDescriptor* built = pool->BuildFile(file);
    if (built == nullptr) return errors::DescriptorSetInvalid(file.name());
    files->push_back(built);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FileDescriptorSet> ExportSchema(const CompiledBundle& bundle, absl::string_view contract) {
  const CompiledContract* found = bundle.FindContract(contract);
  if (found == nullptr) return errors::ContractUnknown(contract);
  Selection kept;
  for (const CompiledGrant& grant : found->grants) {
    for (const LeafSpec& leaf : grant.spec->leaves) kept.AddPath(*grant.spec->record_type, leaf.path);
  }
  std::map<std::string, const FileDescriptor*> by_name;
  for (const FileDescriptor* file : kept.files()) by_name.emplace(file->name(), file);
  FileDescriptorSet set;
  std::set<const FileDescriptor*> done;
  for (const auto& [name, file] : by_name) AppendInOrder(*file, kept, &done, &set);
  DescriptorPool pool;
  std::vector<const FileDescriptor*> files;
  const absl::Status links = Link(set, &pool, &files);
  if (!links.ok()) return links;
  return set;
}

absl::StatusOr<std::vector<ProtoFile>> SchemaText(const FileDescriptorSet& set) {
  DescriptorPool pool;
  std::vector<const FileDescriptor*> files;
  const absl::Status links = Link(set, &pool, &files);
  if (!links.ok()) return links;
  std::vector<ProtoFile> out;
  for (const FileDescriptor* file : files) {
    if (!IsGoogle(*file)) out.push_back({file->name(), file->DebugString()});
  }
  return out;
}

}  // namespace postern::policy
