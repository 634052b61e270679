#include "server/delivery/sealed_result.h"

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/errors.h"
#include "server/crypto/payload_key.h"

namespace postern::delivery {
namespace {

constexpr size_t kIdBytes = 16;
constexpr size_t kEpochBytes = 8;
constexpr char kEnvelopeVersion = 2;

// The older form begins with an epoch, after which comes the envelope's version; in a request id that byte is the
// variant of a UUID, 10xxxxxx.
bool HasRequestId(absl::string_view sealed) {
  return sealed.size() > kIdBytes + kEpochBytes && sealed[kEpochBytes] != kEnvelopeVersion;
}

}  // namespace

absl::StatusOr<std::string> SealResult(const disclosure::PayloadKeys& keys, const ResultPlace& place,
                                       const crypto::Uuid& request_id, uint64_t epoch, absl::string_view plaintext) {
  const std::string id = absl::StrCat(place.disclosure.AsBytes(), request_id.AsBytes());
  POSTERN_ASSIGN_OR_RETURN(
      const std::string envelope,
      crypto::SealPayload(keys.parts(), {id, place.partner, epoch, place.purpose, place.type}, plaintext));
  std::string sealed(request_id.AsBytes());
  sealed.reserve(kIdBytes + kEpochBytes + envelope.size());
  for (int shift = 56; shift >= 0; shift -= 8) sealed.push_back(static_cast<char>(epoch >> shift & 0xff));
  sealed += envelope;
  return sealed;
}

absl::StatusOr<std::string> OpenResult(const disclosure::PayloadKeys& keys, const ResultPlace& place,
                                       absl::string_view sealed) {
  if (!HasRequestId(sealed)) {
    return disclosure::OpenForPartner(keys, place.disclosure, place.partner, place.purpose, place.type, sealed);
  }
  const std::string id = absl::StrCat(place.disclosure.AsBytes(), sealed.substr(0, kIdBytes));
  uint64_t epoch = 0;
  for (const char byte : sealed.substr(kIdBytes, kEpochBytes)) epoch = epoch << 8 | static_cast<uint8_t>(byte);
  return crypto::OpenPayload(keys.parts(), {id, place.partner, epoch, place.purpose, place.type},
                             sealed.substr(kIdBytes + kEpochBytes));
}

}  // namespace postern::delivery
