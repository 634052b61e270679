#include "policy/report/errors.h"

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"

namespace postern::policy::errors {

absl::Status PartnerUnknown(absl::string_view partner) {
  return MakeError(v1::ERROR_REASON_PARTNER_UNKNOWN, absl::StrCat("no contract of \"", partner, "\" in the bundle"),
                   {{"partner", partner}});
}

absl::Status ContractUnknown(absl::string_view contract) {
  return MakeError(v1::ERROR_REASON_NOT_FOUND, absl::StrCat("no contract \"", contract, "\" in the bundle"),
                   {{"contract", contract}});
}

absl::Status RecordTypeUnknown(absl::string_view record_type) {
  return MakeError(v1::ERROR_REASON_RECORD_TYPE_UNKNOWN,
                   absl::StrCat("\"", record_type, "\" is not a record type of the catalogue"),
                   {{"record_type", record_type}});
}

absl::Status PurposeNotGranted(absl::string_view partner, absl::string_view purpose, absl::string_view record_type) {
  return MakeError(v1::ERROR_REASON_PURPOSE_NOT_GRANTED,
                   absl::StrCat("\"", partner, "\" has no grant for ", purpose, " of ", record_type),
                   {{"partner", partner}, {"purpose", purpose}, {"record_type", record_type}});
}

absl::Status DescriptorSetInvalid(absl::string_view first_problem) {
  return MakeError(v1::ERROR_REASON_POLICY_INVALID, absl::StrCat("the descriptor set does not link: ", first_problem));
}

}  // namespace postern::policy::errors
