// The root keyset: the one file whose keys are not wrapped by anything. One for all standard keys, a second, separate
// one for minors' keys.
//
// A text file that only its owner may access:
//   postern-root-keyset-v1
//   <version> <base64 of 32 bytes>      one line a version, ascending; the last one wraps new KEK generations
// Keep its backup apart from the key store's: a KEK generation is gone from every backup once the version that wrapped
// it is.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "server/crypto/secret.h"

namespace postern::crypto {

// Immutable after loading; thread-safe.
class RootKeyset {
 public:
  // Reads `path`. NOT_FOUND if there is none; FAILED_PRECONDITION if it is a link or anyone but its owner may access
  // it; INVALID_ARGUMENT if it is not a root keyset.
  static absl::StatusOr<RootKeyset> Load(const std::string& path);

  // Creates `path` with one new version and mode 0600, durably. ALREADY_EXISTS rather than overwrite.
  static absl::Status CreateFile(const std::string& path);
  // Adds a new version, which KEK generations made from then on use. The file is replaced atomically.
  static absl::Status AddVersion(const std::string& path);
  // Removes a version; FAILED_PRECONDITION for the newest one. Everything that it wraps is unreadable for ever.
  static absl::Status RemoveVersion(const std::string& path, uint32_t version);

  uint32_t primary_version() const { return keys_.rbegin()->first; }
  // Null if the version is not in the file.
  const SecretBytes* Find(uint32_t version) const;

 private:
  explicit RootKeyset(std::map<uint32_t, SecretBytes> keys) : keys_(std::move(keys)) {}
  SecretBytes Encode() const;

  std::map<uint32_t, SecretBytes> keys_;
};

// The two roots of a key store.
struct Roots {
  RootKeyset standard;
  RootKeyset minors;
};

// As RootKeyset::Load; INVALID_ARGUMENT if both paths name one file.
absl::StatusOr<Roots> LoadRoots(const std::string& standard_path, const std::string& minors_path);

}  // namespace postern::crypto
