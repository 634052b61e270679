// Applies a ProjectionPlan to the bytes of one record.
//
// The result means exactly what parse -> trim -> serialise means; anything malformed on a granted level is refused and
// yields no output. policy/README.md specifies the meaning. Pure: no clock, no I/O, no keys; what depends on them comes
// in through ProjectionContext.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "policy/projection/plan.h"

namespace postern::policy {

// HMAC under the partner's pseudonym key: writes 32 bytes. Called only for leaves with a pseudonymise transform.
using PseudonymFn = absl::FunctionRef<void(absl::string_view value, uint8_t digest[32])>;

// Facts about this disclosure that the record does not hold.
struct ProjectionContext {
  absl::CivilDay today;  // UTC; decides majority from a birth date
  PseudonymFn pseudonym;
  uint64_t consents_granted = 0;  // bit i: the consent ProjectionPlan::consents()[i] is on record for every subject
  bool known_minor = false;       // a subject record says so, whatever the record holds
};

// What the gateway itself needs from a record. Views point into the input.
struct Extracts {
  absl::string_view record_key;
  uint64_t record_version = 0;  // 0 if the type has none
  bool has_record_version = false;
  absl::string_view order_id;                       // the record key where the type has no order field
  std::vector<absl::string_view> subject_ids;       // in order of occurrence, without repeats
  std::vector<absl::string_view> subject_contacts;  // likewise; of persons without an id
  std::vector<absl::string_view> guardian_ids;
  enum class Minor { kUnknown, kYes, kNo } minor = Minor::kUnknown;
  absl::string_view destination_country;
  absl::string_view origin_country;
};

// Why a field did not leave. kUnfit: the grant's transform cannot take the value, or one of several; in exact reports
// only.
enum class WithheldReason : uint8_t {
  kNotGranted,
  kUnclassified,
  kUnknown,
  kCondition,
  kMinor,
  kConsent,
  kSuperseded,
  kUnfit
};

// Reused from record to record: clearing keeps capacity, so that steady traffic allocates nothing.
struct ProjectionResult {
  std::string bytes;  // the projected record; empty on error
  Extracts extracts;
  // Presence of what was withheld; WithheldFromBits reads it. Never shown to a partner.
  std::vector<uint64_t> withheld_bits;
  // Room for large records, kept from one to the next.
  std::vector<char> room;
  void Clear();
};

// One withheld leaf, as told to the shop.
struct WithheldField {
  std::string path;
  WithheldReason reason = WithheldReason::kNotGranted;
};

// Stateless; safe to call from any thread with distinct results.
// Errors: RECORD_MALFORMED, RECORD_TOO_DEEP, RECORD_KEY_MISSING, SUBJECT_MISSING, REQUIRED_FIELD_MISSING, CARD_NUMBER;
// each names the field path in metadata "path" where there is one, and never a value. On error `result->bytes` is
// empty.
absl::Status Project(const ProjectionPlan& plan, const ProjectionContext& context, absl::string_view record,
                     ProjectionResult* result);

// Only the field roles, for what must be known before projection (consents of the subjects). Same errors, except those
// of granted leaves.
absl::Status ExtractRoles(const ProjectionPlan& plan, absl::CivilDay today, absl::string_view record,
                          Extracts* extracts);

// The exact report, on demand: every leaf of the record that is present and not in the output, with its reason. Slow
// (parses).
absl::Status ExplainWithheld(const ProjectionPlan& plan, const ProjectionContext& context, absl::string_view record,
                             std::vector<WithheldField>* withheld);

// The report from a stored bitmap: paths with their reasons as far as the bitmap tells them.
std::vector<WithheldField> WithheldFromBits(const ProjectionPlan& plan, const std::vector<uint64_t>& bits);

}  // namespace postern::policy
