// Errors of the reports.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace postern::policy::errors {

absl::Status PartnerUnknown(absl::string_view partner);
absl::Status ContractUnknown(absl::string_view contract);
absl::Status RecordTypeUnknown(absl::string_view record_type);
absl::Status PurposeNotGranted(absl::string_view partner, absl::string_view purpose, absl::string_view record_type);
absl::Status DescriptorSetInvalid(absl::string_view first_problem);

}  // namespace postern::policy::errors
