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

// One target while the walks are under way.
class Lane {
 public:
  Lane(const ProjectionPlan& plan, const SharedPlan::Part& part, absl::string_view record,
       const MultiProjector::Target& target)
      : tables_(plan.tables()),
        part_(part),
        context_(*target.context),
        result_(*target.result),
        spare_(tables_.fast->transforms ? kFastSpare : 0) {
    const size_t needed = record.size() + spare_ + kSinkSlack;
    if (result_.room.size() < needed) result_.room.resize(needed);
    if (tables_.fast->transforms || tables_.dynamic()) emitter_.Make(tables_, context_, &result_.bytes);
    Start();
  }

  // What was written is void.
  void Start() {
    result_.bytes.clear();
    sink_.Make(result_.room.data(), spare_, emitter_.get(), 0);
  }
  SingleSink* sink() { return sink_.get(); }

  // Takes what the walk read. True if a gate is closed.
  bool CloseGates(const Extracts& extracts, absl::Span<const OperandValue> operands) {
    if (!tables_.reads.empty() && &result_.extracts != &extracts) result_.extracts = extracts;
    if (context_.known_minor) result_.extracts.minor = Extracts::Minor::kYes;
    if (!tables_.dynamic()) return false;
    absl::InlinedVector<OperandValue, 8> own;
    for (const int32_t operand : part_.operands) own.push_back(operands[operand]);
    emitter_->CloseGates(own, result_.extracts.minor);
    closed_ = emitter_->ClosedGates();
    return closed_ != 0;
  }

  // Takes away from `targets` the leaves that are closed to this one, whose bit is `bit`.
  void Withhold(uint8_t bit, LeafTargets* targets) const {
    for (size_t leaf = 0; leaf < part_.fields.size(); ++leaf) {
      const Field* const own = part_.fields[leaf];
      if (own == nullptr || (closed_ >> tables_.leaves[own->leaf].gate & 1) == 0) continue;
      (*targets)[leaf] &= static_cast<uint8_t>(~bit);
    }
  }

  absl::Status Finish(const uint64_t* seen) {
    if (const Leaf* missing = FindMissing(tables_, part_.report, seen, closed_)) {
      result_.Clear();
      return errors::RequiredFieldMissing(missing->path);
    }
    ReportWithheld(tables_, part_.report, seen, closed_ == 0 ? nullptr : emitter_.get(), &result_.withheld_bits);
    result_.bytes.assign(sink_->output().data(), sink_->output().size());
    return absl::OkStatus();
  }

 private:
  const ProjectionPlan::Tables& tables_;
  const SharedPlan::Part& part_;
  const ProjectionContext& context_;
  ProjectionResult& result_;
  const size_t spare_;
  uint64_t closed_ = 0;
  Later<Emitter> emitter_;
  Later<SingleSink> sink_;
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
  std::array<Later<Lane>, kMaxTargets> lanes;
  MultiSinkState state;
  state.count = targets.size();
  state.leaf_targets = &shared.leaf_targets;
  state.container_targets = container_targets_.data();
  for (size_t i = 0; i < targets.size(); ++i) {
    targets[i].result->Clear();
    lanes[i].Make(*plans_[i], shared.parts[i], record, targets[i]);
    state.sinks[i] = lanes[i]->sink();
    state.tables[i] = &plans_[i]->tables();
    state.fields[i] = shared.parts[i].fields.data();
  }
  // The first target's extracts are filled, and copied to the others before its own facts go in.
  Extracts& extracts = targets[0].result->extracts;
  Readings readings(tables, today, &extracts);
  FastWalk<MultiSink> walk(tables, *tables.fast, tables.reads.empty() ? nullptr : &readings);
  MultiSink sink(&state);
  if (!walk.Run(record, &sink)) return false;
  if (const absl::Status read = readings.Finish(); !read.ok()) {
    for (Target& target : targets) {
      target.result->Clear();
      target.status = read;
    }
    return true;
  }
  unsigned closed = 0;  // a bit for each target with a closed gate
  for (size_t i = targets.size(); i-- > 0;) {
    closed |= static_cast<unsigned>(lanes[i]->CloseGates(extracts, readings.operands())) << i;
  }
  LeafTargets open;
  std::vector<uint8_t> open_containers;
  if (closed != 0) {
    // Every gate was taken to be open. Where some are not, what they guard has to go.
    open = shared.leaf_targets;
    for (size_t i = 0; i < targets.size(); ++i) {
      if ((closed >> i & 1) != 0) lanes[i]->Withhold(static_cast<uint8_t>(1u << i), &open);
    }
    shared.TargetsOfContainers(open, &open_containers);
    state.leaf_targets = &open;
    state.container_targets = open_containers.data();
    for (size_t i = 0; i < targets.size(); ++i) {
      lanes[i]->Start();
      state.sinks[i] = lanes[i]->sink();
    }
    FastWalk<MultiSink> again(tables, *tables.fast, nullptr);
    if (!again.Run(record, &sink)) return false;
  }
  for (size_t i = 0; i < targets.size(); ++i) targets[i].status = lanes[i]->Finish(walk.seen());
  return true;
}

}  // namespace postern::policy
