// When a term of days ends.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "proto/postern/v1/privacy_policy.pb.h"
#include "server/storage/store.h"

namespace postern::retention {

struct Term {
  v1::RetentionStart starts_on = v1::RETENTION_START_UNSPECIFIED;
  int days = 0;
};

// The end of `term` for a record disclosed at `disclosed` of an order with `events`; nullopt if nothing has started it.
// Counted in whole UTC days after the day of the start, so that no time zone and no leap day shortens it. An event that
// was never reported counts as of the first later one: an order whose after-sales service is closed was delivered.
std::optional<absl::Time> EndOf(const Term& term, absl::Time disclosed,
                                absl::Span<const storage::OrderEventRow> events);

}  // namespace postern::retention
