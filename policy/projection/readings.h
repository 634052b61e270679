// What the gateway itself reads from a record: field roles and operands of predicates.
#pragma once

#include <array>
#include <memory>

#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "absl/types/span.h"
#include "policy/projection/projector.h"
#include "policy/projection/tables.h"

namespace postern::policy {

// Empties the extracts; keeps the lists' capacity.
inline void ClearExtracts(Extracts* extracts) {
  extracts->record_key = {};
  extracts->record_version = 0;
  extracts->has_record_version = false;
  extracts->order_id = {};
  extracts->subject_ids.clear();
  extracts->subject_contacts.clear();
  extracts->guardian_ids.clear();
  extracts->minor = Extracts::Minor::kUnknown;
  extracts->destination_country = {};
  extracts->origin_country = {};
}

// Filled by a walk that calls it once for each value that the parsed record has, in field-number order of every level.
class Readings {
 public:
  Readings(const ProjectionPlan::Tables& tables, absl::CivilDay today, Extracts* extracts);

  void Scalar(const Field& field, uint64_t raw);
  void Text(const Field& field, absl::string_view value);
  void Date(const Field& field, const DateParts& parts);
  // Forgets everything; the walk starts over.
  void Clear();

  // After the walk: RECORD_KEY_MISSING, SUBJECT_MISSING or RECORD_MALFORMED (a negative version).
  absl::Status Finish();
  absl::Span<const OperandValue> operands() const { return operands_; }

 private:
  enum List { kSubjectIds, kSubjectContacts, kGuardianIds };
  void AddUnique(List which, absl::string_view value, std::vector<absl::string_view>* list);
  void SetBirthDate(std::optional<absl::CivilDay> day);
  void SetMinor(bool minor);

  const ProjectionPlan::Tables& tables_;
  const absl::CivilDay today_;
  Extracts* const extracts_;
  absl::InlinedVector<OperandValue, 8> operands_;
  using Seen = std::array<absl::flat_hash_set<absl::string_view>, 3>;
  std::unique_ptr<Seen> seen_;  // made once a list is long
  bool negative_version_ = false;
};

}  // namespace postern::policy
