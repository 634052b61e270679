// The walk for records that are not regular: indexes the occurrences of each message, merges what was split, drops what
// was superseded, and only then reads or emits, in field-number order.
//
// Works on records whose form the streaming walk has already checked, so nothing but CheckAnys can fail. Time is O(n
// log n) in the record's size for each level of the plan; recursion goes as deep as the plan, never as deep as the
// input.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "policy/projection/emitter.h"
#include "policy/projection/presence.h"
#include "policy/projection/readings.h"
#include "policy/projection/tables.h"

namespace postern::policy {

class GeneralPath {
 public:
  explicit GeneralPath(const ProjectionPlan::Tables& tables) : tables_(tables) {}
  // `readings` and `emitter` have been cleared. Emit also reports what was superseded.
  void Read(absl::string_view record, Readings* readings);
  void Emit(absl::string_view record, Emitter* emitter, Presence* presence);
  // The form of what every Any holds that counts and is of a listed type, and which withheld fields are in it; before
  // the others, if the plan enters an Any. RECORD_MALFORMED, RECORD_TOO_DEEP.
  absl::Status CheckAnys(absl::string_view record, Presence* presence);

 private:
  // One value of a field that matters: [begin, end) is the content of a delimited value or group.
  struct Occurrence {
    const Field* field;
    const char* begin;
    const char* end;
    uint64_t raw;
    uint32_t epoch;  // of its oneof: grows whenever another member takes over
    bool packed;
  };
  // One entry of a map.
  struct Entry {
    uint64_t key = 0;  // as OperandBits
    uint64_t raw_key = 0;
    absl::string_view text_key;
    uint64_t raw_value = 0;
    absl::string_view text_value;
    absl::string_view content;
  };

  bool reading() const { return readings_ != nullptr; }
  bool emitting() const { return emitter_ != nullptr; }
  bool Matters(const Field& field) const {
    return reading() ? field.has_reads : emitting() ? field.has_grants : field.has_anys;
  }
  void Walk(absl::string_view record);
  // Walks the message whose bytes are the concatenation of fragments_[from..].
  void WalkMessage(const Level& level, size_t from);
  void IndexFragment(const Level& level, absl::string_view fragment, absl::Span<uint32_t> epochs,
                     absl::Span<const Field*> members);
  // Handles occurrences_[begin, end), all of one field.
  void HandleField(const Field& field, size_t begin, size_t end);
  void HandleScalars(const Field& field, size_t begin, size_t end);
  void HandleTexts(const Field& field, size_t begin, size_t end);
  void HandleMessages(const Field& field, size_t begin, size_t end);
  void HandleMessage(const Field& field, size_t begin, size_t end);
  // The Any that fragments_[base..] hold. False if nothing of it leaves.
  bool HandleAny(const Field& field, size_t base);
  void WalkPacked(const AnyUse::Packed& type, absl::string_view value);
  void CheckAny(const AnyUse& use, const AnyUse::Packed* type, absl::string_view value);
  void HandleMap(const Field& field, size_t begin, size_t end);
  void HandleEntry(const Field& map, const Entry& entry);
  // False if the entry is an unknown field: its value is no value of a closed enum.
  bool ParseEntry(const Level& level, absl::string_view content, Entry* entry) const;
  // The date message that fragments_[base..] hold.
  DateParts DateAt(const Field& field, size_t base) const;
  // Puts the value fragments of an entry on fragments_.
  void PushValueFragments(const Field& value, absl::string_view content);
  template <typename Each>
  void ForEachElement(const Field& field, size_t begin, size_t end, Each&& each);

  const ProjectionPlan::Tables& tables_;
  Readings* readings_ = nullptr;
  Emitter* emitter_ = nullptr;
  Presence* presence_ = nullptr;
  absl::Status checked_;                      // of CheckAnys, the first error
  std::vector<Occurrence> occurrences_;       // a stack: each message uses the top, from its own base
  std::vector<absl::string_view> fragments_;  // likewise
};

}  // namespace postern::policy
