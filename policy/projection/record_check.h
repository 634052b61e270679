// The verifier's quick look at a record: which leaves it lets leave. Reads nothing but what decides.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "policy/projection/plan_spec.h"
#include "policy/projection/projector.h"
#include "policy/projection/verifier_decisions.h"

namespace postern::policy {

// Thread-safe: immutable.
class RecordCheck {
 public:
  // `spec` must outlive this.
  explicit RecordCheck(const PlanSpec& spec);

  // *open gets a bit for each leaf of the spec that may leave. False: what decides is written in a way that needs a
  // parser (split messages, oneofs, maps, groups), or there are too many leaves.
  bool OpenLeaves(const ProjectionContext& context, absl::string_view record, uint64_t* open) const;

 private:
  // What a tag is read for.
  struct Slot {
    const google::protobuf::FieldDescriptor* field = nullptr;
    uint64_t once = 0;  // of singular fields: its bit among those of the level
    int operand = -1;
    bool minor_flag = false;
    bool birth_date = false;
    size_t level = 0;
  };
  struct Level {
    std::array<uint8_t, 128> slot_of{};  // by tags of one byte: index into `slots` plus one
    std::vector<std::pair<uint32_t, Slot>> slots;
  };
  struct Condition {
    const PredicateSpec* spec = nullptr;
    int left = -1, right = -1;
  };
  struct Leaf {
    const LeafSpec* spec = nullptr;
    std::vector<Condition> when;
  };
  struct Values {
    absl::InlinedVector<ViewedValue, 4> operands;
    absl::InlinedVector<bool, 4> present;
    Minority minority;
  };

  int AddOperand(const FieldPath& path);
  // Null if a parser would be needed for the path.
  Slot* AddPath(const FieldPath& path);
  Slot* Add(size_t level, const google::protobuf::FieldDescriptor& field);
  bool Read(const Level& level, absl::string_view message, Values* values) const;
  bool ReadValue(const Slot& slot, const ViewedValue& value, Values* values) const;
  Operand OperandAt(int index, const Values& values) const;

  const PlanSpec& spec_;
  std::vector<Level> levels_;
  std::vector<Leaf> leaves_;
  std::vector<const google::protobuf::FieldDescriptor*> operands_;
  std::vector<FieldPath> operand_paths_;
  bool reads_ = false;  // something decides
  bool usable_ = true;
};

}  // namespace postern::policy
