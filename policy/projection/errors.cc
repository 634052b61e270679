#include "policy/projection/errors.h"

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"

namespace postern::policy::errors {
namespace {

absl::Status AtPath(v1::ErrorReason reason, absl::string_view message, absl::string_view path) {
  if (path.empty()) return MakeError(reason, message);
  return MakeError(reason, absl::StrCat(message, ": ", path), {{"path", path}});
}

}  // namespace

absl::Status RecordMalformed(absl::string_view path) {
  return AtPath(v1::ERROR_REASON_RECORD_MALFORMED, "the record is not well-formed protobuf of its type", path);
}

absl::Status RecordTooDeep(absl::string_view path) {
  return AtPath(v1::ERROR_REASON_RECORD_TOO_DEEP, "the record nests too deep", path);
}

absl::Status RecordTooLarge() {
  return MakeError(v1::ERROR_REASON_RECORD_TOO_LARGE, "the record is larger than the limit");
}

absl::Status RecordKeyMissing(absl::string_view path) {
  return AtPath(v1::ERROR_REASON_RECORD_KEY_MISSING, "the record has no key", path);
}

absl::Status SubjectMissing() {
  return MakeError(v1::ERROR_REASON_SUBJECT_MISSING, "the record names no subject");
}

absl::Status RequiredFieldMissing(absl::string_view path) {
  return AtPath(v1::ERROR_REASON_REQUIRED_FIELD_MISSING, "a required field is absent or withheld", path);
}

absl::Status CardNumber(absl::string_view path) {
  return AtPath(v1::ERROR_REASON_CARD_NUMBER, "a field holds a payment card number", path);
}

absl::Status VerifierFinding(absl::string_view path, absl::string_view what) {
  return AtPath(v1::ERROR_REASON_VERIFIER_FINDING, what, path);
}

}  // namespace postern::policy::errors
