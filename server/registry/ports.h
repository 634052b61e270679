// What changes of a partner ask of the parts that talk to it. The gateway wires them: delivery cuts streams and queues,
// the partners' listener aborts connections. Implementations are thread-safe and must not call back into registry or
// revocation.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/storage/store.h"

namespace postern::registry {

// Delivery's side.
class PartnerCutter {
 public:
  struct Cut {
    int live_streams = 0;  // that were open
  };
  virtual ~PartnerCutter() = default;
  // Called with the partner's fence closed. Ends every stream, push and exchange of the partner with `status` and
  // forgets what is queued in memory; the stored backlog stays. Acknowledgements that came before are settled first.
  // Idempotent.
  virtual Cut StopPartner(absl::string_view partner, const absl::Status& status) = 0;
  // The stored backlog was changed, or may be served again: read it anew.
  virtual void Reload(storage::PartnerId partner) = 0;
  // Streams open now.
  virtual int LiveStreams(absl::string_view partner) const = 0;
};

// The listener's side.
class ConnectionAborter {
 public:
  virtual ~ConnectionAborter() = default;
  // Resets every connection of the partner and purges what is queued in the kernel. Returns how many there were.
  virtual int AbortPartner(absl::string_view partner) = 0;
};

}  // namespace postern::registry
