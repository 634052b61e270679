// The withheld reports: exact from a record, and what a stored bitmap tells.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policy/projection/any_value.h"
#include "policy/projection/date_value.h"
#include "policy/projection/emitter.h"
#include "policy/projection/general_path.h"
#include "policy/projection/presence.h"
#include "policy/projection/projector.h"
#include "policy/projection/readings.h"
#include "policy/projection/record_view.h"
#include "policy/projection/streaming_path.h"
#include "policy/projection/tables.h"
#include "proto/errors/error.h"

namespace postern::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// True if a parser would not hold the value: a scalar without presence that is all zeros.
bool IsAbsent(const FieldDescriptor& field, const ViewedValue& value) {
  if (field.is_repeated() || field.has_presence()) return false;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return value.bytes.empty();
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return value.number == 0;
    default:
      return TextOf(field, value) == "0";
  }
}

class Explainer {
 public:
  Explainer(const ProjectionPlan::Tables& tables, const ProjectionContext& context, const Emitter& gates,
            std::vector<WithheldField>* out)
      : context_(context), gates_(gates), out_(*out) {
    for (const Leaf& leaf : tables.leaves) leaves_[leaf.path] = &leaf;
    for (const LeafSpec& leaf : tables.spec.leaves) AddPacked(leaf.path);
    for (const FieldPath& path : tables.spec.unclassified) unclassified_.insert(DottedPath(path));
  }

  void Walk(const Descriptor& type, const RecordView& view, const std::string& path, int depth) {
    for (const int number : view.superseded())
      Add(Join(path, type.FindFieldByNumber(number)->name()), WithheldReason::kSuperseded);
    bool unknown = view.has_unknown();
    for (const auto& [number, values] : view.fields()) {
      const FieldDescriptor& field = *type.FindFieldByNumber(number);
      const std::string below = Join(path, field.name());
      if (field.is_map()) {
        unknown |= Entries(*field.message_type(), values, below, depth);
        continue;
      }
      for (const ViewedValue& value : values) {
        if (!IsAbsent(field, value)) Field(field, value, below, depth);
      }
    }
    if (unknown) Add(Join(path, "(unknown)"), WithheldReason::kUnknown);
  }

 private:
  static std::string Join(const std::string& path, const std::string& name) {
    return path.empty() ? name : absl::StrCat(path, ".", name);
  }

  // Of entries with one key the last counts. True if one of them has a value that its closed enum does not have, which
  // makes the whole entry an unknown field.
  bool Entries(const Descriptor& type, const std::vector<ViewedValue>& entries, const std::string& path, int depth) {
    const FieldDescriptor& field = *type.map_value();
    bool unknown = false;
    std::map<std::string, ViewedValue> by_key;
    for (const ViewedValue& value : entries) {
      const RecordView entry(type, value.fragments);
      const ViewedValue held = Only(entry, field);
      if (IsUnknownEnum(field, held.number)) {
        unknown = true;
      } else {
        by_key[TextOf(*type.map_key(), Only(entry, *type.map_key()))] = held;
      }
    }
    for (const auto& [key, value] : by_key) Field(field, value, path, depth);
    return unknown;
  }
  static ViewedValue Only(const RecordView& entry, const FieldDescriptor& field) {
    const std::vector<ViewedValue>& values = entry.Values(field);
    return values.empty() ? ViewedValue() : values.front();
  }

  void Field(const FieldDescriptor& field, const ViewedValue& value, const std::string& path, int depth) {
    const auto leaf = leaves_.find(path);
    if (leaf != leaves_.end()) return Granted(*leaf->second, field, value, path, depth);
    if (field.message_type() != nullptr && HasAnyForm(*field.message_type()) && Packed(field, value, path, depth))
      return;
    if (field.message_type() != nullptr && depth < wire::kMaxDepth) {
      const RecordView inner(*field.message_type(), value.fragments);
      if (inner.valid()) return Walk(*field.message_type(), inner, path, depth + 1);
    }
    Add(path, unclassified_.count(path) != 0 ? WithheldReason::kUnclassified : WithheldReason::kNotGranted);
  }

  // The types that `path` lists for what an Any holds, by the path of their fields.
  void AddPacked(const FieldPath& path) {
    for (size_t i = 0; i + 1 < path.size(); ++i) {
      if (!IsAnyValue(*path[i])) continue;
      FieldPath field(path.begin(), path.begin() + static_cast<ptrdiff_t>(i) + 2);
      const std::string dotted = DottedPath(field);
      packed_[dotted.substr(0, dotted.size() - field.back()->name().size() - 1)] = field.back()->containing_type();
    }
  }

  // True if the Any holds a listed type: what is in that is named one by one.
  bool Packed(const FieldDescriptor& field, const ViewedValue& value, const std::string& path, int depth) {
    const RecordView any(*field.message_type(), value.fragments);
    const auto part = [&](int number) { return Only(any, *field.message_type()->FindFieldByNumber(number)).bytes; };
    const auto type = packed_.find(absl::StrCat(path, "[", part(kAnyTypeUrl), "]"));
    if (type == packed_.end()) return false;
    if (any.has_unknown()) Add(Join(path, "(unknown)"), WithheldReason::kUnknown);
    Walk(*type->second, RecordView(*type->second, {part(kAnyValue)}), type->first, depth + 2);
    return true;
  }

  void Granted(const Leaf& leaf, const FieldDescriptor& field, const ViewedValue& value, const std::string& path,
               int depth) {
    if (!gates_.IsOpen(leaf)) return Add(path, gates_.ReasonOf(leaf));
    if (!Takes(leaf, field, value)) Add(path, WithheldReason::kUnfit);
    if (field.message_type() == nullptr) return;
    const RecordView inner(*field.message_type(), value.fragments);
    if (inner.has_unknown()) Add(Join(path, "(unknown)"), WithheldReason::kUnknown);
    if (IsMoney(*field.message_type())) return;
    // Of a date nothing leaves but the date.
    const DateLayout layout = *DateLayoutOf(*field.message_type());
    for (const auto& [number, values] : inner.fields()) {
      const bool part = std::any_of(layout.parts.begin(), layout.parts.begin() + layout.count(),
                                    [number = number](const auto& p) { return static_cast<int>(p.number) == number; });
      const FieldDescriptor& other = *field.message_type()->FindFieldByNumber(number);
      for (const ViewedValue& held : values) {
        if (!part && !IsAbsent(other, held)) Field(other, held, Join(path, other.name()), depth + 1);
      }
    }
  }

  // False if the leaf's transform cannot take the value.
  bool Takes(const Leaf& leaf, const FieldDescriptor& field, const ViewedValue& value) {
    if (leaf.transform.is_keep()) return true;
    std::string unused;
    uint64_t number = value.number;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return leaf.transform.is_postcode()
                   ? leaf.transform.AppendPostcode(value.bytes, gates_.CountryOf(leaf), &unused)
                   : leaf.transform.AppendText(value.bytes, context_.pseudonym, &unused);
      case FieldDescriptor::CPPTYPE_MESSAGE: {
        if (IsMoney(*field.message_type())) return leaf.transform.AppendMoney(ReadMoney(value.fragments), &unused);
        const DateLayout layout = *DateLayoutOf(*field.message_type());
        DateParts parts = ReadDateParts(layout, value.fragments);
        return GeneraliseDateParts(layout, leaf.transform.date_unit(), &parts);
      }
      default:
        return leaf.transform.ApplyNumber(field.type(), &number);
    }
  }

  void Add(const std::string& path, WithheldReason reason) {
    if (reported_.emplace(path, reason).second) out_.push_back({path, reason});
  }

  const ProjectionContext& context_;
  const Emitter& gates_;
  std::vector<WithheldField>& out_;
  std::map<std::string, const Leaf*> leaves_;
  std::map<std::string, const Descriptor*> packed_;  // by path, type URL in brackets
  std::set<std::string> unclassified_;
  std::set<std::pair<std::string, WithheldReason>> reported_;
};

}  // namespace

absl::Status ExplainWithheld(const ProjectionPlan& plan, const ProjectionContext& context, absl::string_view record,
                             std::vector<WithheldField>* withheld) {
  withheld->clear();
  const ProjectionPlan::Tables& tables = plan.tables();
  Extracts extracts;
  std::string unused;
  std::vector<uint64_t> bits;
  Readings readings(tables, context.today, &extracts);
  Emitter gates(tables, context, &unused);
  Presence presence(tables, &bits);
  StreamingPath walk(tables, {&readings, nullptr, &presence});
  POSTERN_RETURN_IF_ERROR(walk.Run(record));
  if (!walk.regular()) {
    if (!tables.anys.empty()) POSTERN_RETURN_IF_ERROR(GeneralPath(tables).CheckAnys(record, &presence));
    readings.Clear();
    GeneralPath(tables).Read(record, &readings);
  }
  if (context.known_minor) extracts.minor = Extracts::Minor::kYes;
  gates.CloseGates(readings.operands(), extracts.minor);
  const Descriptor& type = *tables.spec.record_type;
  Explainer(tables, context, gates, withheld).Walk(type, RecordView(type, {record}), "", 0);
  return absl::OkStatus();
}

std::vector<WithheldField> WithheldFromBits(const ProjectionPlan& plan, const std::vector<uint64_t>& bits) {
  const ProjectionPlan::Tables& tables = plan.tables();
  std::vector<WithheldField> withheld;
  for (size_t bit = 0; bit < tables.withheld.size() && bit / 64 < bits.size(); ++bit) {
    if ((bits[bit / 64] >> (bit % 64) & 1) != 0) {
      const size_t listed = tables.withheld_paths.size();
      withheld.push_back({bit < listed ? tables.withheld_paths[bit] : tables.superseded_paths[bit - listed],
                          tables.withheld[bit].reason});
    }
  }
  return withheld;
}

}  // namespace postern::policy
