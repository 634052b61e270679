// What the verifier believes of a single released value: whether it can have come from the value in the record by the
// leaf's transform.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "policy/projection/plan_spec.h"
#include "policy/projection/projector.h"

namespace postern::policy {

// Text forms as TextOf gives them. Empty if plausible, otherwise what is wrong.
std::string CheckReleasedText(const LeafSpec& leaf, const ProjectionContext& context, const std::string& original,
                              const std::string& released);
// For postcode transforms: `country` is what the record says, or its default.
std::string CheckReleasedPostcode(const LeafSpec& leaf, const std::string& country, const std::string& original,
                                  const std::string& released);
// `real`: a float or a double.
std::string CheckReleasedNumber(const LeafSpec& leaf, bool real, const std::string& original,
                                const std::string& released);

// The same as far as it shows without the original: no more is left of a text than the transform leaves. False also
// where only the original can tell.
bool IsPlausibleText(const LeafSpec& leaf, absl::string_view released);

// `original` and `released` are the parts of a date message by field name.
struct DateFields {
  int64_t seconds = 0, nanos = 0, year = 0, month = 0, day = 0;
  bool operator==(const DateFields&) const = default;
};
// Likewise of a google.type.Money.
struct MoneyFields {
  std::string currency_code;
  int64_t units = 0, nanos = 0;
};
std::string CheckReleasedMoney(const LeafSpec& leaf, const MoneyFields& original, const MoneyFields& released);
std::string CheckReleasedDate(const LeafSpec& leaf, const DateFields& original, const DateFields& released);

}  // namespace postern::policy
