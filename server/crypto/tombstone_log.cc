#include "server/crypto/tombstone_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/errors/error.h"
#include "server/crypto/big_endian.h"
#include "server/crypto/errors.h"
#include "server/crypto/key_file.h"
#include "server/crypto/secret.h"
#include "server/crypto/sha256.h"

namespace postern::crypto {
namespace {

constexpr absl::string_view kHeader = "postern tombstones 1\n";
constexpr size_t kCheckSize = 12;
constexpr size_t kBodySize = KeyId::kSize + 8 + 4;
constexpr size_t kEntrySize = kBodySize + kCheckSize;

off_t OffsetOf(uint64_t sequence) {
  return static_cast<off_t>(kHeader.size() + (sequence - 1) * kEntrySize);
}

std::string CheckOf(uint64_t sequence, absl::string_view body) {
  const Sha256Digest digest = Sha256({"postern tombstone v1", BigEndian64(sequence), body});
  return std::string(AsBytes(digest).substr(0, kCheckSize));
}

std::string BodyOf(const KeyTombstone& tombstone) {
  return absl::StrCat(tombstone.id.AsBytes(),
                      BigEndian64(static_cast<uint64_t>(absl::ToUnixMillis(tombstone.shredded_at))),
                      BigEndian32(tombstone.last_generation));
}

// Nothing at the file's end; errno is set where the disk fails.
std::optional<std::string> ReadAt(int fd, off_t offset, size_t size) {
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(fd, bytes.data() + done, size - done, offset + static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

bool WriteAt(int fd, off_t offset, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
    offset += written;
  }
  return true;
}

}  // namespace

std::string TombstoneCheck(const KeyTombstone& tombstone) {
  return CheckOf(tombstone.sequence, BodyOf(tombstone));
}

absl::StatusOr<TombstoneLog> TombstoneLog::Open(const std::string& path) {
  POSTERN_RETURN_IF_ERROR(CheckPrivateFile(path));
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return errors::KeyFileUnusable(path, "open", errno);
  TombstoneLog log(path, fd);
  POSTERN_RETURN_IF_ERROR(log.Start());
  return log;
}

absl::StatusOr<TombstoneLog> TombstoneLog::OpenOrCreate(const std::string& path) {
  if (absl::IsNotFound(CheckPrivateFile(path))) POSTERN_RETURN_IF_ERROR(CreatePrivateFile(path, SecretBytes()));
  return Open(path);
}

TombstoneLog::TombstoneLog(TombstoneLog&& other) noexcept
    : path_(other.path_), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}

TombstoneLog::~TombstoneLog() {
  if (fd_ >= 0) ::close(fd_);
}

absl::Status TombstoneLog::Start() {
  struct stat info;
  if (::fstat(fd_, &info) != 0) return errors::KeyFileUnusable(path_, "stat", errno);
  const std::optional<std::string> header = ReadAt(fd_, 0, kHeader.size());
  if (!header.has_value()) return errors::KeyFileUnusable(path_, "read", errno);
  // A header that a crash cut short has nothing behind it.
  if (header->size() < kHeader.size() && kHeader.substr(0, header->size()) == *header) {
    if (!WriteAt(fd_, 0, kHeader) || ::fdatasync(fd_) != 0) return errors::KeyFileUnusable(path_, "write", errno);
    return absl::OkStatus();
  }
  if (*header != kHeader) return errors::TombstoneLogUnknown(path_);
  size_ = (static_cast<uint64_t>(info.st_size) - kHeader.size()) / kEntrySize;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<KeyTombstone>> TombstoneLog::Read(uint64_t sequence) {
  if (sequence == 0 || sequence > size_) return errors::Malformed("no such tombstone");
  const std::optional<std::string> entry = ReadAt(fd_, OffsetOf(sequence), kEntrySize);
  if (!entry.has_value() || entry->size() != kEntrySize) return errors::KeyFileUnusable(path_, "read", errno);
  const absl::string_view body = absl::string_view(*entry).substr(0, kBodySize);
  if (absl::string_view(*entry).substr(kBodySize) != CheckOf(sequence, body)) return std::nullopt;
  KeyTombstone tombstone;
  tombstone.sequence = sequence;
  POSTERN_ASSIGN_OR_RETURN(tombstone.id, KeyId::FromBytes(body.substr(0, KeyId::kSize)));
  tombstone.shredded_at = absl::FromUnixMillis(static_cast<int64_t>(ReadBigEndian(body.substr(KeyId::kSize, 8))));
  tombstone.last_generation = static_cast<uint32_t>(ReadBigEndian(body.substr(KeyId::kSize + 8, 4)));
  return tombstone;
}

absl::Status TombstoneLog::Write(absl::Span<const KeyTombstone> tombstones) {
  if (tombstones.empty()) return absl::OkStatus();
  std::string entries;
  for (const KeyTombstone& tombstone : tombstones)
    absl::StrAppend(&entries, BodyOf(tombstone), TombstoneCheck(tombstone));
  if (!WriteAt(fd_, OffsetOf(tombstones.front().sequence), entries)) {
    return errors::KeyFileUnusable(path_, "write", errno);
  }
  if (::fdatasync(fd_) != 0) return errors::KeyFileUnusable(path_, "sync", errno);
  size_ = std::max(size_, tombstones.back().sequence);
  return absl::OkStatus();
}

}  // namespace postern::crypto
