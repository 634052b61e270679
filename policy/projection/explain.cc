// The withheld reports: exact from a record, and what a stored bitmap tells.
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
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

class Explainer {
 public:
  Explainer(const ProjectionPlan::Tables& tables, const Emitter& gates, std::vector<WithheldField>* out)
      : gates_(gates), out_(*out) {
    for (const Leaf& leaf : tables.leaves) leaves_[leaf.path] = &leaf;
    for (const FieldPath& path : tables.spec.unclassified) unclassified_.insert(DottedPath(path));
  }

  void Walk(const Descriptor& type, const RecordView& view, const std::string& path, int depth) {
    for (const int number : view.superseded())
      Add(Join(path, type.FindFieldByNumber(number)->name()), WithheldReason::kSuperseded);
    for (const auto& [number, values] : view.fields()) {
      const FieldDescriptor& field = *type.FindFieldByNumber(number);
      for (const ViewedValue& value : values) Field(field, value, Join(path, field.name()), depth);
    }
    if (view.has_unknown()) Add(Join(path, "(unknown)"), WithheldReason::kUnknown);
  }

 private:
  static std::string Join(const std::string& path, const std::string& name) {
    return path.empty() ? name : absl::StrCat(path, ".", name);
  }

  void Field(const FieldDescriptor& field, const ViewedValue& value, const std::string& path, int depth) {
    const auto leaf = leaves_.find(path);
    if (leaf != leaves_.end()) {
      if (!gates_.IsOpen(*leaf->second)) Add(path, gates_.ReasonOf(*leaf->second));
      return;
    }
    const FieldDescriptor* message = &field;
    std::vector<absl::string_view> fragments = value.fragments;
    if (field.is_map()) {
      message = field.message_type()->map_value();
      const RecordView entry(*field.message_type(), value.fragments);
      fragments.clear();
      if (!entry.Values(*message).empty()) fragments = entry.Values(*message)[0].fragments;
    }
    if (message->message_type() != nullptr && depth < wire::kMaxDepth) {
      const RecordView inner(*message->message_type(), fragments);
      if (inner.valid()) return Walk(*message->message_type(), inner, path, depth + 1);
    }
    Add(path, unclassified_.count(path) != 0 ? WithheldReason::kUnclassified : WithheldReason::kNotGranted);
  }

  void Add(const std::string& path, WithheldReason reason) {
    if (reported_.emplace(path, reason).second) out_.push_back({path, reason});
  }

  const Emitter& gates_;
  std::vector<WithheldField>& out_;
  std::map<std::string, const Leaf*> leaves_;
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
    readings.Clear();
    GeneralPath(tables).Read(record, &readings);
  }
  if (context.known_minor) extracts.minor = Extracts::Minor::kYes;
  gates.CloseGates(readings, extracts.minor);
  const Descriptor& type = *tables.spec.record_type;
  Explainer(tables, gates, withheld).Walk(type, RecordView(type, {record}), "", 0);
  return absl::OkStatus();
}

std::vector<WithheldField> WithheldFromBits(const ProjectionPlan& plan, const std::vector<uint64_t>& bits) {
  const ProjectionPlan::Tables& tables = plan.tables();
  std::vector<WithheldField> withheld;
  for (size_t bit = 0; bit < tables.withheld.size() && bit / 64 < bits.size(); ++bit) {
    if ((bits[bit / 64] >> (bit % 64) & 1) != 0)
      withheld.push_back({tables.withheld_paths[bit], tables.withheld[bit].reason});
  }
  return withheld;
}

}  // namespace postern::policy
