#include "server/crypto/root_keyset.h"

#include <sys/stat.h>

#include <openssl/crypto.h>

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/errors/error.h"
#include "server/crypto/aead.h"
#include "server/crypto/base64.h"
#include "server/crypto/errors.h"
#include "server/crypto/key_file.h"
#include "server/crypto/random.h"

namespace postern::crypto {
namespace {

// One secret keyset twice would put minors' keys under the standard root.
bool SameFile(const std::string& a, const std::string& b) {
  struct stat x, y;
  return ::stat(a.c_str(), &x) == 0 && ::stat(b.c_str(), &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

constexpr absl::string_view kFirstLine = "postern-root-keyset-v1";

absl::Status NotAKeyset(const std::string& path) {
  return errors::Malformed(absl::StrCat("file ", path, " is not a root keyset"));
}

}  // namespace

absl::StatusOr<RootKeyset> RootKeyset::Load(const std::string& path) {
  POSTERN_RETURN_IF_ERROR(CheckNotLink(path));
  POSTERN_ASSIGN_OR_RETURN(const SecretBytes content, ReadPrivateFile(path));
  absl::string_view text = content.Reveal(SecretAccess::Granted());
  if (text.empty() || text.back() != '\n') return NotAKeyset(path);
  text.remove_suffix(1);

  std::map<uint32_t, SecretBytes> keys;
  bool first = true;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (std::exchange(first, false)) {
      if (line != kFirstLine) return NotAKeyset(path);
      continue;
    }
    const std::pair<absl::string_view, absl::string_view> fields = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    uint32_t version = 0;
    std::string key;
    const bool good = absl::SimpleAtoi(fields.first, &version) && version > 0 && DecodeBase64(fields.second, &key) &&
                      key.size() == kAeadKeySize && (keys.empty() || version > keys.rbegin()->first);
    if (good) keys.emplace(version, SecretBytes::CopyOf(key));
    OPENSSL_cleanse(key.data(), key.size());
    if (!good) return NotAKeyset(path);
  }
  if (keys.empty()) return NotAKeyset(path);
  return RootKeyset(std::move(keys));
}

SecretBytes RootKeyset::Encode() const {
  std::string text = absl::StrCat(kFirstLine, "\n");
  text.reserve(text.size() + keys_.size() * 64);
  for (const auto& [version, key] : keys_) {
    std::string encoded = absl::Base64Escape(key.Reveal(SecretAccess::Granted()));
    absl::StrAppend(&text, version, " ", encoded, "\n");
    OPENSSL_cleanse(encoded.data(), encoded.size());
  }
  SecretBytes content = SecretBytes::CopyOf(text);
  OPENSSL_cleanse(text.data(), text.size());
  return content;
}

absl::Status RootKeyset::CreateFile(const std::string& path) {
  POSTERN_ASSIGN_OR_RETURN(SecretBytes key, RandomSecret(kAeadKeySize));
  std::map<uint32_t, SecretBytes> keys;
  keys.emplace(1, std::move(key));
  return CreatePrivateFile(path, RootKeyset(std::move(keys)).Encode());
}

absl::Status RootKeyset::AddVersion(const std::string& path) {
  POSTERN_ASSIGN_OR_RETURN(RootKeyset keyset, Load(path));
  POSTERN_ASSIGN_OR_RETURN(SecretBytes key, RandomSecret(kAeadKeySize));
  keyset.keys_.emplace(keyset.primary_version() + 1, std::move(key));
  return ReplacePrivateFile(path, keyset.Encode());
}

absl::Status RootKeyset::RemoveVersion(const std::string& path, uint32_t version) {
  POSTERN_ASSIGN_OR_RETURN(RootKeyset keyset, Load(path));
  if (keyset.Find(version) == nullptr)
    return errors::Malformed(absl::StrCat("the root keyset has no version ", version));
  if (version == keyset.primary_version()) return errors::RootVersionInUse(path, version);
  keyset.keys_.erase(version);
  return ReplacePrivateFile(path, keyset.Encode());
}

const SecretBytes* RootKeyset::Find(uint32_t version) const {
  const auto found = keys_.find(version);
  return found == keys_.end() ? nullptr : &found->second;
}

absl::StatusOr<Roots> LoadRoots(const std::string& standard_path, const std::string& minors_path) {
  POSTERN_ASSIGN_OR_RETURN(RootKeyset standard, RootKeyset::Load(standard_path));
  POSTERN_ASSIGN_OR_RETURN(RootKeyset minors, RootKeyset::Load(minors_path));
  if (SameFile(standard_path, minors_path))
    return errors::Malformed("the root keyset and the one for minors must be different files");
  return Roots{std::move(standard), std::move(minors)};
}

}  // namespace postern::crypto
