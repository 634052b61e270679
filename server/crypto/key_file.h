// Files that hold unwrapped secrets: readable by their owner alone, written whole or not at all.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/crypto/secret.h"

namespace postern::crypto {

// The content of `path`, at most 1 MiB. NOT_FOUND if there is none; FAILED_PRECONDITION if its owner is neither this
// user nor root, or if anyone else has any permission on it.
absl::StatusOr<SecretBytes> ReadPrivateFile(const std::string& path);

// Creates `path` with mode 0600 and syncs it and its directory. ALREADY_EXISTS rather than overwrite.
absl::Status CreatePrivateFile(const std::string& path, const SecretBytes& content);

// Replaces `path` atomically by a file of mode 0600; after a crash either content is there, whole. Not through a link:
// see CheckNotLink.
absl::Status ReplacePrivateFile(const std::string& path, const SecretBytes& content);

// Waits until what was written to `path` is on disk.
absl::Status SyncPrivateFile(const std::string& path);

// FAILED_PRECONDITION if `path` is a symbolic link: replacing it would leave the file behind it as it was.
absl::Status CheckNotLink(const std::string& path);

// Only the permission check of ReadPrivateFile.
absl::Status CheckPrivateFile(const std::string& path);

}  // namespace postern::crypto
