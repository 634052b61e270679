// WatchOutcomes: what became of disclosures, from a resume token on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "proto/postern/v1/storefront_service.pb.h"
#include "server/crypto/key_store.h"
#include "server/disclosure/grant_cache.h"
#include "server/registry/snapshot.h"
#include "server/storage/store.h"

namespace postern::delivery {

// Thread-safe.
class OutcomeFeed {
 public:
  // One WatchOutcomes stream: reads until it is told to wait.
  class Watcher {
   public:
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    // The next outcomes, at most 512; none if there are none yet: then wait for on_ready (or half a minute, and send
    // the empty response as a heartbeat). Blocks on the store. LEDGER_UNAVAILABLE. Not to be called concurrently.
    absl::StatusOr<v1::WatchOutcomesResponse> Next();

   private:
    friend class OutcomeFeed;
    Watcher(OutcomeFeed* feed, int64_t position, uint64_t id) : feed_(feed), position_(position), id_(id) {}
    OutcomeFeed* const feed_;
    int64_t position_;
    const uint64_t id_;
  };

  // Borrows the parts, which must outlive this; this must outlive its watchers.
  OutcomeFeed(const registry::SnapshotHolder* snapshots, storage::Store* store, crypto::KeyStore* keys);

  // INVALID_ARGUMENT for a token that this feed did not make. `on_ready` is called from any thread when there may be
  // more, possibly still shortly after the watcher is gone; it must not block.
  absl::StatusOr<std::unique_ptr<Watcher>> Watch(absl::string_view resume_token, std::function<void()> on_ready);

  // Outcomes became durable: wakes every watcher.
  void Notify();

 private:
  absl::StatusOr<v1::Outcome> ToOutcome(const storage::OutcomeRow& row);
  absl::StatusOr<std::string> OpenResult(const storage::OutcomeRow& row, const std::string& partner);
  absl::StatusOr<std::string> PartnerName(storage::PartnerId id);

  const registry::SnapshotHolder* const snapshots_;
  storage::Store* const store_;
  crypto::KeyStore* const keys_;
  disclosure::GrantCache grants_;

  absl::Mutex mutex_;
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::flat_hash_map<uint64_t, std::function<void()>> watchers_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<storage::PartnerId, std::string> partners_ ABSL_GUARDED_BY(mutex_);  // names never change
};

}  // namespace postern::delivery
