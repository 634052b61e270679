#include "server/crypto/tombstone_mark.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/errors/error.h"
#include "server/crypto/errors.h"
#include "server/crypto/key_file.h"
#include "server/crypto/secret.h"

namespace postern::crypto {
namespace {

constexpr absl::string_view kFirstWord = "postern-tombstone-mark-v1";

// The content of a mark: one line, "postern-tombstone-mark-v1 <entries> <check of the last one, hexadecimal>".
absl::StatusOr<std::string> MarkOf(TombstoneLog& log, uint64_t entries) {
  POSTERN_ASSIGN_OR_RETURN(const std::optional<KeyTombstone> last, log.Read(entries));
  if (!last.has_value()) return errors::TombstoneLogCut(entries);
  return absl::StrCat(kFirstWord, " ", entries, " ", absl::BytesToHexString(TombstoneCheck(*last)), "\n");
}

}  // namespace

std::string TombstoneMarkPath(const std::string& key_store) {
  return absl::StrCat(key_store, ".tombstone-mark");
}

absl::Status CheckTombstoneMark(const std::string& path, TombstoneLog& log) {
  const absl::StatusOr<SecretBytes> content = ReadPrivateFile(path);
  if (absl::IsNotFound(content.status())) return absl::OkStatus();
  POSTERN_RETURN_IF_ERROR(content.status());
  const absl::string_view mark = content->Reveal(SecretAccess::Granted());
  const std::vector<absl::string_view> words = absl::StrSplit(mark, ' ');
  uint64_t entries = 0;
  if (words.size() != 3 || words[0] != kFirstWord || !absl::SimpleAtoi(words[1], &entries) || entries == 0) {
    return errors::StoredBytesMalformed("tombstone mark");
  }
  if (log.size() < entries) return errors::TombstoneLogCut(entries);
  POSTERN_ASSIGN_OR_RETURN(const std::string held, MarkOf(log, entries));
  return held == mark ? absl::OkStatus() : errors::TombstoneLogCut(entries);
}

absl::Status SetTombstoneMark(const std::string& path, TombstoneLog& log) {
  if (log.size() == 0) return absl::OkStatus();
  POSTERN_ASSIGN_OR_RETURN(const std::string mark, MarkOf(log, log.size()));
  return ReplacePrivateFile(path, SecretBytes::CopyOf(mark));
}

}  // namespace postern::crypto
