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
};

bool IsMapOfScalars(const FieldDescriptor& field) {
  return field.is_map() && field.message_type()->map_value()->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE;
}

void AddGrant(const LeafSpec& leaf, Granted* root) {
  Granted* at = root;
  for (size_t i = 0; i < leaf.path.size(); ++i) {
    const FieldDescriptor* field = leaf.path[i];
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

// The key of a map entry as text; an absent one is the zero of its type.
std::string KeyOf(const RecordView& entry, const FieldDescriptor& key) {
  if (!entry.Values(key).empty()) return TextOf(key, entry.Values(key)[0]);
  return key.type() == FieldDescriptor::TYPE_STRING ? "" : "0";
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

DateFields DateOf(const Descriptor& type, const std::vector<absl::string_view>& fragments) {
  const RecordView view(type, fragments);
  DateFields date;
  for (const auto& [name, part] : {std::pair{"seconds", &date.seconds},
                                   {"nanos", &date.nanos},
                                   {"year", &date.year},
                                   {"month", &date.month},
                                   {"day", &date.day}}) {
    const FieldDescriptor* field = type.FindFieldByName(name);
    if (field == nullptr || view.Values(*field).empty()) continue;
    if (!absl::SimpleAtoi(TextOf(*field, view.Values(*field)[0]), part)) *part = 0;
  }
  return date;
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
                       [&](const auto& inner) { return AnyOpen(inner.second); });
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
      POSTERN_RETURN_IF_ERROR(CheckDateMessage(field, out, path));
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

  static absl::Status CheckDateMessage(const FieldDescriptor& field, const std::vector<ViewedValue>& out,
                                       const std::string& path) {
    static constexpr absl::string_view kParts[] = {"seconds", "nanos", "year", "month", "day"};
    for (const ViewedValue& value : out) {
      const RecordView view(*field.message_type(), value.fragments);
      if (!view.valid() || view.has_unknown() || view.has_superseded()) {
        return errors::VerifierFinding(path, "a date with unknown content left");
      }
      for (const auto& [number, values] : view.fields()) {
        const std::string& name = field.message_type()->FindFieldByNumber(number)->name();
        if (std::find(std::begin(kParts), std::end(kParts), absl::string_view(name)) == std::end(kParts)) {
          return errors::VerifierFinding(path, "more than a date left");
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status CompareMessages(const Granted& granted, const FieldDescriptor& field, const std::vector<ViewedValue>& in,
                               const std::vector<ViewedValue>& out, const std::string& path) {
    if (field.is_map()) return CompareEntries(granted, field, in, out, path);
    if (out.size() > in.size()) return errors::VerifierFinding(path, "more messages left than the record has");
    for (size_t i = 0; i < out.size(); ++i) {
      const Descriptor& type = *field.message_type();
      POSTERN_RETURN_IF_ERROR(
          Compare(granted, RecordView(type, in[i].fragments), RecordView(type, out[i].fragments), type, path));
    }
    return absl::OkStatus();
  }

  absl::Status CompareEntries(const Granted& granted, const FieldDescriptor& field, const std::vector<ViewedValue>& in,
                              const std::vector<ViewedValue>& out, const std::string& path) {
    const Descriptor& type = *field.message_type();
    const FieldDescriptor& key = *type.map_key();
    const FieldDescriptor& value = *type.map_value();
    // The wire leaves a zero key or value out; the verifier compares entries with both written.
    std::map<std::string, std::vector<absl::string_view>> originals;
    for (const ViewedValue& entry : in) {
      const RecordView view(type, entry.fragments);
      if (IsKnown(value, view)) originals[KeyOf(view, key)] = entry.fragments;
    }
    for (const ViewedValue& entry : out) {
      const RecordView released(type, entry.fragments);
      const auto original = originals.find(KeyOf(released, key));
      if (original == originals.end())
        return errors::VerifierFinding(path, "a map entry left that the record does not have");
      const RecordView view(type, original->second);
      if (view.Values(value).empty()) continue;  // the default, which says nothing beyond the key
      POSTERN_RETURN_IF_ERROR(Compare(granted, view, released, type, path));
    }
    return absl::OkStatus();
  }

  static bool IsKnown(const FieldDescriptor& value, const RecordView& entry) {
    if (value.type() != FieldDescriptor::TYPE_ENUM || entry.Values(value).empty()) return true;
    if (value.file()->syntax() != google::protobuf::FileDescriptor::SYNTAX_PROTO2) return true;
    return value.enum_type()->FindValueByNumber(static_cast<int32_t>(entry.Values(value)[0].number)) != nullptr;
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
