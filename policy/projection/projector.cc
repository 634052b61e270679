#include "policy/projection/projector.h"

#include <limits>

#include "policy/projection/emitter.h"
#include "policy/projection/errors.h"
#include "policy/projection/fast_path.h"
#include "policy/projection/general_path.h"
#include "policy/projection/presence.h"
#include "policy/projection/readings.h"
#include "policy/projection/streaming_path.h"
#include "policy/projection/tables.h"
#include "proto/errors/error.h"

namespace postern::policy {
namespace {

constexpr size_t kMaxRecordSize = std::numeric_limits<int32_t>::max();

// Leaves behind a closed gate that the record has.
void ReportClosedGates(const ProjectionPlan::Tables& tables, const Emitter& emitter, Presence* presence) {
  for (size_t bit = 0; bit < tables.withheld.size(); ++bit) {
    const WithheldBit& withheld = tables.withheld[bit];
    if (withheld.leaf < 0 || !presence->HasLeaf(withheld.leaf)) continue;
    const Leaf& leaf = tables.leaves[withheld.leaf];
    if (!emitter.IsOpen(leaf) && emitter.ReasonOf(leaf) == withheld.reason) presence->Set(static_cast<int32_t>(bit));
  }
}

// The steps of one projection by the walks that take every record: check the form and read; decide what may leave;
// emit. Where nothing has to be decided, the first walk emits.
absl::Status ProjectAny(const ProjectionPlan::Tables& tables, const ProjectionContext& context,
                        absl::string_view record, ProjectionResult* result) {
  if (record.size() > kMaxRecordSize) return errors::RecordTooLarge();
  Readings readings(tables, context.today, &result->extracts);
  readings.Clear();
  result->bytes.clear();
  Emitter emitter(tables, context, &result->bytes);
  Presence presence(tables, &result->withheld_bits);

  const bool decides = tables.dynamic();
  StreamingPath first(tables, {&readings, decides ? nullptr : &emitter, &presence});
  POSTERN_RETURN_IF_ERROR(first.Run(record));
  if (!first.regular()) {
    if (!tables.anys.empty()) POSTERN_RETURN_IF_ERROR(GeneralPath(tables).CheckAnys(record, &presence));
    readings.Clear();
    GeneralPath(tables).Read(record, &readings);
  }
  if (context.known_minor) result->extracts.minor = Extracts::Minor::kYes;
  POSTERN_RETURN_IF_ERROR(readings.Finish());

  emitter.CloseGates(readings.operands(), result->extracts.minor);
  if (!first.regular()) {
    emitter.Restart();
    GeneralPath(tables).Emit(record, &emitter, &presence);
  } else if (decides) {
    POSTERN_RETURN_IF_ERROR(StreamingPath(tables, {nullptr, &emitter, nullptr}).Run(record));
  }
  ReportClosedGates(tables, emitter, &presence);
  return emitter.Finish();
}

}  // namespace

void ProjectionResult::Clear() {
  bytes.clear();
  ClearExtracts(&extracts);
  withheld_bits.clear();
}

absl::Status Project(const ProjectionPlan& plan, const ProjectionContext& context, absl::string_view record,
                     ProjectionResult* result) {
  const ProjectionPlan::Tables& tables = plan.tables();
  result->bytes.clear();
  ClearExtracts(&result->extracts);
  absl::Status status;
  if (!ProjectFast(tables, context, record, result, &status)) status = ProjectAny(tables, context, record, result);
  if (!status.ok()) result->Clear();
  return status;
}

absl::Status ExtractRoles(const ProjectionPlan& plan, absl::CivilDay today, absl::string_view record,
                          Extracts* extracts) {
  const ProjectionPlan::Tables& tables = plan.tables();
  if (record.size() > kMaxRecordSize) return errors::RecordTooLarge();
  Readings readings(tables, today, extracts);
  readings.Clear();
  StreamingPath walk(tables, {&readings, nullptr, nullptr});
  absl::Status status = walk.Run(record);
  if (status.ok()) {
    if (!walk.regular()) {
      readings.Clear();
      GeneralPath(tables).Read(record, &readings);
    }
    status = readings.Finish();
  }
  if (!status.ok()) ClearExtracts(extracts);
  return status;
}

}  // namespace postern::policy
