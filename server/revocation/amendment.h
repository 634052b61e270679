// An attestation that takes the place of an earlier one of the same notice: what was kept on a ground is deleted, or is
// kept on another ground or until another time. Each embeds the digest of the one before it, so that the answers to a
// notice are a chain which anybody can follow.
#pragma once

#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/postern/v1/deletion.pb.h"
#include "server/storage/store.h"

namespace postern::revocation {

// Amendments that one notice takes.
inline constexpr int kMaxAmendments = 16;

// What a notice was answered with so far.
struct EarlierAnswer {
  using Outcome = v1::DeletionAttestationStatement::HandleOutcome;
  std::string digest;                                  // SHA-256 of the last attestation's payload: 32 bytes
  absl::Time first;                                    // when the first of the chain was given, by the partner's clock
  absl::Time last;                                     // and the last
  absl::flat_hash_map<std::string, Outcome> outcomes;  // the last word on each handle

  // Null for a handle that was not answered.
  const Outcome* Find(const std::string& handle) const;
};

// Nothing if no signed attestation of `notice` was believed yet. INTERNAL if one that was does not parse.
absl::StatusOr<std::optional<EarlierAnswer>> ReadEarlierAnswer(const v1::DeletionNotice& notice);

// True if both say the same of the same handle.
bool SameOutcome(const EarlierAnswer::Outcome& one, const EarlierAnswer::Outcome& other);

// Whether `statement`, in itself sound and signed as `given`, has its place after the earlier answers of `notice`:
// ATTESTATION_REPLAYED (a first answer to an answered notice, or one of the chain again), ATTESTATION_TIME (older than
// the answer it amends), ATTESTATION_AMENDMENT (amends nothing, or not the last one, changes nothing, takes back that
// something was deleted or not found, or is one too many).
absl::Status CheckPlace(const v1::DeletionAttestationStatement& statement, const v1::SignedEnvelope& given,
                        const v1::DeletionNotice& notice, const std::optional<EarlierAnswer>& earlier);

// ATTESTATION_AMENDMENT if the amendment changes the word on a handle that a later notice of the campaign asks for
// again, its ground having ended: there is the place to answer. Reads later notices only if a changed ground has ended.
absl::Status CheckNotAskedAgain(storage::Store& store, const v1::DeletionAttestationStatement& statement,
                                const storage::NoticeRow& notice, const EarlierAnswer& earlier, absl::Time now);

// Makes `given` the notice's attestation, with the one before it in its history.
void PutAttestation(const v1::SignedEnvelope& given, absl::Time now, v1::DeletionNotice* notice);

}  // namespace postern::revocation
