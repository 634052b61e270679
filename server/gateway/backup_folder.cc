#include "server/gateway/backup_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "proto/errors/error.h"
#include "server/crypto/sha256_state.h"
#include "server/gateway/atomic_file.h"
#include "server/identity/key_pair.h"

namespace postern::gateway {
namespace {

constexpr size_t kChunk = size_t{1} << 20;
constexpr char kHeader[] =
    "# proto-file: postern/v1/maintenance_service.proto\n# proto-message: postern.v1.BackupManifest\n";

class File {
 public:
  File(const std::string& path, int flags) : fd_(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::Status Failed(const std::string& path, absl::string_view operation) {
  return MakeError(v1::ERROR_REASON_LEDGER_UNAVAILABLE,
                   absl::StrCat(path, ": ", operation, " failed with errno ", errno));
}

// Calls `body` with every chunk of the file.
template <typename Body>
absl::Status ReadChunks(const std::string& path, Body body) {
  const File file(path, O_RDONLY);
  if (file.fd() < 0) return Failed(path, "open");
  std::vector<char> chunk(kChunk);
  for (;;) {
    const ssize_t got = read(file.fd(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed(path, "read");
    if (got == 0) return absl::OkStatus();
    POSTERN_RETURN_IF_ERROR(body(absl::string_view(chunk.data(), static_cast<size_t>(got))));
  }
}

absl::Status Measure(const std::string& path, int64_t* size, std::string* sha256, absl::FunctionRef<bool()> goes_on) {
  crypto::Sha256State state;
  *size = 0;
  POSTERN_RETURN_IF_ERROR(ReadChunks(path, [&](absl::string_view chunk) {
    state.Add(chunk);
    *size += static_cast<int64_t>(chunk.size());
    return goes_on() ? absl::OkStatus() : absl::CancelledError("the backup was ended");
  }));
  *sha256 = std::string(crypto::AsBytes(state.Finish({})));
  return absl::OkStatus();
}

absl::Status Unusable(const std::string& directory, absl::string_view what) {
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat(directory, " is no backup: ", what));
}

}  // namespace

const char* CopyFile(v1::Backup::Kind kind) {
  return kind == v1::Backup::KIND_KEYS ? "keystore.db" : "ledger.db";
}

absl::Status SealBackup(const std::string& directory, v1::BackupManifest* manifest, absl::FunctionRef<bool()> goes_on) {
  manifest->set_file(CopyFile(manifest->kind()));
  int64_t size = 0;
  POSTERN_RETURN_IF_ERROR(
      Measure(absl::StrCat(directory, "/", manifest->file()), &size, manifest->mutable_sha256(), goes_on));
  manifest->set_size(size);
  std::string text;
  google::protobuf::TextFormat::PrintToString(*manifest, &text);
  return WriteFileAtomically(absl::StrCat(directory, "/", kManifestFile), absl::StrCat(kHeader, text));
}

absl::StatusOr<v1::BackupManifest> OpenBackup(const std::string& directory) {
  const auto text = identity::ReadPublicFile(absl::StrCat(directory, "/", kManifestFile));
  if (!text.ok()) return Unusable(directory, "it has no manifest");
  v1::BackupManifest manifest;
  if (!google::protobuf::TextFormat::ParseFromString(*text, &manifest)) {
    return Unusable(directory, "its manifest does not parse");
  }
  // The file's name is fixed: a manifest points nowhere else.
  const bool known = manifest.kind() == v1::Backup::KIND_LEDGER || manifest.kind() == v1::Backup::KIND_KEYS;
  if (!known || manifest.file() != CopyFile(manifest.kind())) return Unusable(directory, "its manifest names no copy");
  int64_t size = 0;
  std::string sha256;
  POSTERN_RETURN_IF_ERROR(Measure(absl::StrCat(directory, "/", manifest.file()), &size, &sha256, [] { return true; }));
  if (size != manifest.size() || sha256 != manifest.sha256()) {
    return Unusable(directory, "the copy is not what the manifest says");
  }
  return manifest;
}

absl::Status CopyPrivately(const std::string& from, const std::string& to) {
  const File target(to, O_WRONLY | O_CREAT | O_EXCL);
  if (target.fd() < 0 && errno == EEXIST) {
    return MakeError(v1::ERROR_REASON_ALREADY_EXISTS, absl::StrCat(to, " exists: it is never written over"));
  }
  if (target.fd() < 0) return Failed(to, "create");
  absl::Status copied = ReadChunks(from, [&](absl::string_view chunk) {
    while (!chunk.empty()) {
      const ssize_t written = write(target.fd(), chunk.data(), chunk.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Failed(to, "write");
      chunk.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  });
  if (copied.ok() && fsync(target.fd()) != 0) copied = Failed(to, "sync");
  if (!copied.ok()) {
    unlink(to.c_str());
    return copied;
  }
  return SyncFolder(std::filesystem::path(to).parent_path());
}

absl::Status SyncFolder(const std::string& path) {
  const File folder(path, O_RDONLY | O_DIRECTORY);
  return folder.fd() >= 0 && fsync(folder.fd()) == 0 ? absl::OkStatus() : Failed(path, "sync");
}

}  // namespace postern::gateway
