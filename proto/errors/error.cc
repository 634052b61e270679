#include "proto/errors/error.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace postern {
namespace {

constexpr absl::string_view kReasonUrl = "postern.v1/reason";
constexpr absl::string_view kMetadataUrlPrefix = "postern.v1/metadata/";

}  // namespace

absl::StatusCode CodeOf(v1::ErrorReason reason) {
  switch (reason) {
    case v1::ERROR_REASON_UNAUTHENTICATED:
    case v1::ERROR_REASON_IDENTITY_AMBIGUOUS:
    case v1::ERROR_REASON_CREDENTIAL_EXPIRED:
      return absl::StatusCode::kUnauthenticated;
    case v1::ERROR_REASON_ROLE_DENIED:
    case v1::ERROR_REASON_PURPOSE_NOT_GRANTED:
    case v1::ERROR_REASON_ATTESTATION_SIGNATURE:
      return absl::StatusCode::kPermissionDenied;
    case v1::ERROR_REASON_INVALID_ARGUMENT:
    case v1::ERROR_REASON_POLICY_INVALID:
    case v1::ERROR_REASON_RECORD_TYPE_UNKNOWN:
    case v1::ERROR_REASON_RECORD_MALFORMED:
    case v1::ERROR_REASON_RECORD_TOO_DEEP:
    case v1::ERROR_REASON_RECORD_TOO_LARGE:
    case v1::ERROR_REASON_RECORD_KEY_MISSING:
    case v1::ERROR_REASON_SUBJECT_MISSING:
    case v1::ERROR_REASON_CARD_NUMBER:
    case v1::ERROR_REASON_REQUEST_ID_INVALID:
    case v1::ERROR_REASON_DELIVERY_UNKNOWN:
      return absl::StatusCode::kInvalidArgument;
    case v1::ERROR_REASON_NOT_FOUND:
    case v1::ERROR_REASON_PARTNER_UNKNOWN:
      return absl::StatusCode::kNotFound;
    case v1::ERROR_REASON_ALREADY_EXISTS:
    case v1::ERROR_REASON_REQUEST_ID_REUSED:
    case v1::ERROR_REASON_ATTESTATION_REPLAYED:
      return absl::StatusCode::kAlreadyExists;
    case v1::ERROR_REASON_ETAG_MISMATCH:
    case v1::ERROR_REASON_RECORD_VERSION_STALE:
    case v1::ERROR_REASON_EARLIER_RECORD_REFUSED:
    case v1::ERROR_REASON_FENCED:
    case v1::ERROR_REASON_STREAM_SUPERSEDED:
      return absl::StatusCode::kAborted;
    case v1::ERROR_REASON_LEDGER_UNAVAILABLE:
    case v1::ERROR_REASON_DRAINING:
    case v1::ERROR_REASON_PARTNER_UNREACHABLE:
      return absl::StatusCode::kUnavailable;
    case v1::ERROR_REASON_OVERLOADED:
    case v1::ERROR_REASON_RESULT_LIMIT:
      return absl::StatusCode::kResourceExhausted;
    case v1::ERROR_REASON_OUTCOME_UNKNOWN:
      return absl::StatusCode::kUnknown;
    case v1::ERROR_REASON_VERIFIER_FINDING:
    case v1::ERROR_REASON_UNSPECIFIED:
      return absl::StatusCode::kInternal;
    default:
      return absl::StatusCode::kFailedPrecondition;
  }
}

absl::Status MakeError(v1::ErrorReason reason, absl::string_view message, ErrorMetadata metadata) {
  absl::Status status(CodeOf(reason), message);
  const std::string& name = v1::ErrorReason_Name(reason);
  status.SetPayload(kReasonUrl, absl::Cord(name));
  for (const auto& [key, value] : metadata) status.SetPayload(absl::StrCat(kMetadataUrlPrefix, key), absl::Cord(value));
  return status;
}

absl::Status MakeErrorWithCode(absl::StatusCode code, v1::ErrorReason reason, absl::string_view message,
                               const std::vector<std::pair<std::string, std::string>>& metadata) {
  absl::Status status(code, message);
  status.SetPayload(kReasonUrl, absl::Cord(v1::ErrorReason_Name(reason)));
  for (const auto& [key, value] : metadata) status.SetPayload(absl::StrCat(kMetadataUrlPrefix, key), absl::Cord(value));
  return status;
}

v1::ErrorReason ReasonOf(const absl::Status& status) {
  if (status.ok()) return v1::ERROR_REASON_UNSPECIFIED;
  const auto payload = status.GetPayload(kReasonUrl);
  v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
  if (payload) v1::ErrorReason_Parse(std::string(*payload), &reason);
  return reason;
}

std::string MetadataOf(const absl::Status& status, absl::string_view key) {
  const auto payload = status.GetPayload(absl::StrCat(kMetadataUrlPrefix, key));
  return payload ? std::string(*payload) : std::string();
}

std::vector<std::pair<std::string, std::string>> AllMetadataOf(const absl::Status& status) {
  std::vector<std::pair<std::string, std::string>> out;
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& value) {
    if (absl::ConsumePrefix(&url, kMetadataUrlPrefix)) out.emplace_back(std::string(url), std::string(value));
  });
  return out;
}

}  // namespace postern
