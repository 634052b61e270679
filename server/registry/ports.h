// What changes of a partner ask of the parts that talk to it. The gateway wires them: delivery cuts streams and queues,
// the partners' listener aborts connections. Implementations are thread-safe, must not call back into registry or
// revocation, and are called without a pass of any PartnerFence being held by the caller.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "server/storage/store.h"

namespace postern::registry {

struct CutCounts {
  int live_streams = 0;  // streams that were open
};

// Delivery's side. Every call is idempotent.
class PartnerCutter {
 public:
  virtual ~PartnerCutter() = default;
  // For good: ends every stream, push and exchange of the partner and forgets its queue. When it returns, no dispatch
  // mark is reserved for the partner any more.
  virtual CutCounts StopPartner(storage::PartnerId id, absl::string_view partner) = 0;
  // Ends its streams and forgets what is queued in memory; the stored backlog stays. Same promise about marks, until
  // ResumePartner.
  virtual CutCounts PausePartner(storage::PartnerId id, absl::string_view partner) = 0;
  // Serves again, from the stored backlog, under the fence's new generation.
  virtual void ResumePartner(storage::PartnerId id, absl::string_view partner) = 0;
  // Streams open now; changes nothing.
  virtual CutCounts Count(storage::PartnerId id, absl::string_view partner) = 0;
};

// The listener's side.
class ConnectionAborter {
 public:
  virtual ~ConnectionAborter() = default;
  // Resets every connection of the partner and purges what is queued in the kernel. Returns how many there were.
  virtual int AbortPartner(absl::string_view partner) = 0;
};

}  // namespace postern::registry
