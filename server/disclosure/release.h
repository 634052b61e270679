// Where committed disclosures go. Implemented by delivery; the disclosure path knows no more of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "server/storage/store.h"

namespace postern::disclosure {

// A durable disclosure with its projected bytes still at hand.
struct CommittedDisclosure {
  storage::PendingPayload payload;  // sealed_payload is left empty: the bytes are here and the sealed form is durable
  storage::PartnerId partner = 0;
  std::shared_ptr<const std::string> bytes;  // projected record, plaintext, memory only
  uint64_t shreds = 0;                       // KeyStore::shreds before its keys were found
};

// Thread-safe.
class ReleaseSink {
 public:
  virtual ~ReleaseSink() = default;
  // Called by the committing thread before a group is committed: dispatch marks to make durable with it, for partners
  // that are being served right now, so that their records need no second transaction. `next_seq` is the first position
  // that the group will get, or 0 while that is not known. Every call is followed by OnCommitted or OnUncertain.
  virtual std::vector<storage::DispatchMark> MarksFor(absl::Span<const storage::NewDisclosure> group,
                                                      int64_t next_seq) = 0;
  // Called by the committing thread after a durable commit, in ledger order, without exchanges and replays; may be
  // empty. Must not block.
  virtual void OnCommitted(std::vector<CommittedDisclosure> disclosures) = 0;
  // Called by the committing thread when a group failed and it cannot tell whether it became durable. The sink must not
  // take what it saw of the ledger for complete, and reads the backlog again.
  virtual void OnUncertain() = 0;
};

}  // namespace postern::disclosure
