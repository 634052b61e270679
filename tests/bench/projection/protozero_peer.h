// The two grants as one would write them by hand with protozero: a loop a message, no plan, no check of UTF-8.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace postern::bench {

// Both write into `out`, whose capacity they keep. Right for records that are in field order and have nothing twice.
void ProtozeroCarrier(absl::string_view record, std::string* out);
void ProtozeroPayment(absl::string_view record, std::string* out);

}  // namespace postern::bench
