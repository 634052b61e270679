// Names of people: "subjects/{key}", where the key is the index value in hex. The index is keyed, so a name tells
// nothing to whoever does not have the gateway's key.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/subject_rights.pb.h"
#include "server/crypto/hmac.h"
#include "server/storage/store.h"

namespace postern::rights {

// INVALID_ARGUMENT, naming `field`, if `ref` names nobody.
absl::StatusOr<storage::Mac16> SubjectOf(const crypto::HmacKey& index_key, absl::string_view field,
                                         const v1::SubjectRef& ref);
std::string SubjectName(const storage::Mac16& subject);
// INVALID_ARGUMENT, naming `field`.
absl::StatusOr<storage::Mac16> ParseSubjectName(absl::string_view field, absl::string_view name);

}  // namespace postern::rights
