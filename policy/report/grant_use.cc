#include "policy/report/grant_use.h"

#include <cstring>

#include <google/protobuf/dynamic_message.h>

#include "policy/language/field_path.h"
#include "policy/projection/any_value.h"
#include "proto/errors/error.h"

namespace postern::policy {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

bool HoldsValueAt(const Message& message, const FieldPath& path, size_t at) {
  const FieldDescriptor* field = path[at];
  const Reflection& reflection = *message.GetReflection();
  if (IsAnyValue(*field) && at + 1 < path.size()) {
    const FieldDescriptor* url = message.GetDescriptor()->FindFieldByNumber(kAnyTypeUrl);
    const auto* type = path[at + 1]->containing_type();
    if (reflection.GetString(message, url) != TypeUrlOf(*type)) return false;
    const std::unique_ptr<Message> held(reflection.GetMessageFactory()->GetPrototype(type)->New());
    held->ParsePartialFromString(reflection.GetString(message, field));
    return HoldsValueAt(*held, path, at + 1);
  }
  const int count = field->is_repeated() ? reflection.FieldSize(message, field) : reflection.HasField(message, field);
  if (at + 1 == path.size()) return count > 0;
  for (int i = 0; i < count; ++i) {
    const Message& inner =
        field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i) : reflection.GetMessage(message, field);
    if (HoldsValueAt(inner, path, at + 1)) return true;
  }
  return false;
}

}  // namespace

GrantUse UseOf(const CompiledGrant& grant, const std::vector<SampleRecord>& samples) {
  const auto no_key = [](absl::string_view, uint8_t digest[32]) { std::memset(digest, 0, 32); };
  // On a day when everybody with a birth date is of age.
  ProjectionContext context{absl::CivilDay(9999, 12, 31), no_key};
  context.consents_granted = ~uint64_t{0};
  google::protobuf::DynamicMessageFactory factory;
  const std::unique_ptr<Message> released(factory.GetPrototype(grant.spec->record_type)->New());

  GrantUse use;
  std::vector<bool> used(grant.spec->leaves.size(), false);
  ProjectionResult result;
  for (const SampleRecord& sample : samples) {
    if (sample.type != grant.record_type) continue;
    if (const absl::Status status = Project(*grant.plan, context, sample.bytes, &result); !status.ok()) {
      ++use.refused;
      use.refusal = v1::ErrorReason_Name(ReasonOf(status));
      continue;
    }
    ++use.released;
    released->ParsePartialFromString(result.bytes);
    for (size_t i = 0; i < used.size(); ++i) {
      if (!used[i]) used[i] = HoldsValueAt(*released, grant.spec->leaves[i].path, 0);
    }
  }
  for (size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) use.unused.push_back(ToDotted(grant.spec->leaves[i].path));
  }
  return use;
}

}  // namespace postern::policy
