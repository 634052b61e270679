// One backup on disk: a folder with a copy and the manifest that says what it is of.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/postern/v1/maintenance_service.pb.h"

namespace postern::gateway {

// Name of the manifest in the folder.
inline constexpr char kManifestFile[] = "manifest.txtpb";
// Name of the copy: what the store that it is of calls its file.
const char* CopyFile(v1::Backup::Kind kind);

// Measures the copy in `directory`, and writes its manifest, durably. `manifest` has kind, origin and time. CANCELLED
// once `goes_on` is false.
absl::Status SealBackup(const std::string& directory, v1::BackupManifest* manifest, absl::FunctionRef<bool()> goes_on);

// The manifest of the backup in `directory`, whose copy is as long as it says and has its digest. INVALID_ARGUMENT
// otherwise. Reads the whole copy.
absl::StatusOr<v1::BackupManifest> OpenBackup(const std::string& directory);

// Copies a file to a new one of mode 0600, durably, its folder included. ALREADY_EXISTS rather than overwrite.
absl::Status CopyPrivately(const std::string& from, const std::string& to);

// Makes the names in a folder durable.
absl::Status SyncFolder(const std::string& path);

}  // namespace postern::gateway
