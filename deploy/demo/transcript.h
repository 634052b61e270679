// What a partner of the demo got, as files: record bytes for the byte search, and a line a record for the counts.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace postern::demo {

// Appends to FOLDER/received.bin (4 bytes of length, big-endian, then the record) and FOLDER/received.tsv (name,
// nanoseconds since 1970, record type). Flushed with each record. Not thread-safe.
class Transcript {
 public:
  explicit Transcript(const std::string& folder);
  void Add(absl::string_view name, absl::string_view record_type, absl::string_view record, absl::Time when);

 private:
  std::ofstream bytes_;
  std::ofstream lines_;
};

// The records of FOLDER/received.bin. DATA_LOSS if it ends in the middle of one.
absl::StatusOr<std::vector<std::string>> ReadTranscript(const std::string& folder);

}  // namespace postern::demo
