// The quick walk: one pass over the bytes in their own order. It checks the form of every level that the plan enters,
// and while the record is regular it reads and emits on the way.
//
// A record is regular if, at every level, the fields that matter come in ascending order of number, singular ones once,
// at most one member of a oneof, and no repeated field has to be regrouped; maps that matter make it irregular, because
// entries are sorted. Serialisers write regular records. Of an irregular one this walk only checks the form;
// general_path.h does the rest, and looks into what an Any holds, which is known only after the whole of it is read.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "policy/projection/emitter.h"
#include "policy/projection/presence.h"
#include "policy/projection/readings.h"
#include "policy/projection/tables.h"

namespace postern::policy {

class StreamingPath {
 public:
  // What to do on the way; null: not that. With neither emitter nor presence only the levels that are read are entered.
  struct Sinks {
    Readings* readings = nullptr;
    Emitter* emitter = nullptr;
    Presence* presence = nullptr;
  };
  StreamingPath(const ProjectionPlan::Tables& tables, const Sinks& sinks)
      : tables_(tables), sinks_(sinks), reads_only_(sinks.emitter == nullptr && sinks.presence == nullptr) {}

  // RECORD_MALFORMED, RECORD_TOO_DEEP. What the sinks got is complete only if regular() afterwards.
  absl::Status Run(absl::string_view record) { return Run(tables_.levels[0], record); }
  // The same for a message of another level.
  absl::Status Run(const Level& level, absl::string_view message);
  bool regular() const { return regular_; }

 private:
  // Order of the fields that matter within one message.
  struct Order {
    uint32_t last = 0;
    uint64_t oneofs = 0;
  };
  // Each returns the position after what it walked, or null after Fail. `group`: number of the group that is walked, 0
  // for a message.
  const char* WalkLevel(const Level& level, const char* p, const char* end, uint32_t group, bool emit);
  const char* WalkField(const Level& level, const Field& field, uint32_t tag, const char* p, const char* end, bool emit,
                        Order* order);
  const char* WalkScalar(const Level& level, const Field& field, const char* p, const char* end, bool emit,
                         Order* order);
  const char* WalkPacked(const Level& level, const Field& field, const char* p, const char* end, bool emit,
                         Order* order);
  const char* WalkText(const Level& level, const Field& field, const char* p, const char* end, bool emit, Order* order);
  const char* WalkMessage(const Level& level, const Field& field, const char* p, const char* end, bool emit,
                          Order* order);
  const char* WalkGroup(const Field& field, const char* p, const char* end, bool emit, Order* order);
  void HandleDate(const Field& field, absl::string_view content, bool emit);

  void Observe(const Field& field, Order* order);
  bool Emits(const Field& field, bool emit) const;
  bool Reads(const Field& field) const {
    return regular_ && sinks_.readings != nullptr && field.reads_begin != field.reads_end;
  }
  const char* Fail(const std::string& path);

  const ProjectionPlan::Tables& tables_;
  const Sinks sinks_;
  const bool reads_only_;
  bool regular_ = true;
  bool too_deep_ = false;
  const std::string* failed_path_ = nullptr;
};

// True if a singular or repeated closed enum has this raw value, or the field is no closed enum: otherwise the value is
// an unknown field.
bool IsKnownValue(const ProjectionPlan::Tables& tables, const Field& field, uint64_t raw);

}  // namespace postern::policy
