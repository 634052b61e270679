// A certificate chain with its private key, as a listener or a client shows it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/crypto/secret.h"

namespace postern::identity {

struct KeyPair {
  std::string chain_pem;  // leaf first
  crypto::SecretBytes private_key_pem;
  absl::Time not_before;  // of the leaf, and the next too
  absl::Time not_after;
};

// Reads and checks a pair: both parse, the key is the leaf's, the leaf is in its time at `now`, and nobody but the
// owner may read the key file. INVALID_ARGUMENT, CREDENTIAL_EXPIRED, NOT_FOUND or FAILED_PRECONDITION (exposed key)
// otherwise.
absl::StatusOr<KeyPair> LoadKeyPair(const std::string& chain_path, const std::string& key_path, absl::Time now);

// The content of a public file of at most 1 MiB. NOT_FOUND, or INVALID_ARGUMENT if it is larger or unreadable.
absl::StatusOr<std::string> ReadPublicFile(const std::string& path);

}  // namespace postern::identity
