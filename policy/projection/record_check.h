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

  // *open gets a bit for each leaf of the spec that may leave: its condition, consent and age allow it, and where it is
  // in a oneof, the record has this member. False: what decides is written in a way that needs a parser (split
  // messages, several members of a oneof, maps, groups), or there are too many leaves.
  bool OpenLeaves(const ProjectionContext& context, absl::string_view record, uint64_t* open) const {
    *open = ~uint64_t{0};
    return usable_ && (!reads_ || Decide(context, record, open));
  }

  // As it stands on the wire: a number, or the bytes of what has a length.
  struct Value {
    uint64_t number = 0;
    absl::string_view bytes;
  };

 private:
  // What a tag is read for.
  struct Slot {
    const google::protobuf::FieldDescriptor* field = nullptr;
    uint64_t once = 0;      // of singular fields: its bit among those of the level
    uint64_t excludes = 0;  // bits of the other members of its oneof
    uint64_t members = 0;   // leaves that wait for this member of a oneof
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
    absl::InlinedVector<Value, 4> operands;
    absl::InlinedVector<bool, 4> present;
    Minority minority;
    uint64_t members = 0;  // leaves whose member of a oneof is there
  };

  int AddOperand(const FieldPath& path);
  // Null if a parser would be needed for the path.
  Slot* AddPath(const FieldPath& path);
  // Slots for the field, and for all members where it is one of a oneof's.
  Slot* Add(size_t level, const google::protobuf::FieldDescriptor& field);
  Slot* AddAlone(size_t level, const google::protobuf::FieldDescriptor& field);
  // The level below a slot; moves slots' levels, so the slot is void afterwards.
  size_t Enter(Slot* slot);
  // A leaf on whose path there is a oneof leaves only where that member counts.
  void AddMembers(const FieldPath& path, uint64_t leaf);
  // Takes from *open the leaves that may not leave.
  bool Decide(const ProjectionContext& context, absl::string_view record, uint64_t* open) const;
  bool Read(const Level& level, absl::string_view message, Values* values) const;
  bool ReadValue(const Slot& slot, const Value& value, Values* values) const;
  Operand OperandAt(int index, const Values& values) const;

  const PlanSpec& spec_;
  std::vector<Level> levels_;
  std::vector<Leaf> leaves_;
  std::vector<const google::protobuf::FieldDescriptor*> operands_;
  std::vector<FieldPath> operand_paths_;
  uint64_t waiting_ = 0;  // leaves in oneofs
  uint64_t barred_ = 0;   // those of them that need a parser: never open
  bool reads_ = false;    // something decides
  bool usable_ = true;
};

}  // namespace postern::policy
