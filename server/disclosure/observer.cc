#include "server/disclosure/observer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "proto/postern/v1/statistics_service.pb.h"

namespace postern::disclosure {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr size_t kMaxUnit = 16;

// The fields of a dotted path of singular fields; empty if there is no such path.
std::vector<const FieldDescriptor*> FieldsOf(const Descriptor* type, absl::string_view path) {
  std::vector<const FieldDescriptor*> fields;
  for (const absl::string_view name : absl::StrSplit(path, '.')) {
    const FieldDescriptor* field = type == nullptr ? nullptr : type->FindFieldByName(std::string(name));
    if (field == nullptr || field->is_repeated()) return {};
    fields.push_back(field);
    type = field->message_type();
  }
  return fields;
}

std::vector<uint32_t> NumbersOf(const std::vector<const FieldDescriptor*>& fields) {
  std::vector<uint32_t> numbers;
  for (const FieldDescriptor* field : fields) numbers.push_back(static_cast<uint32_t>(field->number()));
  return numbers;
}

bool IsVarint(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_INT32:
    case FieldDescriptor::TYPE_INT64:
    case FieldDescriptor::TYPE_UINT32:
    case FieldDescriptor::TYPE_UINT64:
    case FieldDescriptor::TYPE_SINT32:
    case FieldDescriptor::TYPE_SINT64:
      return true;
    default:
      return false;
  }
}

struct Leaf {
  uint64_t number = 0;
  absl::string_view text;
  bool found = false;
};

// The last occurrence of the leaf at `path`, which is what a parser would keep. Stops where the bytes are malformed:
// the projector refuses such a record.
void FindLast(absl::string_view bytes, const std::vector<uint32_t>& path, size_t depth, Leaf* leaf) {
  CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  while (const uint32_t tag = input.ReadTag()) {
    const bool asked = static_cast<uint32_t>(WireFormatLite::GetTagFieldNumber(tag)) == path[depth];
    const bool last = depth + 1 == path.size();
    const WireFormatLite::WireType type = WireFormatLite::GetTagWireType(tag);
    if (asked && last && type == WireFormatLite::WIRETYPE_VARINT) {
      if (!input.ReadVarint64(&leaf->number)) return;
      leaf->found = true;
    } else if (asked && type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      uint32_t size = 0;
      if (!input.ReadVarint32(&size)) return;
      const auto begin = static_cast<size_t>(input.CurrentPosition());
      if (size > bytes.size() - begin || !input.Skip(static_cast<int>(size))) return;
      const absl::string_view inside = bytes.substr(begin, size);
      if (last) {
        leaf->text = inside;
        leaf->found = true;
      } else {
        FindLast(inside, path, depth + 1, leaf);
      }
    } else if (!WireFormatLite::SkipField(&input, tag)) {
      return;
    }
  }
}

bool IsRegion(absl::string_view text) {
  return text.size() == 2 && absl::ascii_isupper(text[0]) && absl::ascii_isupper(text[1]);
}

bool IsUnit(absl::string_view text) {
  return text.size() <= kMaxUnit && std::all_of(text.begin(), text.end(), absl::ascii_isalnum);
}

}  // namespace

std::shared_ptr<const Observer::Plan> Observer::PlanFor(
    const std::shared_ptr<const policy::CompiledBundle>& bundle) const {
  absl::MutexLock lock(&mutex_);
  if (plan_ != nullptr && plan_->bundle == bundle) return plan_;
  auto plan = std::make_shared<Plan>();
  plan->bundle = bundle;
  for (const Measure& measure : measures_) {
    const Descriptor* type = bundle->FindMessage(measure.record_type);
    const std::vector<const FieldDescriptor*> value = FieldsOf(type, measure.path);
    if (value.empty() || !IsVarint(*value.back())) continue;
    Compiled compiled;
    compiled.measure = &measure;
    compiled.value = NumbersOf(value);
    compiled.zigzag =
        value.back()->type() == FieldDescriptor::TYPE_SINT32 || value.back()->type() == FieldDescriptor::TYPE_SINT64;
    compiled.category = bundle->CategoryOf(measure.record_type, measure.path);
    if (!measure.unit_path.empty()) {
      const std::vector<const FieldDescriptor*> unit = FieldsOf(type, measure.unit_path);
      if (unit.empty() || unit.back()->type() != FieldDescriptor::TYPE_STRING) continue;
      compiled.unit = NumbersOf(unit);
    }
    if (!compiled.category.empty()) plan->measures.push_back(std::move(compiled));
  }
  return plan_ = std::move(plan);
}

std::string Observer::Observe(const std::shared_ptr<const policy::CompiledBundle>& bundle,
                              absl::string_view record_type, absl::string_view record,
                              const policy::Extracts& extracts) const {
  v1::StatisticsObservation observation;
  if (IsRegion(extracts.destination_country)) observation.set_region(std::string(extracts.destination_country));
  const bool measured = std::any_of(measures_.begin(), measures_.end(), [&](const Measure& measure) {
    return record_type == absl::string_view(measure.record_type);
  });
  if (!measured) return observation.SerializeAsString();
  const std::shared_ptr<const Plan> plan = PlanFor(bundle);
  for (const Compiled& compiled : plan->measures) {
    if (record_type != absl::string_view(compiled.measure->record_type)) continue;
    Leaf value;
    FindLast(record, compiled.value, 0, &value);
    if (!value.found) continue;
    v1::StatisticsObservation::Amount& amount = *observation.add_amounts();
    amount.set_measure(compiled.measure->name);
    amount.set_value(compiled.zigzag ? WireFormatLite::ZigZagDecode64(value.number)
                                     : static_cast<int64_t>(value.number));
    amount.set_category(compiled.category);
    if (compiled.unit.empty()) continue;
    Leaf unit;
    FindLast(record, compiled.unit, 0, &unit);
    if (IsUnit(unit.text)) amount.set_unit(std::string(unit.text));
  }
  return observation.SerializeAsString();
}

}  // namespace postern::disclosure
