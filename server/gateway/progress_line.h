// Progress of long work, drawn for whoever waits: one line that is written over on a terminal, and elsewhere one line
// for each part once it is done.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace postern::gateway {

// Not thread-safe. Borrows the stream.
class ProgressLine {
 public:
  explicit ProgressLine(std::FILE* out);
  // Ends the line.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // `done` of `all` rows or steps of `part`.
  void Show(absl::string_view part, int64_t done, int64_t all);

 private:
  std::FILE* const out_;
  const bool terminal_;
  bool open_ = false;
  std::string part_;
  absl::Time next_ = absl::InfinitePast();
};

}  // namespace postern::gateway
