#include "server/gateway/atomic_file.h"

#include "server/crypto/key_file.h"
#include "server/crypto/secret.h"

namespace postern::gateway {

absl::Status WriteFileAtomically(const std::string& path, absl::string_view content) {
  // The key files' routine does all that is wanted, and nobody else needs to read ours.
  return crypto::ReplacePrivateFile(path, crypto::SecretBytes::CopyOf(content));
}

}  // namespace postern::gateway
