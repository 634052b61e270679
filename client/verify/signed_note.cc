#include "client/verify/signed_note.h"

#include <openssl/evp.h>

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/verify/errors.h"

namespace postern::client::verify {
namespace {

constexpr size_t kIdSize = 4;
constexpr char kEd25519 = 0x01;
constexpr absl::string_view kDash = "\xe2\x80\x94 ";  // em dash, space

// Base64 in its one canonical spelling.
bool Decode(absl::string_view text, std::string& out) {
  return absl::Base64Unescape(text, &out) && absl::Base64Escape(out) == text;
}

}  // namespace

NoteVerifier::NoteVerifier(std::string name, std::string key_id, PublicKey key)
    : name_(std::move(name)), key_id_(std::move(key_id)), key_(std::move(key)) {}

absl::StatusOr<NoteVerifier> NoteVerifier::Parse(absl::string_view verifier_key) {
  const size_t first = verifier_key.find('+');
  const size_t second = first == absl::string_view::npos ? first : verifier_key.find('+', first + 1);
  if (first == 0 || second == absl::string_view::npos) return errors::Malformed("not a verifier key");
  const absl::string_view name = verifier_key.substr(0, first);
  const absl::string_view id_hex = verifier_key.substr(first + 1, second - first - 1);
  std::string key;
  if (!Decode(verifier_key.substr(second + 1), key) || key.empty() || key[0] != kEd25519) {
    return errors::Malformed("not an Ed25519 verifier key");
  }
  for (unsigned char c : name) {
    if (c <= 0x20 || c == 0x7f) return errors::Malformed("a verifier key's name holds no space or control character");
  }

  const std::string named = absl::StrCat(name, "\n", key);
  unsigned char digest[EVP_MAX_MD_SIZE];
  if (EVP_Digest(named.data(), named.size(), digest, nullptr, EVP_sha256(), nullptr) != 1)
    return errors::CryptoFailed("SHA-256");
  std::string id(reinterpret_cast<const char*>(digest), kIdSize);
  if (absl::BytesToHexString(id) != id_hex) return errors::Malformed("a verifier key whose key id does not fit");
  absl::StatusOr<PublicKey> public_key = PublicKey::FromRawEd25519(absl::string_view(key).substr(1));
  if (!public_key.ok()) return public_key.status();
  return NoteVerifier(std::string(name), std::move(id), *std::move(public_key));
}

absl::StatusOr<std::string> NoteVerifier::Open(absl::string_view note) const {
  for (unsigned char c : note) {
    if (c < 0x20 && c != '\n') return errors::Malformed("a note holds no control characters");
  }
  const size_t blank = note.rfind("\n\n");
  if (blank == absl::string_view::npos || note.size() < blank + 3 || note.back() != '\n')
    return errors::Malformed("not a signed note");
  const absl::string_view text = note.substr(0, blank + 1);
  const absl::string_view block = note.substr(blank + 2, note.size() - blank - 3);

  bool signed_by_this_key = false;
  for (absl::string_view line : absl::StrSplit(block, '\n')) {
    if (!absl::StartsWith(line, kDash)) return errors::Malformed("a note's signature line starts with a dash");
    line.remove_prefix(kDash.size());
    const size_t space = line.find(' ');
    std::string bytes;
    if (space == 0 || space == absl::string_view::npos || !Decode(line.substr(space + 1), bytes) ||
        bytes.size() <= kIdSize) {
      return errors::Malformed("a note's signature line is malformed");
    }
    if (line.substr(0, space) != name_ || bytes.substr(0, kIdSize) != key_id_) continue;
    const absl::Status verdict = key_.Verify(text, absl::string_view(bytes).substr(kIdSize));
    if (!verdict.ok()) return verdict;
    signed_by_this_key = true;
  }
  if (!signed_by_this_key) return errors::NotVerified("the note is not signed by this key");
  return std::string(text);
}

}  // namespace postern::client::verify
