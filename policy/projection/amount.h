// Amounts as one value: google.type.Money (whole units and billionths of one currency, google/type/money.proto) and
// google.type.Decimal (a number in text, google/type/decimal.proto).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <google/protobuf/descriptor.h>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace postern::policy {

// The greatest multiple of `step`, which is positive, that is not above `value`; nullopt if 64 bits do not hold it.
std::optional<int64_t> RoundDown(int64_t value, int64_t step);

// True if `type` is google.type.Money as published: proto3, string currency_code = 1, int64 units = 2, int32 nanos = 3.
bool IsMoney(const google::protobuf::Descriptor& type);
// True for the text of a google.type.Decimal.
bool IsDecimal(const google::protobuf::FieldDescriptor& field);
inline constexpr int kMoneyCurrency = 1, kMoneyUnits = 2, kMoneyNanos = 3;  // field numbers

struct Money {
  absl::string_view currency_code;
  int64_t units = 0;
  int32_t nanos = 0;
};

// What a parser holds of a message given as well-formed fragments; of several occurrences the last counts.
Money ReadMoney(absl::Span<const absl::string_view> fragments);

// Appends the fields, in canonical form, of the amount rounded down to a multiple of `step` whole units. False if the
// amount is none (units and nanos of different signs, a billion nanos or more) or the result is out of range.
bool AppendMoneyInSteps(const Money& money, int64_t step, std::string* out);

// Appends the number rounded down to a multiple of `step`, as an integer. False if `text` is no number: a sign or none,
// digits, perhaps a point and more digits; no exponent; at most 18 digits before the point that count.
bool AppendDecimalInSteps(absl::string_view text, int64_t step, std::string* out);

}  // namespace postern::policy
