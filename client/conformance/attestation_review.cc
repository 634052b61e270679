#include "client/conformance/attestation_review.h"

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/conformance/signed_notice.h"
#include "client/verify/dsse.h"
#include "proto/errors/error.h"

namespace postern::client::conformance {
namespace {

using Statement = v1::DeletionAttestationStatement;

constexpr char kAttestationType[] = "application/vnd.postern.deletion-attestation.v1+protobuf";
constexpr absl::Duration kClockSkew = absl::Minutes(5);

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::Status CheckSignature(const v1::SignedEnvelope& given, const std::vector<verify::PublicKey>& keys) {
  std::vector<verify::SignatureView> signatures;
  for (const auto& one : given.signatures()) signatures.push_back({one.key_id(), one.signature()});
  if (given.payload_type() != kAttestationType ||
      !verify::VerifyEnvelope(given.payload_type(), given.payload(), signatures, keys).ok()) {
    return MakeError(v1::ERROR_REASON_ATTESTATION_SIGNATURE, "no registered key signed this as an attestation");
  }
  return absl::OkStatus();
}

absl::Status CheckOutcomes(const Statement& said, const v1::DeletionNoticeStatement& asked) {
  std::set<std::string> wanted;
  for (const auto& item : asked.items()) wanted.insert(item.handle());
  std::set<std::string> answered;
  for (const Statement::HandleOutcome& outcome : said.outcomes()) {
    if (wanted.count(outcome.handle()) == 0) {
      return MakeError(v1::ERROR_REASON_ATTESTATION_FOREIGN_HANDLE,
                       "an outcome is for a handle that was not asked for");
    }
    if (outcome.result() == Statement::RESULT_UNSPECIFIED) continue;
    if (!answered.insert(outcome.handle()).second) {
      return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, "a handle has two outcomes");
    }
    const bool kept = outcome.result() == Statement::RESULT_EXEMPTED;
    if (kept && (outcome.ground().empty() || ToTime(outcome.until()) <= ToTime(said.attest_time()))) {
      return MakeError(v1::ERROR_REASON_ATTESTATION_EXEMPTION, "an exemption has no ground or no end to come");
    }
  }
  const size_t missing = wanted.size() - answered.size();
  if (missing == 0) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_ATTESTATION_GAP, absl::StrCat(missing, " handles have no outcome"));
}

absl::Status CheckPlace(const Statement& said, const v1::SignedEnvelope& given, const v1::DeletionNotice& notice) {
  const auto amendment = [](absl::string_view what) { return MakeError(v1::ERROR_REASON_ATTESTATION_AMENDMENT, what); };
  if (!notice.has_attestation()) {
    return said.amends().empty() ? absl::OkStatus() : amendment("there is nothing to amend");
  }
  const std::string& before = notice.attestation().payload();
  if (said.amends().empty() || given.payload() == before) {
    return MakeError(v1::ERROR_REASON_ATTESTATION_REPLAYED, "the notice was attested before");
  }
  if (said.amends() != Sha256(before)) return amendment("another attestation than the last is amended");
  Statement earlier;
  if (!earlier.ParseFromString(before)) return amendment("the last attestation does not parse");
  std::map<std::string, Statement::Result> then;
  for (const auto& outcome : earlier.outcomes()) then[outcome.handle()] = outcome.result();
  for (const auto& outcome : said.outcomes()) {
    const Statement::Result was = then[outcome.handle()];
    if (was == Statement::RESULT_EXEMPTED ? outcome.result() == Statement::RESULT_NOT_FOUND : outcome.result() != was) {
      return amendment("what was attested is taken back");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Statement> Review(const v1::SignedEnvelope& given, const v1::DeletionNotice& notice,
                                 const std::string& partner, const std::vector<verify::PublicKey>& keys) {
  POSTERN_RETURN_IF_ERROR(CheckSignature(given, keys));
  Statement said;
  v1::DeletionNoticeStatement asked;
  if (!said.ParseFromString(given.payload()) || !asked.ParseFromString(notice.envelope().payload())) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, "the payload is not an attestation statement");
  }
  if (said.notice() != notice.name() || said.partner() != partner || said.notice_digest() != notice.digest()) {
    return MakeError(v1::ERROR_REASON_ATTESTATION_NOTICE_DIGEST, "it answers another notice");
  }
  const absl::Time attested = ToTime(said.attest_time());
  if (attested > absl::Now() + kClockSkew || attested < ToTime(asked.issue_time()) - kClockSkew) {
    return MakeError(v1::ERROR_REASON_ATTESTATION_TIME, "it is from before its notice, or from the future");
  }
  POSTERN_RETURN_IF_ERROR(CheckOutcomes(said, asked));
  POSTERN_RETURN_IF_ERROR(CheckPlace(said, given, notice));
  return said;
}

}  // namespace postern::client::conformance
