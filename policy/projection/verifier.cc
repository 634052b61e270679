#include "policy/projection/verifier.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "policy/projection/errors.h"
#include "policy/projection/output_check.h"
#include "policy/projection/record_check.h"
#include "policy/projection/record_view.h"
#include "policy/projection/verifier_decisions.h"
#include "policy/projection/verifier_parts.h"
#include "policy/projection/verifier_values.h"
#include "proto/errors/error.h"

namespace postern::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// What the spec grants of one message.
struct Granted {
  std::map<const FieldDescriptor*, const LeafSpec*> leaves;
  std::map<const FieldDescriptor*, Granted> inner;
  std::map<const Descriptor*, Granted> packed;  // of an Any, by the type that it holds
};

bool IsAnyMessage(const Descriptor* type) {
  return type != nullptr && type->full_name() == "google.protobuf.Any";
}

bool IsMapOfScalars(const FieldDescriptor& field) {
  return field.is_map() && field.message_type()->map_value()->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE;
}

void AddGrant(const LeafSpec& leaf, Granted* root) {
  Granted* at = root;
  for (size_t i = 0; i < leaf.path.size(); ++i) {
    const FieldDescriptor* field = leaf.path[i];
    if (IsAnyMessage(field->containing_type()) && i + 1 < leaf.path.size()) {
      at = &at->packed[leaf.path[i + 1]->containing_type()];
      continue;
    }
    const bool last = i + 1 == leaf.path.size();
    if (IsMapOfScalars(*field)) {
      at->inner[field].leaves[field->message_type()->map_value()] = &leaf;
      return;
    }
    if (last) {
      at->leaves[field] = &leaf;
    } else {
      at = &at->inner[field];
    }
  }
}

// The values of a field that count: of map entries with one key, the last.
std::vector<ViewedValue> CountingValues(const RecordView& view, const FieldDescriptor& field) {
  if (!field.is_map()) return view.Values(field);
  std::map<std::string, ViewedValue> last;
  for (const ViewedValue& value : view.Values(field)) {
    last[KeyOf(RecordView(*field.message_type(), value.fragments), *field.message_type()->map_key())] = value;
  }
  std::vector<ViewedValue> values;
  for (auto& [key, value] : last) values.push_back(std::move(value));
  return values;
}

// Calls `found` for every value at `path` below `view`.
void VisitPath(const RecordView& view, const FieldPath& path, size_t at,
               const std::function<void(const ViewedValue&)>& found) {
  for (const ViewedValue& value : CountingValues(view, *path[at])) {
    if (at + 1 == path.size()) {
      found(value);
    } else {
      VisitPath(RecordView(*path[at]->message_type(), value.fragments), path, at + 1, found);
    }
  }
}

Operand ReadOperand(const RecordView& record, const FieldPath& path) {
  std::optional<ViewedValue> last;
  VisitPath(record, path, 0, [&](const ViewedValue& value) { last = value; });
  return OperandOf(*path.back(), last ? &*last : nullptr);
}

bool HoldsIn(const PredicateSpec& spec, const RecordView& record) {
  return Holds(spec, ReadOperand(record, spec.left), spec.right.empty() ? Operand() : ReadOperand(record, spec.right));
}

bool MayBeMinor(const PlanSpec& spec, const ProjectionContext& context, const RecordView& record) {
  Minority minority(spec, context);
  for (const RoleSpec& role : spec.roles) {
    const FieldDescriptor& field = *role.path.back();
    VisitPath(record, role.path, 0, [&](const ViewedValue& value) {
      if (role.role == v1::FIELD_ROLE_MINOR_FLAG) {
        minority.AddFlag(field, value.number);
      } else if (role.role == v1::FIELD_ROLE_BIRTH_DATE && field.type() == FieldDescriptor::TYPE_STRING) {
        minority.AddBirthDate(value.bytes);
      } else if (role.role == v1::FIELD_ROLE_BIRTH_DATE) {
        minority.AddBirthDate(*field.message_type(), DateOf(*field.message_type(), value.fragments));
      }
    });
  }
  return minority.MayBeMinor();
}

// One run of the verifier over one record.
class Run {
 public:
  Run(const PlanSpec& spec, const ProjectionContext& context, const RecordView& record)
      : spec_(spec), context_(context), record_(record), minor_(MayBeMinor(spec, context, record)) {
    for (const LeafSpec& leaf : spec_.leaves) open_[&leaf] = Decide(leaf);
  }

  absl::Status Compare(const Granted& granted, const RecordView& in, const RecordView& out, const Descriptor& type,
                       const std::string& path) {
    if (!in.valid() || !out.valid()) return errors::VerifierFinding(path, "bytes that do not parse left");
    if (out.has_unknown()) return errors::VerifierFinding(path, "an unknown field left");
    if (out.has_superseded()) return errors::VerifierFinding(path, "a value left that another took the place of");
    for (const auto& [number, released] : out.fields()) {
      const FieldDescriptor& field = *type.FindFieldByNumber(number);
      const bool entry = type.options().map_entry();
      const std::string field_path = entry ? path : path.empty() ? field.name() : absl::StrCat(path, ".", field.name());
      const auto leaf = granted.leaves.find(&field);
      const auto inner = granted.inner.find(&field);
      if (leaf != granted.leaves.end()) {
        POSTERN_RETURN_IF_ERROR(CompareLeaf(*leaf->second, field, in.Values(field), released, field_path));
      } else if (inner != granted.inner.end() && AnyOpen(inner->second)) {
        POSTERN_RETURN_IF_ERROR(CompareMessages(inner->second, field, in.Values(field), released, field_path));
      } else if (!(entry && number == 1)) {
        return errors::VerifierFinding(field_path, "a field left that is not granted");
      }
    }
    return absl::OkStatus();
  }

 private:
  bool IsOpen(const LeafSpec& leaf) const { return open_.at(&leaf); }

  bool Decide(const LeafSpec& leaf) const {
    if (leaf.consent >= 0 && (context_.consents_granted >> leaf.consent & 1) == 0) return false;
    if (leaf.withheld_from_minors && minor_) return false;
    return std::all_of(leaf.when.begin(), leaf.when.end(),
                       [&](const PredicateSpec& when) { return HoldsIn(when, record_); });
  }

  bool AnyOpen(const Granted& granted) const {
    return std::any_of(granted.leaves.begin(), granted.leaves.end(),
                       [&](const auto& leaf) { return IsOpen(*leaf.second); }) ||
           std::any_of(granted.inner.begin(), granted.inner.end(),
                       [&](const auto& inner) { return AnyOpen(inner.second); }) ||
           std::any_of(granted.packed.begin(), granted.packed.end(),
                       [&](const auto& packed) { return AnyOpen(packed.second); });
  }

  // Whether one released value can have come from one value of the record.
  std::string CompareValue(const LeafSpec& leaf, const FieldDescriptor& field, const ViewedValue& in,
                           const ViewedValue& out) const {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        if (!leaf.country.empty()) {
          return CheckReleasedPostcode(leaf, ReadOperand(record_, leaf.country).text, TextOf(field, in),
                                       TextOf(field, out));
        }
        return CheckReleasedText(leaf, context_, TextOf(field, in), TextOf(field, out));
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (IsAmount(leaf)) {
          return CheckReleasedMoney(leaf, MoneyOf(*field.message_type(), in.fragments),
                                    MoneyOf(*field.message_type(), out.fragments));
        }
        return CheckReleasedDate(leaf, DateOf(*field.message_type(), in.fragments),
                                 DateOf(*field.message_type(), out.fragments));
      default:
        return CheckReleasedNumber(leaf, IsReal(field), TextOf(field, in), TextOf(field, out));
    }
  }

  absl::Status CompareLeaf(const LeafSpec& leaf, const FieldDescriptor& field, const std::vector<ViewedValue>& in,
                           const std::vector<ViewedValue>& out, const std::string& path) const {
    if (!IsOpen(leaf)) return errors::VerifierFinding(path, "a field left whose condition does not hold");
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
      POSTERN_RETURN_IF_ERROR(CheckWhole(leaf, field, out, path));
    // Values that a transform cannot take are missing from the output: each released one is matched with the next that
    // fits.
    size_t next = 0;
    std::string problem = "a value left that the record does not have";
    for (const ViewedValue& released : out) {
      while (next < in.size() && !(problem = CompareValue(leaf, field, in[next], released)).empty()) ++next;
      if (next == in.size()) return errors::VerifierFinding(path, problem);
      ++next;
      problem = "a value left that the record does not have";
    }
    return absl::OkStatus();
  }

  static bool IsAmount(const LeafSpec& leaf) {
    const auto* generalise = std::get_if<v1::Generalise>(&leaf.transform);
    return generalise != nullptr && generalise->has_step();
  }

  // Of a message that is granted as one value, a date or an amount, nothing leaves but the parts of that.
  static absl::Status CheckWhole(const LeafSpec& leaf, const FieldDescriptor& field,
                                 const std::vector<ViewedValue>& out, const std::string& path) {
    const std::vector<absl::string_view> parts =
        IsAmount(leaf) ? std::vector<absl::string_view>{"currency_code", "units"}
                       : std::vector<absl::string_view>{"seconds", "nanos", "year", "month", "day"};
    for (const ViewedValue& value : out) {
      const RecordView view(*field.message_type(), value.fragments);
      if (!view.valid() || view.has_unknown() || view.has_superseded()) {
        return errors::VerifierFinding(path, "a date or an amount with unknown content left");
      }
      for (const auto& [number, values] : view.fields()) {
        const std::string& name = field.message_type()->FindFieldByNumber(number)->name();
        if (std::find(parts.begin(), parts.end(), absl::string_view(name)) == parts.end()) {
          return errors::VerifierFinding(path, "more than a date or an amount left");
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status CompareMessages(const Granted& granted, const FieldDescriptor& field, const std::vector<ViewedValue>& in,
                               const std::vector<ViewedValue>& out, const std::string& path) {
    if (field.is_map()) return CompareEntries(granted, field, in, out, path);
    if (IsAnyMessage(field.message_type())) return CompareAnys(granted, field, in, out, path);
    if (out.size() > in.size()) return errors::VerifierFinding(path, "more messages left than the record has");
    for (size_t i = 0; i < out.size(); ++i) {
      const Descriptor& type = *field.message_type();
      POSTERN_RETURN_IF_ERROR(
          Compare(granted, RecordView(type, in[i].fragments), RecordView(type, out[i].fragments), type, path));
    }
    return absl::OkStatus();
  }

  // What an Any holds, and what may leave of that; `granted` is null if nothing may.
  struct Held {
    std::string type_url;
    const Descriptor* type = nullptr;
    const Granted* granted = nullptr;
    absl::string_view value;
  };
  Held HeldBy(const Granted& granted, const FieldDescriptor& field, const RecordView& any) const {
    const auto last = [&](int number) {
      const std::vector<ViewedValue>& values = any.Values(*field.message_type()->FindFieldByNumber(number));
      return values.empty() ? absl::string_view() : values.back().bytes;
    };
    Held held{std::string(last(1))};
    held.value = last(2);
    for (const auto& [type, inner] : granted.packed) {
      if (held.type_url != "type.googleapis.com/" + type->full_name() || !AnyOpen(inner)) continue;
      held.type = type;
      held.granted = &inner;
    }
    return held;
  }

  // Of several, those leave that hold something granted, in their order.
  absl::Status CompareAnys(const Granted& granted, const FieldDescriptor& field, const std::vector<ViewedValue>& in,
                           const std::vector<ViewedValue>& out, const std::string& path) {
    size_t next = 0;
    for (const ViewedValue& value : out) {
      const RecordView any(*field.message_type(), value.fragments);
      if (!any.valid() || any.has_unknown() || any.has_superseded()) {
        return errors::VerifierFinding(path, "an Any with more than a type and a value left");
      }
      const Held released = HeldBy(granted, field, any);
      if (released.granted == nullptr)
        return errors::VerifierFinding(path, "an Any of a type that is not granted left");
      Held original;
      while (next < in.size() && original.granted == nullptr) {
        original = HeldBy(granted, field, RecordView(*field.message_type(), in[next++].fragments));
      }
      if (original.type != released.type)
        return errors::VerifierFinding(path, "an Any left that the record does not have");
      POSTERN_RETURN_IF_ERROR(Compare(*released.granted, RecordView(*original.type, {original.value}),
                                      RecordView(*released.type, {released.value}), *released.type,
                                      absl::StrCat(path, "[", released.type_url, "]")));
    }
    return absl::OkStatus();
  }

  absl::Status CompareEntries(const Granted& granted, const FieldDescriptor& field, const std::vector<ViewedValue>& in,
                              const std::vector<ViewedValue>& out, const std::string& path) {
    const Descriptor& type = *field.message_type();
    const FieldDescriptor& key = *type.map_key();
    const FieldDescriptor& value = *type.map_value();
    // An entry without a value holds the default.
    const std::string absent = DefaultField(value);
    std::map<std::string, std::vector<absl::string_view>> originals;
    for (const ViewedValue& entry : in) {
      const RecordView view(type, entry.fragments);
      if (!IsKnown(value, view)) continue;
      std::vector<absl::string_view>& fragments = originals[KeyOf(view, key)] = entry.fragments;
      if (view.Values(value).empty()) fragments.push_back(absent);
    }
    for (const ViewedValue& entry : out) {
      const RecordView released(type, entry.fragments);
      const auto original = originals.find(KeyOf(released, key));
      if (original == originals.end())
        return errors::VerifierFinding(path, "a map entry left that the record does not have");
      POSTERN_RETURN_IF_ERROR(Compare(granted, RecordView(type, original->second), released, type, path));
    }
    return absl::OkStatus();
  }

  static bool IsKnown(const FieldDescriptor& value, const RecordView& entry) {
    const std::vector<ViewedValue>& values = entry.Values(value);
    return values.empty() || !IsUnknownEnum(value, values[0].number);
  }

  const PlanSpec& spec_;
  const ProjectionContext& context_;
  const RecordView& record_;
  const bool minor_;
  std::map<const LeafSpec*, bool> open_;  // may leave from this record
};

}  // namespace

struct Verifier::Impl {
  explicit Impl(PlanSpec&& checked) : spec(std::move(checked)), output_check(spec), record_check(spec) {}
  const PlanSpec spec;
  Granted granted;
  const OutputCheck output_check;
  const RecordCheck record_check;
};

Verifier::Verifier(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Verifier::~Verifier() = default;

absl::StatusOr<std::unique_ptr<const Verifier>> Verifier::Create(PlanSpec spec) {
  if (spec.record_type == nullptr) return absl::InvalidArgumentError("a verifier needs a record type");
  for (const LeafSpec& leaf : spec.leaves) {
    if (leaf.path.empty()) return absl::InvalidArgumentError("a granted path is empty");
  }
  auto impl = std::make_unique<Impl>(std::move(spec));
  for (const LeafSpec& leaf : impl->spec.leaves) AddGrant(leaf, &impl->granted);
  return std::unique_ptr<const Verifier>(new Verifier(std::move(impl)));
}

absl::Status Verifier::Verify(const ProjectionContext& context, absl::string_view record,
                              absl::string_view projected) const {
  uint64_t open;
  if (impl_->record_check.OpenLeaves(context, record, &open) && impl_->output_check.Covers(projected, open)) {
    return absl::OkStatus();
  }
  return Compare(context, record, projected);
}

absl::Status Verifier::Compare(const ProjectionContext& context, absl::string_view record,
                               absl::string_view projected) const {
  const Descriptor& type = *impl_->spec.record_type;
  const RecordView in(type, {record}), out(type, {projected});
  return Run(impl_->spec, context, in).Compare(impl_->granted, in, out, type, "");
}

}  // namespace postern::policy
