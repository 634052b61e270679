// The part of the self-check that is about people: what they asked and complained of, terms of their data that ended,
// and whether what they allowed is what disclosures are judged by.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/maintenance_service.pb.h"
#include "server/registry/subject_standings.h"
#include "server/storage/store.h"

namespace postern::gateway {

using FindFn =
    absl::FunctionRef<void(v1::CheckFinding::Severity severity, absl::string_view subject, absl::string_view message)>;

// A warning so long before a request or an investigation is due.
inline constexpr absl::Duration kDueSoon = absl::Hours(24 * 3);
// Background work is behind only when it is that late.
inline constexpr absl::Duration kBehind = absl::Hours(24);

// Requests and investigations that are due soon or overdue; people whose withdrawals were not carried through, or of
// whom memory holds something else than the store. Numbers only. LEDGER_UNAVAILABLE.
absl::Status CheckPeople(storage::Store& store, const registry::SubjectStandings& standings, absl::Time now,
                         FindFn find);

// Orders with a term that is over for longer than kBehind. LEDGER_UNAVAILABLE.
absl::Status CheckTerms(storage::Store& store, absl::Time now, FindFn find);

}  // namespace postern::gateway
