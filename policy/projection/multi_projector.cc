#include "policy/projection/multi_projector.h"

#include <algorithm>
#include <array>
#include <utility>

#include "policy/projection/errors.h"
#include "policy/projection/fast_finish.h"
#include "policy/projection/fast_path.h"
#include "policy/projection/fast_walk.h"
#include "policy/projection/later.h"
#include "policy/projection/multi_sink.h"
#include "policy/projection/shared_plan.h"
#include "policy/projection/tables.h"

namespace postern::policy {
namespace {

using Emitters = std::array<Later<Emitter>, kMaxTargets>;

// One target while the walks are under way. There is room for kMaxTargets of them, and only what is used gets written.
class Lane {
 public:
  Lane() {}  // NOLINT(modernize-use-equals-default,cppcoreguidelines-pro-type-member-init): void before Start

  // `emitter`: null for a plan that keeps everything it grants; its output is that of the target's result.
  void Start(const ProjectionPlan::Tables& tables, const SharedPlan::Part& part, const MultiProjector::Target& target,
             Emitter* emitter) {
    tables_ = &tables;
    part_ = &part;
    context_ = target.context;
    result_ = target.result;
    emitter_ = emitter;
    closed_ = 0;
    result_->bytes.clear();
    ClearExtracts(&result_->extracts);
  }
  // Where the walk writes; what was written before is void.
  SingleSink MakeSink(absl::string_view record) const {
    const size_t spare = tables_->fast->transforms ? kFastSpare : 0;
    const size_t needed = record.size() + spare + kSinkSlack;
    if (result_->room.size() < needed) result_->room.resize(needed);
    if (emitter_ != nullptr) result_->bytes.clear();
    return SingleSink(result_->room.data(), spare, emitter_);
  }

  // Takes what the walk read, which may be this target's own.
  void TakeExtracts(const Extracts& extracts) {
    if (&result_->extracts != &extracts) result_->extracts = extracts;
  }
  void AddFacts() {
    if (context_->known_minor) result_->extracts.minor = Extracts::Minor::kYes;
  }
  // True if a gate is closed.
  bool CloseGates(absl::Span<const OperandValue> operands) {
    if (!tables_->fast->dynamic) return false;
    absl::InlinedVector<OperandValue, 8> own;
    for (const int32_t operand : part_->operands) own.push_back(operands[operand]);
    emitter_->CloseGates(own, result_->extracts.minor);
    closed_ = emitter_->ClosedGates();
    return closed_ != 0;
  }

  // Takes away from `targets` the leaves that are closed to this one, whose bit is `bit`.
  void Withhold(uint8_t bit, LeafTargets* targets) const {
    for (size_t leaf = 0; leaf < part_->fields.size(); ++leaf) {
      const Field* const own = part_->fields[leaf];
      if (own == nullptr || (closed_ >> tables_->leaves[own->leaf].gate & 1) == 0) continue;
      (*targets)[leaf] &= static_cast<uint8_t>(~bit);
    }
  }

  absl::Status Finish(const uint64_t* seen, absl::string_view output) {
    if (const Leaf* missing = FindMissing(*tables_, part_->report, seen, closed_)) {
      result_->Clear();
      return errors::RequiredFieldMissing(missing->path);
    }
    ReportWithheld(*tables_, part_->report, seen, closed_ == 0 ? nullptr : emitter_, &result_->withheld_bits);
    result_->bytes.assign(output.data(), output.size());
    return absl::OkStatus();
  }

 private:
  const ProjectionPlan::Tables* tables_;
  const SharedPlan::Part* part_;
  const ProjectionContext* context_;
  ProjectionResult* result_;
  Emitter* emitter_;
  uint64_t closed_;
};

}  // namespace

MultiProjector::MultiProjector(std::vector<std::shared_ptr<const ProjectionPlan>> plans,
                               std::unique_ptr<const SharedPlan> shared)
    : plans_(std::move(plans)), shared_(std::move(shared)) {
  if (shared_ != nullptr) shared_->TargetsOfContainers(shared_->leaf_targets, &container_targets_);
}
MultiProjector::~MultiProjector() = default;

absl::StatusOr<std::unique_ptr<const MultiProjector>> MultiProjector::Create(
    std::vector<std::shared_ptr<const ProjectionPlan>> plans) {
  if (plans.empty()) return absl::InvalidArgumentError("a projector needs a plan");
  for (const auto& plan : plans) {
    if (plan->tables().spec.record_type != plans[0]->tables().spec.record_type) {
      return absl::InvalidArgumentError("the plans of one walk are of one record type");
    }
  }
  std::unique_ptr<const SharedPlan> shared = BuildSharedPlan(plans);
  return std::unique_ptr<const MultiProjector>(new MultiProjector(std::move(plans), std::move(shared)));
}

void MultiProjector::Project(absl::string_view record, absl::Span<Target> targets) const {
  if (ProjectShared(record, targets)) return;
  for (size_t i = 0; i < targets.size(); ++i) {
    targets[i].status = policy::Project(*plans_[i], *targets[i].context, record, targets[i].result);
  }
}

bool MultiProjector::ProjectShared(absl::string_view record, absl::Span<Target> targets) const {
  if (shared_ == nullptr || record.size() > kMaxFastRecord) return false;
  const absl::CivilDay today = targets[0].context->today;
  if (std::any_of(targets.begin(), targets.end(), [&](const Target& t) { return t.context->today != today; })) {
    return false;
  }
  const SharedPlan& shared = *shared_;
  const ProjectionPlan::Tables& tables = shared.plan->tables();
  std::array<Lane, kMaxTargets> lanes;
  Later<Emitters> emitters;
  if (shared.emits) emitters.Make();
  MultiSinkState state;
  state.count = targets.size();
  state.leaf_targets = &shared.leaf_targets;
  state.container_targets = container_targets_.data();
  state.plans = shared.parts.data();
  for (size_t i = 0; i < targets.size(); ++i) {
    const ProjectionPlan::Tables& own = *shared.parts[i].tables;
    const bool emits = own.fast->transforms || own.fast->dynamic;
    Emitter* const emitter =
        emits ? &(*emitters.get())[i].Make(own, *targets[i].context, &targets[i].result->bytes) : nullptr;
    lanes[i].Start(own, shared.parts[i], targets[i], emitter);
    state.sinks[i] = lanes[i].MakeSink(record);
  }
  // The first target's extracts are filled, and copied to the others before its own facts go in.
  Extracts& extracts = targets[0].result->extracts;
  Later<Readings> readings;
  if (tables.fast->reads) readings.Make(tables, today, &extracts);
  FastWalk<MultiSink> walk(tables, *tables.fast, readings.get());
  MultiSink sink(&state);
  if (!walk.Run(record, &sink)) return false;
  absl::Span<const OperandValue> operands;
  if (tables.fast->reads) {
    if (const absl::Status read = readings->Finish(); !read.ok()) {
      for (Target& target : targets) {
        target.result->Clear();
        target.status = read;
      }
      return true;
    }
    operands = readings->operands();
  }
  unsigned closed = 0;  // a bit for each target with a closed gate
  for (size_t i = targets.size(); i-- > 0;) {
    if (tables.fast->reads) lanes[i].TakeExtracts(extracts);
    lanes[i].AddFacts();
    closed |= static_cast<unsigned>(lanes[i].CloseGates(operands)) << i;
  }
  LeafTargets open;
  std::vector<uint8_t> open_containers;
  if (closed != 0) {
    // Every gate was taken to be open. Where some are not, what they guard has to go.
    open = shared.leaf_targets;
    for (size_t i = 0; i < targets.size(); ++i) {
      if ((closed >> i & 1) != 0) lanes[i].Withhold(static_cast<uint8_t>(1u << i), &open);
    }
    shared.TargetsOfContainers(open, &open_containers);
    state.leaf_targets = &open;
    state.container_targets = open_containers.data();
    for (size_t i = 0; i < targets.size(); ++i) state.sinks[i] = lanes[i].MakeSink(record);
    FastWalk<MultiSink> again(tables, *tables.fast, nullptr);
    if (!again.Run(record, &sink)) return false;
  }
  for (size_t i = 0; i < targets.size(); ++i) {
    targets[i].status = lanes[i].Finish(walk.seen(), state.sinks[i].output());
  }
  return true;
}

}  // namespace postern::policy
