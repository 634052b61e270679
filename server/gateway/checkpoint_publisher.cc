#include "server/gateway/checkpoint_publisher.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/audit/checkpoint.h"
#include "server/base/failpoint.h"
#include "server/crypto/big_endian.h"
#include "server/gateway/atomic_file.h"
#include "server/gateway/published_checkpoint.h"
#include "server/identity/key_pair.h"

namespace postern::gateway {
namespace {

constexpr uint64_t kLeavesAtOnce = 4096;

}  // namespace

CheckpointPublisher::CheckpointPublisher(storage::Store* store, const crypto::NoteSigner* signer, Options options)
    : store_(store), signer_(signer), options_(std::move(options)) {}

absl::Status CheckpointPublisher::VerifyLedger() {
  absl::MutexLock lock(&publishing_);
  const absl::StatusOr<std::string> note = identity::ReadPublicFile(options_.file);
  if (absl::IsNotFound(note.status())) return VerifyUnpublished();
  POSTERN_RETURN_IF_ERROR(note.status());
  const absl::StatusOr<audit::Checkpoint> opened = OpenOwnCheckpoint(*note, *signer_, options_.former_verifier_keys);
  if (!opened.ok()) {
    return absl::DataLossError(
        absl::StrCat("the checkpoint in ", options_.file,
                     " was not signed for this ledger; if the audit signing key was replaced, the configuration's "
                     "former_audit_verifier_keys must name the old one"));
  }
  const audit::Checkpoint& checkpoint = *opened;
  POSTERN_ASSIGN_OR_RETURN(const storage::TreeHead head, store_->ReadTreeHead());
  if (checkpoint.size > head.size) {
    return absl::DataLossError(absl::StrCat("the ledger has ", head.size, " entries, and ", checkpoint.size,
                                            " were published in ", options_.file));
  }
  POSTERN_ASSIGN_OR_RETURN(crypto::MerkleFrontier tree, ReadFrontier(checkpoint.size));
  if (tree.Root() != checkpoint.root) {
    return absl::DataLossError(absl::StrCat("the ledger is not the one that was published in ", options_.file));
  }
  if (checkpoint.size < published_) {
    return absl::DataLossError(
        absl::StrCat("the checkpoint in ", options_.file, " is older than the last published one"));
  }
  signed_ = std::move(tree);
  published_ = checkpoint.size;
  return absl::OkStatus();
}

// The file is written before anybody is shown a checkpoint: where one was, the file was.
absl::Status CheckpointPublisher::VerifyUnpublished() {
  POSTERN_ASSIGN_OR_RETURN(const std::string shown, store_->ReadCheckpoint());
  if (shown.empty()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("checkpoints of the ledger were published, and ", options_.file, " is missing"));
}

void CheckpointPublisher::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void CheckpointPublisher::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  if (!thread_.joinable()) return;
  thread_.join();
  TryPublish();
}

absl::StatusOr<crypto::MerkleFrontier> CheckpointPublisher::ReadFrontier(uint64_t size) {
  std::string bytes = crypto::BigEndian64(size);
  for (int level = 63; level >= 0; --level) {
    if ((size >> level & 1) == 0) continue;
    POSTERN_ASSIGN_OR_RETURN(const storage::Hash32 subtree, store_->ReadTreeHash(level, (size >> level) - 1));
    absl::StrAppend(&bytes, crypto::AsBytes(subtree));
  }
  return crypto::MerkleFrontier::Parse(bytes);
}

absl::StatusOr<crypto::MerkleFrontier> CheckpointPublisher::Rehash(const storage::TreeHead& head) {
  crypto::MerkleFrontier tree = signed_;
  while (tree.size() < head.size) {
    const auto wanted = static_cast<int>(std::min<uint64_t>(head.size - tree.size(), kLeavesAtOnce));
    POSTERN_ASSIGN_OR_RETURN(const std::vector<std::string> leaves, store_->ReadLeaves(tree.size(), wanted));
    if (leaves.empty()) break;
    for (const std::string& leaf : leaves) tree.Append(crypto::MerkleLeafHash(leaf));
  }
  if (tree.size() == head.size && tree.Root() == head.root) return tree;
  return absl::DataLossError(
      absl::StrCat("entries of the ledger after the first ", signed_.size(), " are not those that were committed"));
}

absl::Status CheckpointPublisher::Publish() {
  absl::MutexLock lock(&publishing_);
  POSTERN_ASSIGN_OR_RETURN(const storage::TreeHead head, store_->ReadTreeHead());
  if (head.size == published_) return absl::OkStatus();
  POSTERN_ASSIGN_OR_RETURN(crypto::MerkleFrontier tree, Rehash(head));
  audit::Checkpoint checkpoint;
  checkpoint.origin = signer_->name();
  checkpoint.size = head.size;
  checkpoint.root = head.root;
  POSTERN_ASSIGN_OR_RETURN(const std::string note, audit::SignCheckpoint(checkpoint, *signer_));
  POSTERN_FAILPOINT("checkpoint.signed");
  // The file first: what a client has been shown is checked at the next start. What the file has and nobody was shown
  // is true all the same, for the head that was signed is durable.
  POSTERN_RETURN_IF_ERROR(WriteFileAtomically(options_.file, note));
  POSTERN_FAILPOINT("checkpoint.filed");
  POSTERN_RETURN_IF_ERROR(store_->WriteCheckpoint(note));
  signed_ = std::move(tree);
  published_ = head.size;
  return absl::OkStatus();
}

void CheckpointPublisher::TryPublish() {
  const absl::Status published = Publish();
  if (!published.ok()) ++failures_;
  if (published.ok() != failing_) return;
  failing_ = !published.ok();
  if (options_.on_change) options_.on_change(published);
}

void CheckpointPublisher::Loop() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stop_), options_.interval)) return;
    }
    TryPublish();
  }
}

}  // namespace postern::gateway
