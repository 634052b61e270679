#include "tests/unit/policy/projection/naive_report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <vector>

#include <google/protobuf/unknown_field_set.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "policy/projection/any_value.h"
#include "tests/unit/policy/projection/naive_condition.h"
#include "tests/unit/policy/projection/naive_transform.h"

namespace postern::policy::testing {
namespace {

namespace pb = google::protobuf;

class Reporter {
 public:
  Reporter(const PlanSpec& spec, const ProjectionContext& context, const pb::Message& record)
      : spec_(spec), context_(context), record_(record) {}

  void Walk(const std::string& prefix, const pb::Message& message, const std::set<std::string>& skipped = {}) {
    const pb::Reflection& reflection = *message.GetReflection();
    if (Unpack(prefix, message)) return;
    std::vector<const pb::FieldDescriptor*> present;
    reflection.ListFields(message, &present);
    for (const pb::FieldDescriptor* field : present) {
      if (skipped.count(field->name()) != 0) continue;
      const int unknown = UnknownEntries(*field, message);
      if (unknown > 0) report_.emplace(prefix + "(unknown)", WithheldReason::kUnknown);
      if (unknown == 0 || unknown < reflection.FieldSize(message, field))
        Field(prefix + field->name(), *field, message);
    }
    if (!reflection.GetUnknownFields(message).empty()) report_.emplace(prefix + "(unknown)", WithheldReason::kUnknown);
  }

  Report report_;
  bool doubtful_ = false;

 private:
  // True if the message is an Any of a type that the spec lists: what it holds is reported instead.
  bool Unpack(const std::string& prefix, const pb::Message& any) {
    if (!IsAny(*any.GetDescriptor())) return false;
    const pb::Reflection& reflection = *any.GetReflection();
    const std::string url = ScalarText(any, *any.GetDescriptor()->FindFieldByNumber(kAnyTypeUrl));
    const std::string path = absl::StrCat(prefix.substr(0, prefix.size() - 1), "[", url, "].");
    const auto listed = std::find_if(spec_.leaves.begin(), spec_.leaves.end(), [&](const LeafSpec& leaf) {
      return absl::StartsWith(DottedPath(leaf.path), path);
    });
    if (listed == spec_.leaves.end()) return false;
    const auto* type = any.GetDescriptor()->file()->pool()->FindMessageTypeByName(url.substr(url.rfind('/') + 1));
    const std::unique_ptr<pb::Message> held(reflection.GetMessageFactory()->GetPrototype(type)->New());
    doubtful_ |= !held->ParsePartialFromString(ScalarText(any, *any.GetDescriptor()->FindFieldByNumber(kAnyValue)));
    if (!reflection.GetUnknownFields(any).empty()) report_.emplace(prefix + "(unknown)", WithheldReason::kUnknown);
    Walk(path, *held);
    return true;
  }

  // All values of a present field.
  void Field(const std::string& path, const pb::FieldDescriptor& field, const pb::Message& message) {
    const pb::Reflection& reflection = *message.GetReflection();
    if (field.is_map() && field.message_type()->map_value()->type() == pb::FieldDescriptor::TYPE_ENUM) {
      for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
        const pb::Message& entry = reflection.GetRepeatedMessage(message, &field, i);
        doubtful_ |= !entry.GetReflection()->GetUnknownFields(entry).empty();
      }
    }
    const auto leaf = std::find_if(spec_.leaves.begin(), spec_.leaves.end(),
                                   [&](const LeafSpec& granted) { return DottedPath(granted.path) == path; });
    if (leaf != spec_.leaves.end()) return Granted(*leaf, path, field, message);
    if (field.is_map() && field.message_type()->map_value()->message_type() != nullptr) {
      return Entries(path, field, message);
    }
    if (field.is_map() || field.message_type() == nullptr) {
      report_.emplace(path, WithheldReason::kNotGranted);
    } else if (!field.is_repeated()) {
      Walk(path + ".", reflection.GetMessage(message, &field));
    } else {
      for (int i = 0; i < reflection.FieldSize(message, &field); ++i)
        Walk(path + ".", reflection.GetRepeatedMessage(message, &field, i));
    }
  }

  // Map entries whose value is not of its closed enum are unknown as a whole. Reflection shows such an entry with the
  // enum's default, and the value among the entry's unknown fields.
  static int UnknownEntries(const pb::FieldDescriptor& field, const pb::Message& message) {
    if (!field.is_map() || field.message_type()->map_value()->enum_type() == nullptr) return 0;
    int unknown = 0;
    for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
      const pb::Message& entry = message.GetReflection()->GetRepeatedMessage(message, &field, i);
      const pb::UnknownFieldSet& others = entry.GetReflection()->GetUnknownFields(entry);
      for (int k = 0; k < others.field_count(); ++k) {
        // With another wire type it is nothing but an unknown field of the entry.
        if (others.field(k).number() != field.message_type()->map_value()->number() ||
            others.field(k).type() != pb::UnknownField::TYPE_VARINT) {
          continue;
        }
        ++unknown;
        break;
      }
    }
    return unknown;
  }

  // Of entries with one key the last counts.
  static std::map<std::string, const pb::Message*> ByKey(const pb::FieldDescriptor& field, const pb::Message& message) {
    std::map<std::string, const pb::Message*> by_key;
    for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
      const pb::Message& entry = message.GetReflection()->GetRepeatedMessage(message, &field, i);
      by_key[ScalarText(entry, *field.message_type()->map_key())] = &entry;
    }
    return by_key;
  }

  void Entries(const std::string& path, const pb::FieldDescriptor& field, const pb::Message& message,
               const std::set<std::string>& skipped = {}) {
    const pb::FieldDescriptor& value = *field.message_type()->map_value();
    for (const auto& [key, entry] : ByKey(field, message))
      Walk(path + ".", entry->GetReflection()->GetMessage(*entry, &value), skipped);
  }

  void Granted(const LeafSpec& leaf, const std::string& path, const pb::FieldDescriptor& field,
               const pb::Message& message) {
    const bool open = std::all_of(leaf.when.begin(), leaf.when.end(),
                                  [&](const PredicateSpec& when) { return HoldsNaively(when, record_); });
    if (!open) {
      report_.emplace(path, WithheldReason::kCondition);
      return;
    }
    const bool unfit = field.is_map() ? SomeEntriesAreUnfit(leaf, field, message) : SomeAreUnfit(leaf, field, message);
    if (unfit) report_.emplace(path, WithheldReason::kUnfit);
    if (field.message_type() == nullptr) return;
    const std::set<std::string> parts = {"seconds", "nanos", "year", "month", "day", "currency_code", "units"};
    if (field.is_map()) {
      if (field.message_type()->map_value()->message_type() != nullptr) Entries(path, field, message, parts);
      return;
    }
    const pb::Reflection& reflection = *message.GetReflection();
    for (int i = 0; i < (field.is_repeated() ? reflection.FieldSize(message, &field) : 1); ++i) {
      Walk(path + ".",
           field.is_repeated() ? reflection.GetRepeatedMessage(message, &field, i)
                               : reflection.GetMessage(message, &field),
           parts);
    }
  }

  // An entry holds a value even where that is its default.
  bool SomeEntriesAreUnfit(const LeafSpec& leaf, const pb::FieldDescriptor& field, const pb::Message& message) {
    const pb::FieldDescriptor& value = *field.message_type()->map_value();
    const std::map<std::string, const pb::Message*> by_key = ByKey(field, message);
    return std::any_of(by_key.begin(), by_key.end(), [&](const auto& entry) {
      if (value.cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING)
        return !TakesText(leaf.transform, context_, CountryOf(leaf), ScalarText(*entry.second, value));
      return entry.second->GetReflection()->HasField(*entry.second, &value) && SomeAreUnfit(leaf, value, *entry.second);
    });
  }

  std::string CountryOf(const LeafSpec& leaf) const {
    return leaf.country.empty() ? "" : FindAt(record_, leaf.country).text;
  }

  bool SomeAreUnfit(const LeafSpec& leaf, const pb::FieldDescriptor& field, const pb::Message& message) {
    const std::unique_ptr<pb::Message> copy(message.New());
    copy->CopyFrom(message);
    TransformField(leaf.transform, field, context_, CountryOf(leaf), field, copy.get());
    const pb::Reflection& reflection = *copy->GetReflection();
    if (field.is_repeated()) return reflection.FieldSize(*copy, &field) < reflection.FieldSize(message, &field);
    if (reflection.HasField(*copy, &field)) return false;
    // What is absent now was removed, or became an implicit zero.
    const auto* generalise = std::get_if<v1::Generalise>(&leaf.transform);
    if (generalise == nullptr) return false;
    if (!generalise->has_step() || field.message_type() != nullptr || field.type() == pb::FieldDescriptor::TYPE_STRING)
      return true;
    return !IsBelow(field, message, generalise->step());
  }

  static bool IsBelow(const pb::FieldDescriptor& field, const pb::Message& message, int64_t step) {
    const pb::Reflection& reflection = *message.GetReflection();
    if (field.cpp_type() == pb::FieldDescriptor::CPPTYPE_FLOAT) {
      const float value = reflection.GetFloat(message, &field);
      return value >= 0 && value < static_cast<float>(step);
    }
    if (field.cpp_type() == pb::FieldDescriptor::CPPTYPE_DOUBLE) {
      const double value = reflection.GetDouble(message, &field);
      return value >= 0 && value < static_cast<double>(step);
    }
    uint64_t value = 0;
    return absl::SimpleAtoi(ScalarText(message, field), &value) && value < static_cast<uint64_t>(step);
  }

  const PlanSpec& spec_;
  const ProjectionContext& context_;
  const pb::Message& record_;
};

}  // namespace

std::optional<Report> NaiveReport(const PlanSpec& spec, const ProjectionContext& context, const pb::Message& record) {
  Reporter reporter(spec, context, record);
  reporter.Walk("", record);
  if (reporter.doubtful_) return std::nullopt;
  return std::move(reporter.report_);
}

}  // namespace postern::policy::testing
