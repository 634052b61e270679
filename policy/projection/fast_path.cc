#include "policy/projection/fast_path.h"

#include <optional>

#include "policy/projection/errors.h"
#include "policy/projection/fast_finish.h"
#include "policy/projection/fast_plan.h"
#include "policy/projection/fast_walk.h"
#include "policy/projection/single_sink.h"

namespace postern::policy {
namespace {

constexpr size_t kStackRoom = 4096 + kSinkSlack;  // where most records are projected

using Walk = FastWalk<SingleSink>;

}  // namespace

bool ProjectFast(const ProjectionPlan::Tables& tables, const ProjectionContext& context, absl::string_view record,
                 ProjectionResult* result, absl::Status* status) {
  if (tables.fast == nullptr || record.size() > kMaxFastRecord) return false;
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
  std::optional<Emitter> emitter;
  if (plan.transforms || tables.dynamic()) emitter.emplace(tables, context, &result->bytes);
  Walk walk(tables, plan, tables.reads.empty() ? nullptr : &readings);
  SingleSink sink(room, spare, emitter ? &*emitter : nullptr, 0);
  if (!walk.Run(record, &sink)) return false;
  if (context.known_minor) result->extracts.minor = Extracts::Minor::kYes;
  *status = readings.Finish();
  if (!status->ok()) return true;

  uint64_t closed = 0;
  if (tables.dynamic()) {
    // Every gate was taken to be open. Where one is not, what it guards has to go.
    emitter->CloseGates(readings.operands(), result->extracts.minor);
    closed = emitter->ClosedGates();
  }
  if (closed != 0) {
    result->bytes.clear();
    sink = SingleSink(room, spare, &*emitter, closed);
    Walk again(tables, plan, nullptr);
    if (!again.Run(record, &sink)) return false;
  }
  if (const Leaf* missing = FindMissing(tables, walk.seen(), closed)) {
    *status = errors::RequiredFieldMissing(missing->path);
    return true;
  }
  ReportWithheld(tables, walk.seen(), emitter ? &*emitter : nullptr, &result->withheld_bits);
  result->bytes.assign(room, static_cast<size_t>(sink.at() - room));
  return true;
}

}  // namespace postern::policy
