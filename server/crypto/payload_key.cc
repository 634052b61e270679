#include "server/crypto/payload_key.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/big_endian.h"
#include "server/crypto/errors.h"
#include "server/crypto/hkdf.h"

namespace postern::crypto {
namespace {

const HmacState& Salt() {
  static const HmacState* const salt = new HmacState("postern payload key v1");
  return *salt;
}

void AppendPart(std::string& out, absl::string_view part) {
  absl::StrAppend(&out, BigEndian32(part.size()), part);
}

absl::Status CheckPart(const KeyHandle& part, KeyKind kind) {
  if (part.secret == nullptr || part.secret->size() != kAeadKeySize)
    return errors::Malformed("a payload key part is missing");
  if (part.id.kind() != kind) return errors::Malformed("a payload key part is of the wrong kind");
  return absl::OkStatus();
}

}  // namespace

std::string EncodePayloadContext(const PayloadContext& context) {
  std::string out;
  out.reserve(16 + context.disclosure_id.size() + context.partner.size() + 8 + context.purpose.size() +
              context.record_type.size());
  AppendPart(out, context.disclosure_id);
  AppendPart(out, context.partner);
  absl::StrAppend(&out, BigEndian64(context.epoch));
  AppendPart(out, context.purpose);
  AppendPart(out, context.record_type);
  return out;
}

absl::StatusOr<SingleUseKey> DerivePayloadKey(const PayloadKeyParts& parts, const PayloadContext& context) {
  if (parts.subjects.empty()) return errors::Malformed("a payload key needs a subject");
  absl::InlinedVector<const KeyHandle*, 4> subjects;
  for (const KeyHandle& subject : parts.subjects) {
    POSTERN_RETURN_IF_ERROR(CheckPart(subject, KeyKind::kSubject));
    subjects.push_back(&subject);
  }
  POSTERN_RETURN_IF_ERROR(CheckPart(parts.order, KeyKind::kOrder));
  POSTERN_RETURN_IF_ERROR(CheckPart(parts.partner_epoch, KeyKind::kPartnerEpoch));
  std::sort(subjects.begin(), subjects.end(), [](const KeyHandle* a, const KeyHandle* b) { return a->id < b->id; });
  const auto same = [](const KeyHandle* a, const KeyHandle* b) { return a->id == b->id; };
  if (std::adjacent_find(subjects.begin(), subjects.end(), same) != subjects.end()) {
    return errors::Malformed("a payload key names a subject twice");
  }

  absl::InlinedVector<const SecretBytes*, 6> material;
  // The ids of the parts are in the info, so that no two different sets of keys can meet in one derivation.
  std::string info = EncodePayloadContext(context);
  for (const KeyHandle* subject : subjects) {
    material.push_back(subject->secret.get());
    absl::StrAppend(&info, subject->id.AsBytes());
  }
  for (const KeyHandle* part : {&parts.order, &parts.partner_epoch}) {
    material.push_back(part->secret.get());
    absl::StrAppend(&info, part->id.AsBytes());
  }
  const SecretBytes pseudorandom_key = HkdfExtract(Salt(), material);
  POSTERN_ASSIGN_OR_RETURN(const SecretBytes output,
                           HkdfExpand(pseudorandom_key, info, kAeadKeySize + sizeof(EnvelopeKeyName)));

  const absl::string_view bytes = output.Reveal(SecretAccess::Granted());
  SingleUseKey key;
  key.key = SecretBytes::CopyOf(bytes.substr(0, kAeadKeySize));
  std::memcpy(key.commitment.data(), bytes.data() + kAeadKeySize, key.commitment.size());
  return key;
}

absl::StatusOr<std::string> SealPayload(const PayloadKeyParts& parts, const PayloadContext& context,
                                        absl::string_view payload) {
  POSTERN_ASSIGN_OR_RETURN(const SingleUseKey key, DerivePayloadKey(parts, context));
  return SealOnce(key, EncodePayloadContext(context), payload);
}

absl::StatusOr<std::string> OpenPayload(const PayloadKeyParts& parts, const PayloadContext& context,
                                        absl::string_view envelope) {
  POSTERN_ASSIGN_OR_RETURN(const SingleUseKey key, DerivePayloadKey(parts, context));
  return OpenOnce(key, EncodePayloadContext(context), envelope);
}

}  // namespace postern::crypto
