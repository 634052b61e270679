// The plan as the fast walk wants it: for every message level one table from tag to operation.
// Derived from ProjectionPlan::Tables, for plans within the limits below; others do without.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "policy/projection/fast_report.h"
#include "policy/projection/tables.h"

namespace postern::policy {

inline constexpr size_t kMaxFastLevels = 48;
inline constexpr int kMaxFastDepth = 12;         // messages below the record
inline constexpr size_t kMaxFastFields = 63;     // declared in one message
inline constexpr size_t kMaxSharedLeaves = 256;  // of a plan that several targets share
inline constexpr size_t kCardDigits = 13;        // the fewest that a card number has
inline constexpr unsigned kUnknownBit = 63;      // of the fields seen: one that is not declared

enum class FastOp : uint8_t {
  kLeave,  // not for the fast walk: malformed, or worth the general walk (groups, most maps that matter)
  // Not granted, and its order does not matter.
  kSkipVarint,
  kSkipFixed64,
  kSkipFixed32,
  kSkipDelimited,
  kSkipRepeated,  // delimited, with a tag of one byte, of a repeated field
  // Granted and kept, with nothing else to it.
  kVarint,        // 64 bits wide
  kNarrowVarint,  // 32 bits, or enum
  kFixed64,
  kFixed32,
  kBytes,
  kText,
  kGuardedText,  // may not hold a card number
  // A message that the plan enters.
  kMessage,
  // An entry of a granted map from text to what is no message, kept as it is.
  kMapEntry,
  // Everything else that matters: read, in a oneof, transformed, of a closed enum, packed, bool.
  kSpecial,
};

struct FastEntry {
  uint64_t seen = 0;  // its bit among the fields seen in its level: FastLevel::seen_bits
  FastOp op = FastOp::kLeave;
  uint8_t rank = 0;       // place in the order of the level's fields, from 1
  uint8_t floor = 0;      // the highest rank that may have come before
  uint8_t gate = 0;       // of a leaf; a map's leaf is its values
  bool implicit = false;  // a zero is an absent one
  uint8_t leaf = 0;       // of the first kMaxSharedLeaves
  uint16_t index = 0;     // kMessage: into FastPlan::containers; otherwise into Level::fields
};

struct FastLevel;

struct FastContainer {
  const Field* field = nullptr;
  uint64_t gates = 0;  // leaves if one of them is open
  uint16_t index = 0;  // in FastPlan::containers
  const FastLevel* inner = nullptr;
  std::array<char, 8> tag{};  // as it stands on the wire, in the first `tag_size`
  uint8_t tag_size = 0;
  int16_t oneof = -1;
  bool is_value = false;  // its content is read or granted as one value: a date, an amount
  bool emits = false;     // something below it is granted leaf by leaf
  bool list = false;      // of a repeated field, and emits
};

struct LongEntry {
  uint32_t tag = 0;
  FastEntry entry;
};

struct FastLevel {
  // The entries of all tags with one second byte, by the first.
  using Row = std::array<FastEntry, 128>;
  static constexpr unsigned kTwoByteTags = 8;  // second bytes that are looked up: field numbers 16 to 143

  Row one_byte;
  std::array<const Row*, kTwoByteTags + 1> two_bytes{};  // by second byte
  std::vector<std::unique_ptr<Row>> rows;                // those of them in which something is declared
  std::vector<LongEntry> long_tags;                      // the declared ones, sorted
  std::array<FastEntry, 8> unknown;                      // by wire type
  const Level* level = nullptr;
  uint8_t index = 0;  // in FastPlan::levels
  // By field, its bit among those seen in this level. The fields that are withheld stand in the order that they have in
  // the report, below kUnknownBit, so that they get there in one piece.
  std::vector<uint8_t> seen_bits;

  const FastEntry& Find(uint32_t tag) const { return tag < one_byte.size() ? one_byte[tag] : FindLong(tag); }
  const FastEntry& FindLong(uint32_t tag) const;
};

struct FastPlan {
  FastLevel::Row unknown;         // where nothing is declared
  std::vector<FastLevel> levels;  // as in Tables
  size_t level_count = 0;         // its size
  std::vector<FastContainer> containers;
  FastReport report;        // of the plan by itself
  bool transforms = false;  // there are leaves that an Emitter writes: changed ones, and whole messages
  bool reads = false;       // something has to be read: roles, or operands
  bool dynamic = false;     // there are gates
};

// Null if the plan is beyond the limits. Points into `tables`, whose levels must not move afterwards.
std::unique_ptr<const FastPlan> BuildFastPlan(const ProjectionPlan::Tables& tables);

}  // namespace postern::policy
