// What partners have attested to be gone: nobody is sent a correction of a record that he deleted.
#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/storage/store.h"

namespace postern::rights {

// Whether the partner has attested that it deleted the whole record with this handle, or never had it, in answer to a
// notice that was issued after `disclosed`. Reads the partner's notices since then. LEDGER_UNAVAILABLE.
absl::StatusOr<bool> AttestedGone(storage::Store& store, storage::PartnerId partner, const storage::Hash32& handle,
                                  absl::Time disclosed);

}  // namespace postern::rights
