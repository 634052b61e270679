#include "server/crypto/signed_note.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/errors/error.h"
#include "server/crypto/base64.h"
#include "server/crypto/errors.h"
#include "server/crypto/sha256.h"

namespace postern::crypto {
namespace {

constexpr absl::string_view kAlgorithmEd25519("\x01", 1);
constexpr absl::string_view kSignaturePrefix = "\u2014 ";
constexpr size_t kKeyIdSize = 4;
constexpr size_t kPublicKeySize = 32;
constexpr size_t kMaxSignatures = 16;

std::array<uint8_t, kKeyIdSize> NoteKeyId(absl::string_view name, absl::string_view raw_public_key) {
  const Sha256Digest digest = Sha256({name, "\n", kAlgorithmEd25519, raw_public_key});
  std::array<uint8_t, kKeyIdSize> id;
  std::copy_n(digest.begin(), kKeyIdSize, id.begin());
  return id;
}

absl::string_view KeyIdBytes(const std::array<uint8_t, kKeyIdSize>& id) {
  return absl::string_view(reinterpret_cast<const char*>(id.data()), id.size());
}

bool IsNoteName(absl::string_view name) {
  return !name.empty() &&
         std::none_of(name.begin(), name.end(), [](unsigned char c) { return c <= ' ' || c == '+' || c == 0x7f; });
}

bool IsNoteText(absl::string_view text) {
  return absl::EndsWith(text, "\n") &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' && c != '\n'; });
}

// SubjectPublicKeyInfo of an Ed25519 key is a fixed prefix and the key (RFC 8410, section 4).
absl::StatusOr<PublicKey> Ed25519FromRaw(absl::string_view raw) {
  constexpr absl::string_view kPrefix("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12);
  return PublicKey::FromDer(absl::StrCat(kPrefix, raw));
}

}  // namespace

NoteSigner::NoteSigner(std::string name, PrivateKey key, std::string raw_public_key)
    : name_(std::move(name)),
      key_(std::move(key)),
      raw_public_key_(std::move(raw_public_key)),
      key_id_(NoteKeyId(name_, raw_public_key_)) {}

absl::StatusOr<NoteSigner> NoteSigner::Create(std::string name, PrivateKey key) {
  if (!IsNoteName(name))
    return errors::Malformed("the name of a note signer holds no space, plus sign or control character");
  POSTERN_ASSIGN_OR_RETURN(std::string raw, key.public_key().RawEd25519());
  return NoteSigner(std::move(name), std::move(key), std::move(raw));
}

std::string NoteSigner::VerifierKey() const {
  return absl::StrCat(name_, "+", absl::BytesToHexString(KeyIdBytes(key_id_)), "+",
                      absl::Base64Escape(absl::StrCat(kAlgorithmEd25519, raw_public_key_)));
}

absl::StatusOr<std::string> NoteSigner::Sign(absl::string_view text) const {
  if (!IsNoteText(text))
    return errors::Malformed("the text of a note ends in a newline and holds no control characters");
  POSTERN_ASSIGN_OR_RETURN(const std::string signature, key_.Sign(text));
  return absl::StrCat(text, "\n", kSignaturePrefix, name_, " ",
                      absl::Base64Escape(absl::StrCat(KeyIdBytes(key_id_), signature)), "\n");
}

absl::StatusOr<std::string> OpenNote(absl::string_view note, absl::string_view verifier_key) {
  // Base64 may hold plus signs; the name and the key id may not.
  const std::vector<absl::string_view> fields = absl::StrSplit(verifier_key, absl::MaxSplits('+', 2));
  std::string algorithm_and_key;
  if (fields.size() != 3 || !IsNoteName(fields[0]) || !DecodeBase64(fields[2], &algorithm_and_key) ||
      algorithm_and_key.size() != 1 + kPublicKeySize || !absl::StartsWith(algorithm_and_key, kAlgorithmEd25519)) {
    return errors::Malformed("not an Ed25519 verifier key");
  }
  const absl::string_view name = fields[0];
  const absl::string_view raw = absl::string_view(algorithm_and_key).substr(1);
  const auto key_id = NoteKeyId(name, raw);
  if (fields[1] != absl::BytesToHexString(KeyIdBytes(key_id)))
    return errors::Malformed("a verifier key whose key id does not fit");
  POSTERN_ASSIGN_OR_RETURN(const PublicKey key, Ed25519FromRaw(raw));

  const size_t split = note.rfind("\n\n");
  if (split == absl::string_view::npos || !absl::EndsWith(note, "\n")) return errors::Malformed("not a signed note");
  const absl::string_view text = note.substr(0, split + 1);
  absl::string_view signatures = note.substr(split + 2);
  if (!IsNoteText(text) || signatures.empty()) return errors::Malformed("not a signed note");
  signatures.remove_suffix(1);
  const std::vector<absl::string_view> lines = absl::StrSplit(signatures, '\n');
  if (lines.size() > kMaxSignatures) return errors::Malformed("a note with too many signatures");
  for (absl::string_view line : lines) {
    if (!absl::ConsumePrefix(&line, kSignaturePrefix)) return errors::Malformed("not a signed note");
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    std::string bytes;
    if (!IsNoteName(parts.first) || !DecodeBase64(parts.second, &bytes) || bytes.size() <= kKeyIdSize) {
      return errors::Malformed("not a signed note");
    }
    if (parts.first != name || !absl::StartsWith(bytes, KeyIdBytes(key_id))) continue;
    POSTERN_RETURN_IF_ERROR(key.Verify(text, absl::string_view(bytes).substr(kKeyIdSize)));
    return std::string(text);
  }
  return errors::SignatureRejected();
}

}  // namespace postern::crypto
