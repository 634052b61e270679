// Looks at everything the gateway rests on: once a day by itself, and whenever somebody asks (W3a).
//
// It repairs nothing. What it finds is logged, counted in the metrics, entered in the audit log as a number, and told
// to whoever asked.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/postern/v1/maintenance_service.pb.h"
#include "server/base/log.h"
#include "server/crypto/key_store.h"
#include "server/gateway/checkpoint_publisher.h"
#include "server/gateway/config.h"
#include "server/gateway/key_rotation.h"
#include "server/registry/subject_standings.h"
#include "server/revocation/background_loop.h"
#include "server/storage/store.h"

namespace postern::gateway {

// Thread-safe.
class SelfCheck {
 public:
  // Borrowed.
  struct Parts {
    const config::Config* config = nullptr;
    storage::Store* store = nullptr;
    crypto::KeyStore* keys = nullptr;
    CheckpointPublisher* checkpoints = nullptr;
    KeyRotation* rotation = nullptr;
    const registry::SubjectStandings* standings = nullptr;
    const base::Logger* log = nullptr;
    std::function<absl::Time()> clock;
  };
  explicit SelfCheck(Parts parts);

  // The first run comes some minutes after the start, the others a day apart.
  void Start() { loop_.Start(); }
  void Stop() { loop_.Stop(); }

  // For `principal`. OVERLOADED while another run goes on; LEDGER_UNAVAILABLE if it cannot be entered in the audit log.
  absl::StatusOr<v1::RunSelfCheckResponse> Run(absl::string_view principal, const v1::RunSelfCheckRequest& request);

  // Of the last run over all areas.
  struct Totals {
    std::atomic<int64_t> errors{0};
    std::atomic<int64_t> warnings{0};
    std::atomic<int64_t> unix_seconds{0};  // when it ended; 0: there was none yet
  };
  const Totals& totals() const { return totals_; }

 private:
  void Round();

  const Parts parts_;
  absl::Mutex running_;
  absl::Time next_;  // the loop's thread alone
  Totals totals_;
  revocation::BackgroundLoop loop_;  // last: its thread uses everything above
};

}  // namespace postern::gateway
