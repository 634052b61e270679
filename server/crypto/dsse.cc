#include "server/crypto/dsse.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/errors.h"

namespace postern::crypto {
namespace {

// Bounds the work that an envelope can ask for: one check takes about 0.2 ms.
constexpr size_t kMaxSignatures = 8;

}  // namespace

std::string DssePreAuthEncoding(absl::string_view payload_type, absl::string_view payload) {
  return absl::StrCat("DSSEv1 ", payload_type.size(), " ", payload_type, " ", payload.size(), " ", payload);
}

absl::StatusOr<DsseEnvelope> DsseSign(absl::string_view payload_type, absl::string_view payload,
                                      absl::Span<const PrivateKey* const> signers) {
  DsseEnvelope envelope{std::string(payload_type), std::string(payload), {}};
  const std::string signed_bytes = DssePreAuthEncoding(payload_type, payload);
  for (const PrivateKey* signer : signers) {
    POSTERN_ASSIGN_OR_RETURN(std::string signature, signer->Sign(signed_bytes));
    envelope.signatures.push_back({signer->public_key().key_id(), std::move(signature)});
  }
  return envelope;
}

absl::StatusOr<std::string> DsseVerify(const DsseEnvelope& envelope, absl::string_view expected_type,
                                       absl::Span<const PublicKey> trusted) {
  if (envelope.payload_type != expected_type || envelope.signatures.size() > kMaxSignatures)
    return errors::SignatureRejected();
  const std::string signed_bytes = DssePreAuthEncoding(envelope.payload_type, envelope.payload);
  // The hinted pairs first: usually the first check succeeds.
  for (const bool hinted : {true, false}) {
    for (const DsseSignature& signature : envelope.signatures) {
      for (const PublicKey& key : trusted) {
        if ((signature.key_id == key.key_id()) != hinted) continue;
        const absl::Status verdict = key.Verify(signed_bytes, signature.signature);
        if (verdict.ok()) return key.key_id();
        if (!absl::IsPermissionDenied(verdict)) return verdict;
      }
    }
  }
  return errors::SignatureRejected();
}

}  // namespace postern::crypto
