#include "server/gateway/move_aside.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"

namespace postern::gateway {

bool Exists(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0;
}

absl::Status Rename(const std::string& from, const std::string& to, unsigned flags) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_LEDGER_UNAVAILABLE,
                   absl::StrCat("cannot rename ", from, " to ", to, ": errno ", errno));
}

absl::Status Rename(const std::string& from, const std::string& to) {
  return Rename(from, to, RENAME_NOREPLACE);
}

absl::Status MoveAside(const std::string& path, const std::string& prefix, absl::Time now, Steps* steps) {
  const std::string aside = absl::StrCat(prefix, absl::FormatTime("%Y%m%dT%H%M%E3S", now, absl::UTCTimeZone()), "Z");
  POSTERN_RETURN_IF_ERROR(Rename(path, aside));
  steps->push_back(absl::StrCat("moved ", path, " to ", aside));
  return absl::OkStatus();
}

}  // namespace postern::gateway
