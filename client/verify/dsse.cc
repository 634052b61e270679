#include "client/verify/dsse.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/verify/errors.h"

namespace postern::client::verify {
namespace {

// No honest envelope has more; each attempt costs a public-key operation.
constexpr size_t kMaxSignatures = 8;

}  // namespace

std::string PreAuthEncoding(absl::string_view payload_type, absl::string_view payload) {
  return absl::StrCat("DSSEv1 ", payload_type.size(), " ", payload_type, " ", payload.size(), " ", payload);
}

absl::StatusOr<std::string> VerifyEnvelope(absl::string_view payload_type, absl::string_view payload,
                                           absl::Span<const SignatureView> signatures,
                                           absl::Span<const PublicKey> trusted) {
  if (signatures.size() > kMaxSignatures) return errors::Malformed("an envelope with too many signatures");
  struct Attempt {
    const PublicKey* key;
    absl::string_view signature;
    bool named;
  };
  std::vector<Attempt> attempts;
  for (const SignatureView& s : signatures) {
    for (const PublicKey& key : trusted) attempts.push_back({&key, s.signature, s.key_id == key.key_id()});
  }
  std::stable_partition(attempts.begin(), attempts.end(), [](const Attempt& a) { return a.named; });
  const std::string message = PreAuthEncoding(payload_type, payload);
  for (const Attempt& attempt : attempts) {
    if (attempt.key->Verify(message, attempt.signature).ok()) return attempt.key->key_id();
  }
  return errors::NotVerified("no trusted key signed the envelope");
}

}  // namespace postern::client::verify
