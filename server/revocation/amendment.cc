#include "server/revocation/amendment.h"

#include <algorithm>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "proto/errors/error.h"
#include "server/crypto/sha256.h"
#include "server/registry/errors.h"
#include "server/registry/times.h"
#include "server/revocation/errors.h"
#include "server/revocation/notice.h"

namespace postern::revocation {
namespace {

using Statement = v1::DeletionAttestationStatement;

constexpr int kNoticesARead = 16;

absl::StatusOr<Statement> Parse(const v1::SignedEnvelope& envelope) {
  Statement statement;
  if (!statement.ParseFromString(envelope.payload())) {
    return registry::errors::StoreInconsistent("an attestation does not parse");
  }
  return statement;
}

bool GivenBefore(const v1::SignedEnvelope& given, const v1::DeletionNotice& notice) {
  return given.payload() == notice.attestation().payload() ||
         std::any_of(notice.amended_attestations().begin(), notice.amended_attestations().end(),
                     [&](const v1::SignedEnvelope& before) { return before.payload() == given.payload(); });
}

// What is gone cannot come back, and what was kept is deleted when it goes.
bool MayFollow(const EarlierAnswer::Outcome& before, const EarlierAnswer::Outcome& now) {
  if (before.result() != Statement::RESULT_EXEMPTED) return before.result() == now.result();
  return now.result() == Statement::RESULT_EXEMPTED || now.result() == Statement::RESULT_DELETED;
}

}  // namespace

const EarlierAnswer::Outcome* EarlierAnswer::Find(const std::string& handle) const {
  const auto it = outcomes.find(handle);
  return it == outcomes.end() ? nullptr : &it->second;
}

absl::StatusOr<std::optional<EarlierAnswer>> ReadEarlierAnswer(const v1::DeletionNotice& notice) {
  if (notice.state() != v1::DeletionNotice::STATE_ATTESTED) return std::optional<EarlierAnswer>();
  POSTERN_ASSIGN_OR_RETURN(const Statement last, Parse(notice.attestation()));
  const bool amended = notice.amended_attestations_size() > 0;
  POSTERN_ASSIGN_OR_RETURN(const Statement first,
                           Parse(amended ? notice.amended_attestations(0) : notice.attestation()));
  EarlierAnswer answer;
  const crypto::Sha256Digest digest = crypto::Sha256(notice.attestation().payload());
  answer.digest = std::string(crypto::AsBytes(digest));
  answer.first = registry::ToTime(first.attest_time());
  answer.last = registry::ToTime(last.attest_time());
  for (const EarlierAnswer::Outcome& outcome : last.outcomes()) answer.outcomes.emplace(outcome.handle(), outcome);
  return answer;
}

bool SameOutcome(const EarlierAnswer::Outcome& one, const EarlierAnswer::Outcome& other) {
  return one.handle() == other.handle() && one.result() == other.result() && one.ground() == other.ground() &&
         registry::ToTime(one.until()) == registry::ToTime(other.until());
}

absl::Status CheckPlace(const Statement& statement, const v1::SignedEnvelope& given, const v1::DeletionNotice& notice,
                        const std::optional<EarlierAnswer>& earlier) {
  const std::string& name = notice.name();
  if (!IsAttested(notice)) {
    if (statement.amends().empty()) return absl::OkStatus();
    return errors::AttestationAmendment(name, "was not attested before: there is nothing to amend");
  }
  if (statement.amends().empty() || GivenBefore(given, notice)) return errors::AttestationReplayed(name);
  if (!earlier) return errors::AttestationAmendment(name, "is attested by a document, which amends nothing");
  if (statement.amends() != earlier->digest) {
    return errors::AttestationAmendment(name, "only the last attestation can be amended");
  }
  if (notice.amended_attestations_size() >= kMaxAmendments) {
    return errors::AttestationAmendment(name, "was amended too often");
  }
  if (registry::ToTime(statement.attest_time()) < earlier->last) {
    return errors::AttestationTime(name, "the attestation is older than the one it amends");
  }
  bool changes = false;
  for (const EarlierAnswer::Outcome& outcome : statement.outcomes()) {
    const EarlierAnswer::Outcome* before = earlier->Find(outcome.handle());
    if (before == nullptr) continue;  // foreign, which is another reason
    if (!MayFollow(*before, outcome)) {
      return errors::AttestationAmendment(name, "what was deleted or not found stays so, and what was kept is deleted");
    }
    changes = changes || !SameOutcome(*before, outcome);
  }
  return changes ? absl::OkStatus() : errors::AttestationAmendment(name, "the amendment changes nothing");
}

absl::Status CheckNotAskedAgain(storage::Store& store, const Statement& statement, const storage::NoticeRow& notice,
                                const EarlierAnswer& earlier, absl::Time now) {
  absl::flat_hash_set<std::string> ended;
  for (const EarlierAnswer::Outcome& outcome : statement.outcomes()) {
    const EarlierAnswer::Outcome* before = earlier.Find(outcome.handle());
    if (before == nullptr || SameOutcome(*before, outcome)) continue;
    if (registry::ToTime(before->until()) <= now) ended.insert(outcome.handle());
  }
  for (int64_t after = notice.row; !ended.empty();) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::NoticeRow> later,
                             store.ListNotices(notice.partner, notice.campaign, after, kNoticesARead, false));
    if (later.empty()) break;
    after = later.back().row;
    for (const storage::NoticeRow& other : later) {
      POSTERN_ASSIGN_OR_RETURN(const v1::DeletionNoticeStatement asked, StatementOf(other.notice));
      if (std::any_of(asked.items().begin(), asked.items().end(),
                      [&](const auto& item) { return ended.contains(item.handle()); })) {
        return errors::AttestationAmendment(notice.notice.name(), "a later notice asks for the same again");
      }
    }
  }
  return absl::OkStatus();
}

void PutAttestation(const v1::SignedEnvelope& given, absl::Time now, v1::DeletionNotice* notice) {
  if (notice->state() == v1::DeletionNotice::STATE_ATTESTED) {
    *notice->add_amended_attestations() = notice->attestation();
  }
  notice->set_state(v1::DeletionNotice::STATE_ATTESTED);
  *notice->mutable_attestation() = given;
  registry::SetTime(now, notice->mutable_attest_time());
}

}  // namespace postern::revocation
