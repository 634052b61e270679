// Publishes signed checkpoints of the audit log: into the store, and into a file outside of it that tells a restored or
// altered ledger from the true one.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/crypto/merkle.h"
#include "server/crypto/signed_note.h"
#include "server/storage/store.h"

namespace postern::gateway {

// Thread-safe.
class CheckpointPublisher {
 public:
  struct Options {
    std::string file;                                   // replaced atomically
    absl::Duration interval = absl::Milliseconds(200);  // at most one checkpoint in this time
    // Of signing keys that were replaced: a checkpoint that one of them signed is as good.
    std::vector<std::string> former_verifier_keys;
    // Told the first failure after a success, and the first success after it. May be null.
    std::function<void(const absl::Status&)> on_change;
  };
  // Borrows store and signer. The signer's name is the log's origin.
  CheckpointPublisher(storage::Store* store, const crypto::NoteSigner* signer, Options options);
  ~CheckpointPublisher() { Stop(); }

  // Before anything is appended: the ledger must extend the checkpoint in the file. DATA_LOSS if it is shorter, or its
  // tree differs: an old copy was restored or the ledger was altered, and serving would contradict what was published.
  // So too if the file is gone that a published checkpoint was in. OK if nothing was published yet.
  absl::Status VerifyLedger();

  void Start();
  // Publishes what is left and ends. Idempotent.
  void Stop();
  // Signs the tree head if it has moved on. What it signs is durable, for the store shows no other, and is what the
  // leaves hash to: those that came since the last checkpoint are read and hashed again. DATA_LOSS, and nothing is
  // signed, if they were altered.
  absl::Status Publish();

  // Size of the last published tree.
  uint64_t published() const { return published_; }
  int64_t failures() const { return failures_; }

 private:
  absl::Status VerifyUnpublished();
  // The tree of the first `size` leaves, from stored nodes.
  absl::StatusOr<crypto::MerkleFrontier> ReadFrontier(uint64_t size);
  // Hashes the leaves up to `head` again; their tree.
  absl::StatusOr<crypto::MerkleFrontier> Rehash(const storage::TreeHead& head)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(publishing_);
  void Loop();
  void TryPublish();

  // Constant after construction.
  storage::Store* const store_;
  const crypto::NoteSigner* const signer_;
  const Options options_;

  absl::Mutex publishing_;                                      // one at a time
  crypto::MerkleFrontier signed_ ABSL_GUARDED_BY(publishing_);  // of the last checkpoint
  bool failing_ = false;                                        // the thread's, and Stop's after it
  std::atomic<uint64_t> published_{0};
  std::atomic<int64_t> failures_{0};
  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace postern::gateway
