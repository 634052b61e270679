// Errors of projection. Paths are schema names; no error holds a value of the record.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace postern::policy::errors {

absl::Status RecordMalformed(absl::string_view path);
absl::Status RecordTooDeep(absl::string_view path);
absl::Status RecordTooLarge();
absl::Status RecordKeyMissing(absl::string_view path);
absl::Status SubjectMissing();
absl::Status RequiredFieldMissing(absl::string_view path);
absl::Status CardNumber(absl::string_view path);
absl::Status VerifierFinding(absl::string_view path, absl::string_view what);

}  // namespace postern::policy::errors
