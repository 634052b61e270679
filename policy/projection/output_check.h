// The verifier's quick look at an output: one pass over its bytes with a table of what is granted. It needs no record
// (what the record decides, RecordCheck has read from it) and no memory, and knows nothing of the projector.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "absl/strings/string_view.h"
#include "policy/projection/plan_spec.h"

namespace postern::policy {

// Thread-safe: immutable.
class OutputCheck {
 public:
  // `spec` must outlive this.
  explicit OutputCheck(const PlanSpec& spec);
  OutputCheck(const OutputCheck&) = delete;
  OutputCheck& operator=(const OutputCheck&) = delete;

  // True: `output` is in canonical order and holds nothing but values of granted leaves that may leave, `open` having a
  // bit for each leaf of the spec that may, and of a oneof one member; what a transform leaves of a value is no more
  // than it may leave. False: something is not so, or is rare or needs the record (groups, maps but those from text,
  // text with many digits), so somebody slower has to look.
  bool Covers(absl::string_view output, uint64_t open) const;

  // Messages nested deeper are for somebody slower.
  static constexpr size_t kMaxDepth = 16;
  // More leaves than `open` has bits for: nothing is covered.
  static constexpr size_t kMaxLeaves = 64;

 private:
  // Examined: the value says whether it may be there.
  enum class Kind : uint8_t {
    kNotCovered,
    kVarint,
    kFourBytes,
    kEightBytes,
    kExaminedNumber,
    kText,
    kExaminedText,
    kPacked,
    kMessage,
    kMapEntry
  };
  // What a tag stands for.
  struct Slot {
    Kind kind = Kind::kNotCovered;
    Kind element = Kind::kNotCovered;  // of a packed run, and of a number that is examined: as it would be otherwise
    uint8_t repeated = 0;              // 1 if so
    bool examined_elements = false;    // of a packed run
    uint32_t tag = 0;
    uint32_t level = 0;
    uint64_t leaves = 0;  // it, or any below it; 0: nobody may have it
    uint64_t oneof = 0;   // a bit for each oneof of the level
    const LeafSpec* leaf = nullptr;
    const google::protobuf::FieldDescriptor* field = nullptr;
  };
  struct Level {
    const google::protobuf::Descriptor* type = nullptr;
    std::vector<Slot> slots = {Slot()};     // the first is for all tags that nothing is granted of
    std::array<const Slot*, 128> by_tag{};  // of one byte; filled when all slots are there
    std::vector<const google::protobuf::OneofDescriptor*> oneofs;
  };

  void AddLeaf(const LeafSpec& leaf, uint64_t bit);
  Slot* Add(size_t level, const google::protobuf::FieldDescriptor& field);
  // 0 if the field is in none.
  static uint64_t OneofBit(const google::protobuf::FieldDescriptor& field, Level* level);
  void AddMap(const LeafSpec& leaf, uint64_t bit, size_t level);
  void AddDate(const LeafSpec& leaf, uint64_t bit, size_t level);
  static void Examine(Slot* slot);
  bool CoversMessage(const Level* level, const char* p, const char* end, uint64_t open) const;
  // The end of a value that is neither a plain text, a message nor a plain varint; null if it is not covered.
  const char* TakeRare(const Slot& slot, const char* p, const char* end, uint64_t open, bool again,
                       absl::string_view* last_key) const;
  // An entry of a map from text. Keys are in order and each is there once: above `last`, if there was one.
  bool CoversEntry(const Slot& slot, absl::string_view entry, uint64_t open, bool again, absl::string_view* last) const;
  static bool CoversRun(const Slot& slot, const char* p, const char* end);
  // The end of a number of `kind`; null if it is none.
  static const char* TakeNumber(Kind kind, const char* p, const char* end, uint64_t* number);
  // The first slot if there is none.
  static const Slot& Find(const Level& level, uint64_t tag);
  static bool CoversText(const Slot& slot, absl::string_view text);
  static bool CoversNumber(const Slot& slot, uint64_t number);

  std::vector<Level> levels_;
  bool covers_any_ = true;
};

}  // namespace postern::policy
