#include "server/disclosure/originals.h"

#include <utility>
#include <vector>

#include "proto/errors/error.h"
#include "server/crypto/sha256.h"
#include "server/disclosure/subjects_secret.h"
#include "server/disclosure/sealed_payload.h"
#include "server/storage/errors.h"

namespace postern::disclosure {

absl::StatusOr<std::optional<storage::CommitResult>> Originals::Find(const storage::RequestKey& request,
                                                                     const crypto::Sha256Digest& content) const {
  POSTERN_ASSIGN_OR_RETURN(std::optional<storage::CommittedRequest> found, store_->FindRequest(request));
  if (!found.has_value()) return std::nullopt;
  POSTERN_ASSIGN_OR_RETURN(const storage::DisclosureRow row, store_->ReadDisclosure(found->result.id));
  std::vector<crypto::KeyHandle> subjects;
  for (const crypto::Uuid& stored : row.key_ids) {
    POSTERN_ASSIGN_OR_RETURN(const crypto::KeyId id, FromStored(stored));
    if (id.kind() != crypto::KeyKind::kSubject) continue;
    absl::StatusOr<crypto::KeyHandle> key = keys_->Get(id);
    if (LostForGood(key.status())) return std::nullopt;
    POSTERN_RETURN_IF_ERROR(key.status());
    subjects.push_back(*std::move(key));
  }
  POSTERN_ASSIGN_OR_RETURN(const storage::Hash32 digest, SubjectsSecret(subjects).KeyedContent(content));
  if (!crypto::ConstantTimeEquals(crypto::AsBytes(digest), crypto::AsBytes(found->content_digest))) {
    return storage::errors::RequestIdReused();
  }
  return std::move(found->result);
}

}  // namespace postern::disclosure
