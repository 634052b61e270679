// The tables behind a ProjectionPlan, private to this folder. Everything is indexed, nothing is looked up by name, and
// nothing changes after BuildPlan.
//
// The paths of a plan (granted, read by a role, read by a condition) form a trie; each of its inner nodes is a Level. A
// level lists every field that its message type declares, so that a field is either here, or unknown.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "policy/projection/date_value.h"
#include "policy/projection/plan.h"
#include "policy/projection/predicate.h"
#include "policy/projection/projector.h"
#include "policy/projection/transform.h"
#include "policy/projection/wire.h"

namespace postern::policy {

using FieldType = google::protobuf::FieldDescriptor::Type;

// How a field's value is laid out, as far as the walk cares.
enum class Shape : uint8_t {
  kOpaque,   // withheld and unread: skipped by wire type
  kScalar,   // varint, fixed32, fixed64
  kText,     // string, bytes
  kMessage,  // delimited message that the plan enters
  kGroup,    // group that the plan enters
  kMap,      // map that the plan enters; its level is that of the entry: key 1, value 2
  kAny,      // google.protobuf.Any that the plan enters for some types; its level is that of the Any
};

// One declared field of a level.
struct Field {
  uint32_t number = 0;
  wire::Type wire_type = wire::kVarint;  // of one value; a packed run is always delimited
  FieldType type = google::protobuf::FieldDescriptor::TYPE_INT32;
  Shape shape = Shape::kOpaque;
  bool repeated = false;
  bool packed_output = false;
  bool implicit_presence = false;  // a zero value is an absent one
  bool check_utf8 = false;
  bool tracked = false;  // granted, read, or member of a oneof that has such a member: its order of occurrence matters
  bool has_grants = false;                 // a leaf, or a container of one
  bool has_reads = false;                  // read, or a container of a field that is
  bool has_anys = false;                   // an Any that is entered, or a container of one
  int32_t any = -1;                        // index into Tables::anys
  int16_t oneof = -1;                      // per level
  int32_t level = -1;                      // of containers
  int32_t leaf = -1;                       // index into Tables::leaves: granted
  int32_t date = -1;                       // index into Tables::dates: the message is granted or read as one date
  bool money = false;                      // the message is granted as one amount
  int32_t enum_values = -1;                // index into Tables::enums: closed, other values are unknown fields
  int32_t withheld_bit = -1;               // set when it occurs and is not granted
  int32_t superseded_bit = -1;             // set when another member of its oneof takes the place of what is granted
  int32_t reads_begin = 0, reads_end = 0;  // into Tables::reads
  int32_t gates_begin = 0, gates_end = 0;  // into Tables::gate_lists: a container leaves if one of these gates is open
  int32_t enum_default = 0;                // value of a map entry that has none
  bool check_key = false;                  // map: a card number in a key is refused
};

struct TagEntry {
  uint32_t tag;
  int32_t field;
};

struct Level {
  // Tag of one byte -> index into `fields` plus one; 0: unknown. Numbers to 15 come first in `fields`, so eight bits
  // are enough.
  std::array<uint8_t, 128> one_byte{};
  std::vector<TagEntry> long_tags;  // the others, sorted
  std::vector<Field> fields;        // by number
  std::vector<std::string> paths;   // by field; for errors
  std::string path;                 // of the message itself, empty for the record
  int depth = 0;
  int oneofs = 0;
  int32_t unknown_bit = -1;

  // Null for a number that is not declared, or comes with a wire type it cannot have.
  const Field* Find(uint32_t tag) const {
    if (tag < one_byte.size()) return one_byte[tag] == 0 ? nullptr : &fields[one_byte[tag] - 1];
    size_t low = 0, high = long_tags.size();
    while (low < high) {
      const size_t mid = (low + high) / 2;
      if (long_tags[mid].tag < tag) {
        low = mid + 1;
      } else {
        high = mid;
      }
    }
    return low < long_tags.size() && long_tags[low].tag == tag ? &fields[long_tags[low].field] : nullptr;
  }
  const std::string& PathOf(const Field& field) const { return paths[&field - fields.data()]; }
};

// What the plan does with one Any.
struct AnyUse {
  struct Packed {
    std::string type_url;
    int32_t level = -1;                      // of what the Any holds
    bool has_anys = false;                   // there are others in it
    int32_t gates_begin = 0, gates_end = 0;  // as in Field
  };
  std::vector<Packed> types;  // by type URL
  int32_t withheld_bit = -1;  // set when it holds anything else

  // Null if the type is not listed.
  const Packed* Find(absl::string_view type_url) const {
    for (const Packed& packed : types) {
      if (packed.type_url == type_url) return &packed;
    }
    return nullptr;
  }
};

// A granted leaf.
struct Leaf {
  std::string path;
  Transform transform;
  int32_t gate = 0;
  bool required = false;
  v1::CardNumberAction on_card_number = v1::CARD_NUMBER_ACTION_UNSPECIFIED;
};

// What a field is read for: a role, or an operand of a predicate.
struct Read {
  v1::FieldRole role = v1::FIELD_ROLE_UNSPECIFIED;
  int32_t operand = -1;
};

// What must hold for a leaf to leave. Gate 0 is always open.
struct Gate {
  std::vector<Predicate> when;
  bool withheld_from_minors = false;
  int consent = -1;
  int32_t country = -1;  // operand that a postcode behind it is cut by
};

// One bit of the withheld bitmap.
struct WithheldBit {
  WithheldReason reason = WithheldReason::kNotGranted;
  int32_t leaf = -1;  // of granted leaves whose gate can close; set from presence and gate, after the walk
};

struct FastPlan;

struct ProjectionPlan::Tables {
  std::string record_type;
  std::vector<std::string> consents, withheld_paths, granted_paths;
  bool needs_pseudonym_key = false;
  bool adult_only = false;
  bool roles_required = true;
  int32_t majority_age = 18;
  std::string record_key_path, record_version_path;

  std::vector<Level> levels;  // [0] is the record
  std::vector<Leaf> leaves;
  std::vector<DateLayout> dates;
  std::vector<AnyUse> anys;
  std::vector<std::vector<int32_t>> enums;  // sorted
  std::vector<Read> reads;
  std::vector<OperandType> operands;
  std::vector<FieldPath> operand_paths;  // by operand
  std::vector<Gate> gates;
  std::vector<int32_t> gate_lists;
  std::vector<WithheldBit> withheld;  // by bit, along with withheld_paths and then superseded_paths
  std::vector<std::string> superseded_paths;

  std::shared_ptr<const FastPlan> fast;  // null: beyond its limits

  PlanSpec spec;  // for the exact report, which does not work from tables

  bool dynamic() const { return gates.size() > 1; }
};

}  // namespace postern::policy
