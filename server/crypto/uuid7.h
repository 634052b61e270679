// UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, then a part that grows within the millisecond.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace postern::crypto {

struct Uuid {
  std::array<uint8_t, 16> bytes{};

  absl::string_view AsBytes() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  // Lower-case, with hyphens.
  std::string ToString() const;
  // The time in the first 48 bits, millisecond precision.
  absl::Time time() const;

  friend bool operator==(const Uuid& a, const Uuid& b) { return a.bytes == b.bytes; }
  friend bool operator!=(const Uuid& a, const Uuid& b) { return a.bytes != b.bytes; }
  friend bool operator<(const Uuid& a, const Uuid& b) { return a.bytes < b.bytes; }
};

// The hyphenated form in either case. INVALID_ARGUMENT for anything else or another version or variant.
absl::StatusOr<Uuid> ParseUuid7(absl::string_view text);
// The 16-byte form, with the same checks.
absl::StatusOr<Uuid> Uuid7FromBytes(absl::string_view bytes);

// Makes ids that strictly grow in the order of the calls, also when the clock stands still or steps back. Thread-safe.
class Uuid7Generator {
 public:
  // INTERNAL if no random bytes can be had.
  absl::StatusOr<Uuid> Next(absl::Time now);

 private:
  absl::Mutex mutex_;
  uint64_t last_millis_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t last_high_ ABSL_GUARDED_BY(mutex_) = 0;  // the 12 bits after the version
  uint64_t last_low_ ABSL_GUARDED_BY(mutex_) = 0;   // the 62 bits after the variant
};

}  // namespace postern::crypto
