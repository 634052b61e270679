#include "server/disclosure/errors.h"

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"

namespace postern::disclosure::errors {

absl::Status InvalidField(absl::string_view field, absl::string_view what) {
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat(field, " ", what), {{"field", field}});
}

absl::Status NotFound(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_NOT_FOUND, "there is no such resource", {{"resource", name}});
}

absl::Status PartnerSuspended(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_PARTNER_SUSPENDED, "the partner is suspended", {{"partner", name}});
}

absl::Status PartnerNotActive(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_PARTNER_NOT_ACTIVE, "the partner was never activated", {{"partner", name}});
}

absl::Status PolicyVersion(absl::string_view active) {
  return MakeError(v1::ERROR_REASON_POLICY_VERSION, "another version of the privacy policy is active",
                   {{"active", active}});
}

absl::Status PurposeNotGranted(absl::string_view partner, absl::string_view purpose, absl::string_view record_type) {
  return MakeError(v1::ERROR_REASON_PURPOSE_NOT_GRANTED,
                   "the partner's contract does not grant this purpose for this record type",
                   {{"partner", partner}, {"purpose", purpose}, {"record_type", record_type}});
}

absl::Status RecordTypeUnknown(absl::string_view record_type) {
  return MakeError(v1::ERROR_REASON_RECORD_TYPE_UNKNOWN, "the catalogue does not have this record type",
                   {{"record_type", record_type}});
}

absl::Status ConsentRequired(absl::string_view purpose) {
  return MakeError(v1::ERROR_REASON_CONSENT_REQUIRED, "the subject's consent is not on record", {{"purpose", purpose}});
}

absl::Status SubjectRestricted(absl::string_view purpose) {
  return MakeError(v1::ERROR_REASON_SUBJECT_RESTRICTED, "a subject of the record has closed this use",
                   {{"purpose", purpose}});
}

absl::Status SubjectSuppressed() {
  return MakeError(v1::ERROR_REASON_SUBJECT_SUPPRESSED, "a subject of the record was erased and has not come back");
}

absl::Status EarlierRecordRefused() {
  return MakeError(v1::ERROR_REASON_EARLIER_RECORD_REFUSED, "an earlier record of the same key was refused");
}

absl::Status CanaryReserved() {
  return MakeError(v1::ERROR_REASON_CANARY_RESERVED, "the record concerns an invented person of another partner");
}

absl::Status CategoryFrozen(absl::string_view partner, absl::string_view purpose) {
  return MakeError(v1::ERROR_REASON_CATEGORY_FROZEN,
                   "a category that the grant releases is stopped while a complaint is looked into",
                   {{"partner", partner}, {"purpose", purpose}});
}

absl::Status RequestIdInvalid() {
  return MakeError(v1::ERROR_REASON_REQUEST_ID_INVALID, "request_id must be a UUIDv7");
}

absl::Status RequestIdExpired() {
  return MakeError(v1::ERROR_REASON_REQUEST_ID_EXPIRED, "the time in request_id is not within the last 24 hours");
}

absl::Status LedgerUnavailable() {
  return MakeError(v1::ERROR_REASON_LEDGER_UNAVAILABLE, "the ledger cannot be written, so nothing is served");
}

absl::Status Overloaded(absl::string_view what) {
  return MakeError(v1::ERROR_REASON_OVERLOADED, absl::StrCat("too many ", what), {{"limit", what}});
}

absl::Status ChannelMismatch(absl::string_view partner) {
  return MakeError(v1::ERROR_REASON_CHANNEL_MISMATCH, "the partner's records are pushed or posted to it",
                   {{"resource", partner}});
}

absl::Status Draining() {
  return MakeError(v1::ERROR_REASON_DRAINING, "the gateway is shutting down");
}

absl::Status Fenced() {
  return MakeError(v1::ERROR_REASON_FENCED, "a revocation has overtaken this");
}

absl::Status CredentialExpired() {
  return MakeError(v1::ERROR_REASON_CREDENTIAL_EXPIRED, "the certificate of this stream has expired");
}

absl::Status KeyShredded() {
  return MakeError(v1::ERROR_REASON_KEY_SHREDDED, "the key that this needs was destroyed");
}

absl::Status Inconsistent(absl::string_view what) {
  return absl::InternalError(absl::StrCat("stored state contradicts itself: ", what));
}

}  // namespace postern::disclosure::errors
