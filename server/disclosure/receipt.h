// A disclosure as the shop sees it.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "policy/projection/projector.h"
#include "proto/postern/v1/disclosure.pb.h"
#include "server/disclosure/entry.h"
#include "server/storage/store.h"

namespace postern::disclosure {

// Of an entry that was committed by this very call; `out` is empty.
void FillReceiptOf(const Entry& entry, absl::string_view log_origin, v1::Disclosure* out);

// Of a stored row. The leaf hash is not stored with it: pass it where it is known.
v1::Disclosure DisclosureOf(const storage::DisclosureRow& row, const storage::GrantRef& grant,
                            absl::string_view partner, absl::string_view log_origin,
                            const storage::Hash32* leaf_hash = nullptr);

v1::WithheldField ToProto(const policy::WithheldField& field);

}  // namespace postern::disclosure
