#include "policy/projection/fast_path.h"

#include "policy/projection/errors.h"
#include "policy/projection/fast_finish.h"
#include "policy/projection/fast_plan.h"
#include "policy/projection/fast_walk.h"
#include "policy/projection/single_sink.h"

namespace postern::policy {
namespace {

constexpr size_t kStackRoom = 4096 + kSinkSlack;  // where most records are projected

using Walk = FastWalk<SingleSink>;

// `emitter`: null for a plan that keeps everything it grants.
bool Walks(const ProjectionPlan::Tables& tables, const ProjectionContext& context, absl::string_view record,
           Emitter* emitter, ProjectionResult* result, absl::Status* status) {
  const FastPlan& plan = *tables.fast;
  const size_t spare = plan.transforms ? kFastSpare : 0;
  const size_t needed = record.size() + spare + kSinkSlack;
  char stack_room[kStackRoom];
  char* room = stack_room;
  if (needed > sizeof(stack_room)) {
    if (result->room.size() < needed) result->room.resize(needed);
    room = result->room.data();
  }

  Readings readings(tables, context.today, &result->extracts);
  Walk walk(tables, plan, tables.reads.empty() ? nullptr : &readings);
  SingleSink sink(room, spare, emitter, 0);
  if (!walk.Run(record, &sink)) return false;
  if (context.known_minor) result->extracts.minor = Extracts::Minor::kYes;
  if (!tables.reads.empty() || tables.roles_required) {
    *status = readings.Finish();
    if (!status->ok()) return true;
  }

  uint64_t closed = 0;
  if (tables.dynamic()) {
    // Every gate was taken to be open. Where one is not, what it guards has to go.
    emitter->CloseGates(readings.operands(), result->extracts.minor);
    closed = emitter->ClosedGates();
  }
  if (closed != 0) {
    result->bytes.clear();
    sink = SingleSink(room, spare, emitter, closed);
    Walk again(tables, plan, nullptr);
    if (!again.Run(record, &sink)) return false;
  }
  if (!plan.required.empty()) {
    if (const Leaf* missing = FindMissing(tables, walk.seen(), closed)) {
      *status = errors::RequiredFieldMissing(missing->path);
      return true;
    }
  }
  ReportWithheld(tables, walk.seen(), closed == 0 ? nullptr : emitter, &result->withheld_bits);
  result->bytes.assign(sink.output().data(), sink.output().size());
  return true;
}

}  // namespace

bool ProjectFast(const ProjectionPlan::Tables& tables, const ProjectionContext& context, absl::string_view record,
                 ProjectionResult* result, absl::Status* status) {
  if (tables.fast == nullptr || record.size() > kMaxFastRecord) return false;
  if (!tables.fast->transforms && !tables.dynamic()) return Walks(tables, context, record, nullptr, result, status);
  Emitter emitter(tables, context, &result->bytes);
  return Walks(tables, context, record, &emitter, result, status);
}

}  // namespace postern::policy
