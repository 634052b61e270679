#include "server/gateway/checkpoint_publisher.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/audit/checkpoint.h"
#include "server/audit/proof.h"
#include "server/base/failpoint.h"
#include "server/gateway/atomic_file.h"
#include "server/identity/key_pair.h"

namespace postern::gateway {

CheckpointPublisher::CheckpointPublisher(storage::Store* store, const crypto::NoteSigner* signer, Options options)
    : store_(store), signer_(signer), options_(std::move(options)) {}

absl::Status CheckpointPublisher::VerifyLedger() {
  const absl::StatusOr<std::string> note = identity::ReadPublicFile(options_.file);
  if (absl::IsNotFound(note.status())) return VerifyUnpublished();
  POSTERN_RETURN_IF_ERROR(note.status());
  absl::StatusOr<audit::Checkpoint> opened = audit::OpenCheckpoint(*note, signer_->VerifierKey());
  for (const std::string& former : options_.former_verifier_keys) {
    if (!opened.ok()) opened = audit::OpenCheckpoint(*note, former);
  }
  if (!opened.ok() || opened->origin != signer_->name()) {
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
  POSTERN_ASSIGN_OR_RETURN(const crypto::Sha256Digest root,
                           audit::TreeRoot(checkpoint.size, [this](uint8_t level, uint64_t index) {
                             return store_->ReadTreeHash(level, index);
                           }));
  if (root != checkpoint.root) {
    return absl::DataLossError(absl::StrCat("the ledger is not the one that was published in ", options_.file));
  }
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

absl::Status CheckpointPublisher::Publish() {
  absl::MutexLock lock(&publishing_);
  POSTERN_ASSIGN_OR_RETURN(const storage::TreeHead head, store_->ReadTreeHead());
  if (head.size == published_) return absl::OkStatus();
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
