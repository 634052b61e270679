// Dates as records hold them: google.protobuf.Timestamp and messages of its form, messages with year, month and day,
// and "YYYY-MM-DD".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include <google/protobuf/descriptor.h>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/types/span.h"
#include "proto/postern/v1/contract.pb.h"

namespace postern::policy {

// Where a date message keeps its parts.
struct DateLayout {
  bool timestamp = false;  // parts are seconds and nanos; otherwise year, month, day
  struct Part {
    uint32_t number = 0;
    bool int32 = true;  // otherwise 64 bits
    bool implicit_presence = true;
  };
  std::array<Part, 3> parts;  // the third is unused in a timestamp
  int count() const { return timestamp ? 2 : 3; }
};

// The layout of `type` if it is a date: a message named Timestamp with int64 seconds and int32 nanos, or one with
// integer fields year, month and day (which may have more fields; those never leave with the date).
std::optional<DateLayout> DateLayoutOf(const google::protobuf::Descriptor& type);

struct DateParts {
  std::array<int64_t, 3> value{};
  std::array<bool, 3> present{};
};

// The parts in a message given as well-formed fragments; of several occurrences the last counts.
DateParts ReadDateParts(const DateLayout& layout, absl::Span<const absl::string_view> fragments);

// Rounds down to the first day of `unit`. False if the parts are no date: nothing can be said about such a value, so it
// does not leave. A part of zero in a year-month-day message means "not given" and stays zero.
bool GeneraliseDateParts(const DateLayout& layout, v1::Generalise::DateUnit unit, DateParts* parts);

// Appends the message's fields in canonical form.
void AppendDateParts(const DateLayout& layout, const DateParts& parts, std::string* out);

// Appends "YYYY-MM-DD" rounded down, or returns false if `text` is no such date.
bool AppendGeneralisedDate(absl::string_view text, v1::Generalise::DateUnit unit, std::string* out);

// A day in "YYYY-MM-DD".
std::optional<absl::CivilDay> ParseDay(absl::string_view text);

// The latest day that the parts can mean: a missing month or day counts as the last one. Nullopt without a year.
std::optional<absl::CivilDay> LatestDay(const DateLayout& layout, const DateParts& parts);

}  // namespace postern::policy
