#include "policy/projection/fast_path.h"

#include "policy/projection/errors.h"
#include "policy/projection/fast_finish.h"
#include "policy/projection/fast_plan.h"
#include "policy/projection/fast_walk.h"
#include "policy/projection/later.h"
#include "policy/projection/single_sink.h"

namespace postern::policy {
namespace {

constexpr size_t kStackRoom = 4096 + kSinkSlack;  // where most records are projected

// `Sink`: OpenSink for plans without gates, SingleSink for the others.
template <typename Sink>
bool Walks(const ProjectionPlan::Tables& tables, const ProjectionContext& context, absl::string_view record,
           ProjectionResult* result, absl::Status* status) {
  const FastPlan& plan = *tables.fast;
  const size_t spare = plan.transforms ? kFastSpare : 0;
  const size_t needed = record.size() + spare + kSinkSlack;
  char stack_room[kStackRoom];
  char* room = stack_room;
  if (needed > sizeof(stack_room)) {
    if (result->room.size() < needed) result->room.resize(needed);
    room = result->room.data();
  }

  Later<Emitter> emitter;  // for more than to keep all that is granted
  if (plan.transforms || Sink::kHasGates) emitter.Make(tables, context, &result->bytes);
  Later<Readings> readings;
  if (plan.reads) readings.Make(tables, context.today, &result->extracts);
  FastWalk<Sink> walk(tables, plan, readings.get());
  Sink sink(room, spare, emitter.get());
  if (!walk.Run(record, &sink)) return false;
  if (context.known_minor) result->extracts.minor = Extracts::Minor::kYes;
  if (plan.reads) {
    *status = readings->Finish();
    if (!status->ok()) return true;
  }

  uint64_t closed = 0;
  if constexpr (Sink::kHasGates) {
    // Every gate was taken to be open. Where one is not, what it guards has to go.
    emitter->CloseGates(plan.reads ? readings->operands() : absl::Span<const OperandValue>(), result->extracts.minor);
    closed = emitter->ClosedGates();
    if (closed != 0) {
      result->bytes.clear();
      sink = Sink(room, spare, emitter.get(), closed);
      FastWalk<Sink> again(tables, plan, nullptr);
      if (!again.Run(record, &sink)) return false;
    }
  }
  if (const Leaf* missing = FindMissing(tables, plan.report, walk.seen(), closed)) {
    *status = errors::RequiredFieldMissing(missing->path);
    return true;
  }
  ReportWithheld(tables, plan.report, walk.seen(), closed == 0 ? nullptr : emitter.get(), &result->withheld_bits);
  result->bytes.assign(sink.output().data(), sink.output().size());
  return true;
}

}  // namespace

bool ProjectFast(const ProjectionPlan::Tables& tables, const ProjectionContext& context, absl::string_view record,
                 ProjectionResult* result, absl::Status* status) {
  if (tables.fast == nullptr || record.size() > kMaxFastRecord) return false;
  return tables.fast->dynamic ? Walks<SingleSink>(tables, context, record, result, status)
                              : Walks<OpenSink>(tables, context, record, result, status);
}

}  // namespace postern::policy
