// Gives the keys that wrap all others an end: a new generation in time, every living key wrapped anew, the old
// generation destroyed.
//
// A shredded key is gone from the key store at once. In a backup of the key store it is still there, wrapped by its
// generation, which a root version wraps. It is gone from there too when that root version is: so a root version that
// no living generation needs is removed from the root keyset. Adding one is an operator's decision, because whoever
// loses the new version loses everything: the keysets have to be backed up again.
#pragma once

#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/postern/v1/maintenance_service.pb.h"
#include "server/base/log.h"
#include "server/crypto/key_store.h"
#include "server/revocation/background_loop.h"
#include "server/storage/store.h"

namespace postern::gateway {

// Thread-safe. Where it stands is read from the key store alone, so that a crash interrupts nothing.
class KeyRotation {
 public:
  struct Options {
    absl::Duration life = absl::Hours(24 * 90);  // of the newest generation
    absl::Duration keep = absl::Hours(24 * 30);  // of the one before it, from then on
    absl::Duration interval = absl::Hours(1);
    std::string root_keyset_path;
    std::string minors_root_keyset_path;
    std::function<absl::Time()> clock;
  };
  // Borrows; `log` is told what was done, and so is the audit log.
  KeyRotation(crypto::KeyStore* keys, storage::Store* store, const base::Logger* log, Options options);

  void Start() { loop_.Start(); }
  void Stop() { loop_.Stop(); }

  // Starts a generation now, for `principal`; wrapping anew follows in the background. The errors of the key store and
  // of root keysets: one that does not load or cannot be written, LEDGER_UNAVAILABLE.
  absl::StatusOr<v1::RotateKeysResponse> Rotate(absl::string_view principal, const v1::RotateKeysRequest& request);
  absl::StatusOr<v1::ListKeyGenerationsResponse> List();

  // One round, in the calling thread: what is due, until it is done or Stop is called.
  absl::Status RunOnce();

  const Options& options() const { return options_; }

 private:
  absl::Status StartGeneration(absl::string_view principal) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RewrapAll(uint32_t generation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(round_mutex_);
  absl::Status RemoveUnusedRoots();
  absl::Status Record(absl::string_view principal, absl::string_view what, uint32_t generation);

  crypto::KeyStore* const keys_;
  storage::Store* const store_;
  const base::Logger* const log_;
  const Options options_;

  absl::Mutex round_mutex_;  // before mutex_
  // All keys are wrapped by this generation, or are new and therefore too.
  uint32_t rewrapped_ ABSL_GUARDED_BY(round_mutex_) = 0;
  absl::Mutex mutex_;                // one generation at a time is started
  revocation::BackgroundLoop loop_;  // last: its thread uses everything above
};

}  // namespace postern::gateway
