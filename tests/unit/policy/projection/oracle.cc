#include "tests/unit/policy/projection/oracle.h"

#include <algorithm>
#include <cmath>

#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/util/message_differencer.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "policy/projection/any_value.h"
#include "tests/unit/policy/projection/naive_condition.h"
#include "tests/unit/policy/projection/naive_transform.h"
#include "tests/unit/policy/projection/strict_wire.h"

namespace postern::policy::testing {
namespace {

namespace pb = google::protobuf;

bool IsProto3(const pb::FieldDescriptor& field) {
  return field.file()->syntax() == pb::FileDescriptor::SYNTAX_PROTO3;
}

bool ReadsCodePoints(const TransformSpec& transform) {
  return std::holds_alternative<v1::Mask>(transform) || std::holds_alternative<v1::Truncate>(transform) ||
         std::holds_alternative<v1::Generalise>(transform);
}

}  // namespace

// One message on a path, or one field at the end of one.
struct Oracle::Node {
  const Descriptor* type = nullptr;  // null: a leaf
  const LeafSpec* leaf = nullptr;
  std::map<int, std::unique_ptr<Node>> uses;
  std::map<std::string, std::unique_ptr<Node>> packed;  // of an Any, by type URL
  std::string name;                                     // of what is declared for it, where it is in an Any
};

Oracle::Oracle(const PlanSpec& spec) : spec_(spec), root_(std::make_unique<Node>()) {
  root_->type = spec_.record_type;
  for (const LeafSpec& leaf : spec_.leaves) AddPath(leaf.path)->leaf = &leaf;
  for (const LeafSpec& leaf : spec_.leaves) {
    if (!leaf.country.empty()) AddPath(leaf.country);
    for (const PredicateSpec& predicate : leaf.when) {
      AddPath(predicate.left);
      if (!predicate.right.empty()) AddPath(predicate.right);
    }
  }
  for (const RoleSpec& role : spec_.roles) AddPath(role.path);
  file_.set_name("oracle.proto");
  file_.set_syntax(spec_.record_type->file()->syntax() == pb::FileDescriptor::SYNTAX_PROTO3 ? "proto3" : "proto2");
  DeclareMessage(root_.get());
  schema_ = std::make_unique<TestSchema>(file_);
}

Oracle::~Oracle() = default;

Oracle::Node* Oracle::AddPath(const FieldPath& path) {
  Node* node = root_.get();
  for (size_t i = 0; i < path.size(); ++i) {
    const FieldDescriptor* field = path[i];
    if (IsAnyValue(*field)) {
      for (const int part : {kAnyTypeUrl, kAnyValue}) node->uses.try_emplace(part, std::make_unique<Node>());
      const Descriptor* type = path[i + 1]->containing_type();
      auto& held = node->packed["type.googleapis.com/" + type->full_name()];
      if (held == nullptr) held = std::make_unique<Node>();
      held->type = type;
      node = held.get();
      continue;
    }
    auto& use = node->uses[field->number()];
    if (use == nullptr) use = std::make_unique<Node>();
    use->type = field->message_type();
    node = use.get();
  }
  const FieldDescriptor& last = *path.back();
  if (last.is_map()) {  // of scalars: the leaf is the value
    auto& use = node->uses[2];
    if (use == nullptr) use = std::make_unique<Node>();
    return use.get();
  }
  if (last.message_type() != nullptr) {  // a date or an amount: its parts belong to it
    for (const char* part : {"seconds", "nanos", "year", "month", "day", "currency_code", "units"}) {
      const FieldDescriptor* field = last.message_type()->FindFieldByName(part);
      if (field != nullptr) node->uses.try_emplace(field->number(), std::make_unique<Node>());
    }
  }
  return node;
}

std::string Oracle::DeclareEnum(const pb::EnumDescriptor& type) {
  std::string& name = enums_[&type];
  if (!name.empty()) return name;
  // Inside of a message of its own, so that value names do not clash.
  const std::string scope = absl::StrCat("E", enums_.size());
  pb::DescriptorProto* message = file_.add_message_type();
  message->set_name(scope);
  type.CopyTo(message->add_enum_type());
  return name = absl::StrCat(".", scope, ".", type.name());
}

std::string Oracle::DeclareMessage(Node* node) {
  const int index = file_.message_type_size();
  const std::string name = absl::StrCat("M", index);
  file_.add_message_type()->set_name(name);
  pb::DescriptorProto message;
  message.set_name(name);
  for (int i = 0; i < node->type->oneof_decl_count(); ++i)
    message.add_oneof_decl()->set_name(node->type->oneof_decl(i)->name());
  std::vector<bool> used(static_cast<size_t>(node->type->oneof_decl_count()), false);
  for (int i = 0; i < node->type->field_count(); ++i) {
    const FieldDescriptor& field = *node->type->field(i);
    const auto use = node->uses.find(field.number());
    bool sibling = false;
    if (const auto* oneof = field.real_containing_oneof()) {
      for (int j = 0; j < oneof->field_count(); ++j) sibling |= node->uses.count(oneof->field(j)->number()) != 0;
    }
    if (use == node->uses.end() && !sibling) continue;
    DeclareField(field, use == node->uses.end() ? nullptr : use->second.get(), &message);
    if (field.containing_oneof() != nullptr) used[static_cast<size_t>(field.containing_oneof()->index())] = true;
  }
  // A oneof without members may not be declared.
  std::vector<int> moved(used.size(), 0);
  pb::DescriptorProto compact = message;
  compact.clear_oneof_decl();
  for (size_t i = 0; i < used.size(); ++i) {
    moved[i] = compact.oneof_decl_size();
    if (used[i]) *compact.add_oneof_decl() = message.oneof_decl(static_cast<int>(i));
  }
  for (auto& field : *compact.mutable_field()) {
    if (field.has_oneof_index()) field.set_oneof_index(moved[static_cast<size_t>(field.oneof_index())]);
  }
  *file_.mutable_message_type(index) = compact;
  for (auto& [url, held] : node->packed) held->name = DeclareMessage(held.get()).substr(1);
  return "." + name;
}

void Oracle::DeclareField(const FieldDescriptor& field, Node* use, pb::DescriptorProto* message) {
  pb::FieldDescriptorProto* out = message->add_field();
  field.CopyTo(out);
  out->clear_json_name();
  if (field.is_map()) return DeclareEntry(field, use, out);
  Retype(field, use, false, out);
}

// Maps are plain repeated messages to the oracle, which knows itself that the last entry of a key counts.
void Oracle::DeclareEntry(const FieldDescriptor& field, Node* use, pb::FieldDescriptorProto* out) {
  const int index = file_.message_type_size();
  file_.add_message_type();
  pb::DescriptorProto entry;
  entry.set_name(absl::StrCat("M", index));
  for (int number : {1, 2}) {
    const FieldDescriptor& part = *field.message_type()->FindFieldByNumber(number);
    pb::FieldDescriptorProto* declared = entry.add_field();
    part.CopyTo(declared);
    declared->clear_json_name();
    Retype(part, number == 2 ? use->uses.at(2).get() : nullptr, true, declared);
    if (IsProto3(field)) {
      declared->set_proto3_optional(true);
      declared->set_oneof_index(entry.oneof_decl_size());
      entry.add_oneof_decl()->set_name(absl::StrCat("_", part.name()));
    }
  }
  *file_.mutable_message_type(index) = entry;
  out->set_type_name("." + entry.name());
}

void Oracle::Retype(const FieldDescriptor& field, Node* use, bool in_entry, pb::FieldDescriptorProto* out) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
      if (use == nullptr && !in_entry) out->set_type(pb::FieldDescriptorProto::TYPE_BYTES);
      // Marks, for IsStrict, proto2 text that a transform has to take for UTF-8.
      if ((use != nullptr && use->leaf != nullptr && ReadsCodePoints(use->leaf->transform)) ||
          (use != nullptr && IsProto3(field)))
        out->mutable_options()->set_deprecated(true);
      break;
    case FieldDescriptor::TYPE_MESSAGE:
      if (use == nullptr) {
        out->set_type(pb::FieldDescriptorProto::TYPE_BYTES);
        out->clear_type_name();
      } else {
        out->set_type_name(DeclareMessage(use));
      }
      break;
    case FieldDescriptor::TYPE_GROUP: {
      Node nothing;
      nothing.type = field.message_type();
      out->set_type_name(DeclareMessage(use == nullptr ? &nothing : use));
      break;
    }
    case FieldDescriptor::TYPE_ENUM:
      if (in_entry) {
        out->set_type(pb::FieldDescriptorProto::TYPE_INT32);
        out->clear_type_name();
      } else {
        out->set_type_name(DeclareEnum(*field.enum_type()));
      }
      break;
    default:
      break;
  }
}

std::optional<std::string> Oracle::Project(const ProjectionContext& context, absl::string_view record) const {
  const Descriptor& type = *schema_->Type("M0");
  const auto message = schema_->New(type);
  if (!message->ParsePartialFromArray(record.data(), static_cast<int>(record.size())) || !IsStrict(type, record))
    return std::nullopt;
  if (!CanUnpack(*root_, *message)) return std::nullopt;
  DropImplicitZeros(*root_, message.get());
  const auto original = schema_->New(type);
  original->CopyFrom(*message);
  Trim(*root_, context, *original, message.get());
  return message->SerializePartialAsString();
}

bool Oracle::IsOpen(const LeafSpec& leaf, const Message& record) const {
  return std::all_of(leaf.when.begin(), leaf.when.end(),
                     [&](const PredicateSpec& when) { return HoldsNaively(when, record); });
}

bool Oracle::AnyOpen(const Node& node, const Message& record) const {
  if (node.leaf != nullptr) return IsOpen(*node.leaf, record);
  const auto open = [&](const auto& use) { return AnyOpen(*use.second, record); };
  return std::any_of(node.uses.begin(), node.uses.end(), open) ||
         std::any_of(node.packed.begin(), node.packed.end(), open);
}

const Oracle::Node* Oracle::HeldBy(const Node& node, const Message& any) const {
  const auto* url = any.GetDescriptor()->FindFieldByNumber(kAnyTypeUrl);
  const auto held = node.packed.find(any.GetReflection()->GetString(any, url));
  return held == node.packed.end() ? nullptr : held->second.get();
}

std::unique_ptr<pb::Message> Oracle::Unpack(const Node& held, const Message& any) const {
  const Descriptor& type = *schema_->Type(held.name);
  const std::string value = any.GetReflection()->GetString(any, any.GetDescriptor()->FindFieldByNumber(kAnyValue));
  auto message = schema_->New(type);
  if (!message->ParsePartialFromString(value) || !IsStrict(type, value)) return nullptr;
  DropImplicitZeros(held, message.get());
  return message;
}

void Oracle::DropImplicitZeros(const Node& node, Message* message) const {
  const pb::Reflection& reflection = *message->GetReflection();
  for (const auto& [number, use] : node.uses) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByNumber(number);
    if (field->message_type() != nullptr) {
      const Node& inner = use->type->options().map_entry() ? *use->uses.at(2) : *use;
      const int count =
          field->is_repeated() ? reflection.FieldSize(*message, field) : reflection.HasField(*message, field);
      for (int i = 0; i < count && inner.type != nullptr; ++i) {
        Message* at = field->is_repeated() ? reflection.MutableRepeatedMessage(message, field, i)
                                           : reflection.MutableMessage(message, field);
        if (use->type->options().map_entry())
          at = at->GetReflection()->MutableMessage(at, at->GetDescriptor()->FindFieldByNumber(2));
        DropImplicitZeros(inner, at);
      }
      continue;
    }
    if (field->is_repeated() || !field->has_presence() || node.type->FindFieldByNumber(number)->has_presence())
      continue;
    const std::string text = ScalarText(*message, *field);
    const bool is_text = field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
    if (is_text ? text.empty() : text == "0" || text == "false") reflection.ClearField(message, field);
  }
}

bool Oracle::CanUnpack(const Node& node, const Message& message) const {
  if (!node.packed.empty()) {
    const Node* held = HeldBy(node, message);
    if (held == nullptr) return true;
    const auto unpacked = Unpack(*held, message);
    return unpacked != nullptr && CanUnpack(*held, *unpacked);
  }
  const pb::Reflection& reflection = *message.GetReflection();
  for (const auto& [number, use] : node.uses) {
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByNumber(number);
    if (use->type == nullptr || field->message_type() == nullptr) continue;
    if (use->type->options().map_entry()) {
      const FieldDescriptor& value = *field->message_type()->FindFieldByNumber(2);
      for (const auto& [ignored, entry] : Entries(*use, *field, message)) {
        if (value.message_type() != nullptr &&
            !CanUnpack(*use->uses.at(2), entry->GetReflection()->GetMessage(*entry, &value)))
          return false;
      }
    } else if (field->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        if (!CanUnpack(*use, reflection.GetRepeatedMessage(message, field, i))) return false;
      }
    } else if (reflection.HasField(message, field) && !CanUnpack(*use, reflection.GetMessage(message, field))) {
      return false;
    }
  }
  return true;
}

bool Oracle::TrimAny(const Node& node, const ProjectionContext& context, const Message& record, Message* any) const {
  const Node* held = HeldBy(node, *any);
  if (held == nullptr || !AnyOpen(*held, record)) return false;
  const auto unpacked = Unpack(*held, *any);
  Trim(*held, context, record, unpacked.get());
  const std::string value = unpacked->SerializePartialAsString();
  const pb::Reflection& reflection = *any->GetReflection();
  reflection.MutableUnknownFields(any)->Clear();
  const FieldDescriptor* field = any->GetDescriptor()->FindFieldByNumber(kAnyValue);
  reflection.ClearField(any, field);
  if (!value.empty()) reflection.SetString(any, field, value);
  return true;
}

void Oracle::Trim(const Node& node, const ProjectionContext& context, const Message& record, Message* message) const {
  const pb::Reflection& reflection = *message->GetReflection();
  reflection.MutableUnknownFields(message)->Clear();
  for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message->GetDescriptor()->field(i);
    const auto found = node.uses.find(field.number());
    if (found == node.uses.end() || !AnyOpen(*found->second, record)) {
      reflection.ClearField(message, &field);
      continue;
    }
    const Node& use = *found->second;
    if (use.type != nullptr && use.type->options().map_entry()) {
      TrimEntries(use, context, record, field, message);
    } else if (use.leaf != nullptr) {
      Transform(*use.leaf, context, record, field, message);
      DropImplicitZeros(node, message);
    } else if (!use.packed.empty()) {
      TrimAnys(use, context, record, field, message);
    } else if (field.is_repeated()) {
      for (int j = 0; j < reflection.FieldSize(*message, &field); ++j) {
        Trim(use, context, record, reflection.MutableRepeatedMessage(message, &field, j));
      }
    } else if (reflection.HasField(*message, &field)) {
      Trim(use, context, record, reflection.MutableMessage(message, &field));
    }
  }
}

void Oracle::TrimAnys(const Node& node, const ProjectionContext& context, const Message& record,
                      const FieldDescriptor& field, Message* message) const {
  const pb::Reflection& reflection = *message->GetReflection();
  if (!field.is_repeated()) {
    if (reflection.HasField(*message, &field) &&
        !TrimAny(node, context, record, reflection.MutableMessage(message, &field)))
      reflection.ClearField(message, &field);
    return;
  }
  std::vector<std::unique_ptr<Message>> kept;
  for (int i = 0; i < reflection.FieldSize(*message, &field); ++i) {
    std::unique_ptr<Message> any(reflection.GetRepeatedMessage(*message, &field, i).New());
    any->CopyFrom(reflection.GetRepeatedMessage(*message, &field, i));
    if (TrimAny(node, context, record, any.get())) kept.push_back(std::move(any));
  }
  reflection.ClearField(message, &field);
  for (auto& any : kept) reflection.AddAllocatedMessage(message, &field, any.release());
}

Oracle::MapEntries Oracle::Entries(const Node& node, const FieldDescriptor& field, const Message& message) const {
  const pb::Reflection& reflection = *message.GetReflection();
  const FieldDescriptor& key = *field.message_type()->FindFieldByNumber(1);
  const FieldDescriptor& value = *field.message_type()->FindFieldByNumber(2);
  const FieldDescriptor& original = *node.type->map_value();
  const bool text = key.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  MapEntries entries;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    std::unique_ptr<Message> entry(reflection.GetRepeatedMessage(message, &field, i).New());
    entry->CopyFrom(reflection.GetRepeatedMessage(message, &field, i));
    const pb::Reflection& inside = *entry->GetReflection();
    inside.MutableUnknownFields(entry.get())->Clear();
    if (original.type() == FieldDescriptor::TYPE_ENUM) {
      if (!inside.HasField(*entry, &value))
        inside.SetInt32(entry.get(), &value, original.default_value_enum()->number());
      const int number = inside.GetInt32(*entry, &value);
      if (!IsProto3(original) && original.enum_type()->FindValueByNumber(number) == nullptr) continue;
    }
    const std::string name = ScalarText(*entry, key);
    const long double order = text ? 0 : name == "true" ? 1 : name == "false" ? 0 : std::stold(name);
    WriteDefault(key, entry.get());
    WriteDefault(value, entry.get());
    entries[{order, text ? name : ""}] = std::move(entry);
  }
  return entries;
}

void Oracle::TrimEntries(const Node& node, const ProjectionContext& context, const Message& record,
                         const FieldDescriptor& field, Message* message) const {
  const pb::Reflection& reflection = *message->GetReflection();
  const FieldDescriptor& value = *field.message_type()->FindFieldByNumber(2);
  MapEntries entries = Entries(node, field, *message);
  reflection.ClearField(message, &field);
  for (auto& [ignored, entry] : entries) {
    const Node& use = *node.uses.at(2);
    if (use.leaf != nullptr) {
      Transform(*use.leaf, context, record, value, entry.get());
      if (!entry->GetReflection()->HasField(*entry, &value)) continue;  // the transform could not take it
    } else if (!use.packed.empty()) {
      if (!TrimAny(use, context, record, entry->GetReflection()->MutableMessage(entry.get(), &value))) continue;
    } else {
      Trim(use, context, record, entry->GetReflection()->MutableMessage(entry.get(), &value));
    }
    reflection.AddAllocatedMessage(message, &field, entry.release());
  }
}

void Oracle::Transform(const LeafSpec& leaf, const ProjectionContext& context, const Message& record,
                       const FieldDescriptor& field, Message* message) const {
  const FieldDescriptor& original =
      leaf.path.back()->is_map() ? *leaf.path.back()->message_type()->map_value() : *leaf.path.back();
  const std::string country = leaf.country.empty() ? "" : FindAt(record, leaf.country).text;
  TransformField(leaf.transform, original, context, country, field, message);
}

}  // namespace postern::policy::testing
