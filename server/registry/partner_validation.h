// Whether a partner, as an operator wrote it, can be one. Pure but for OpenSSL reading PEM.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/partner.pb.h"
#include "server/storage/store.h"

namespace postern::registry {

// Most of each repeated field.
inline constexpr int kMaxIdentities = 8;
inline constexpr int kMaxEndpoints = 8;
inline constexpr int kMaxAttestationKeys = 8;
inline constexpr int kMaxEncryptionKeys = 8;

// Checks the fields that operators set. INVALID_ARGUMENT names the first wrong one.
absl::Status ValidatePartner(const v1::Partner& partner);

// The name of an identity: its SPIFFE id or DNS SAN.
absl::string_view SanOf(const v1::PartnerIdentity& identity);

// True if a contract that names `key_id`, which may be empty for none, can be served.
bool HasEncryptionKey(const v1::Partner& partner, absl::string_view key_id);

// ALREADY_EXISTS if another partner in `rows` has one of `partner`'s names. A name speaks for one partner alone, also
// after that one was terminated: it is removed there first.
absl::Status CheckIdentitiesFree(const v1::Partner& partner, const std::vector<storage::PartnerRow>& rows);

}  // namespace postern::registry
