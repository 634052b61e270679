#include "server/crypto/uuid7.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/big_endian.h"
#include "server/crypto/errors.h"
#include "server/crypto/random.h"

namespace postern::crypto {
namespace {

constexpr size_t kMillisBytes = 6;
constexpr uint32_t kHighMask = 0xfff;
constexpr uint64_t kLowMask = (uint64_t{1} << 62) - 1;
// Hyphens stand before these offsets of the 32 hex digits.
constexpr size_t kGroupSizes[] = {8, 4, 4, 4, 12};

absl::Status NotUuid7() {
  return MakeError(v1::ERROR_REASON_REQUEST_ID_INVALID, "not a UUID of version 7");
}

}  // namespace

std::string Uuid::ToString() const {
  const std::string hex = absl::BytesToHexString(AsBytes());
  std::string text;
  size_t offset = 0;
  for (size_t size : kGroupSizes) {
    absl::StrAppend(&text, offset == 0 ? "" : "-", absl::string_view(hex).substr(offset, size));
    offset += size;
  }
  return text;
}

absl::Time Uuid::time() const {
  return absl::FromUnixMillis(static_cast<int64_t>(ReadBigEndian(AsBytes().substr(0, kMillisBytes))));
}

absl::StatusOr<Uuid> ParseUuid7(absl::string_view text) {
  if (text.size() != 36) return NotUuid7();
  std::string hex;
  size_t offset = 0;
  for (size_t size : kGroupSizes) {
    if (offset != 0 && text[offset++] != '-') return NotUuid7();
    absl::StrAppend(&hex, text.substr(offset, size));
    offset += size;
  }
  if (!std::all_of(hex.begin(), hex.end(), [](unsigned char c) { return absl::ascii_isxdigit(c); })) return NotUuid7();
  return Uuid7FromBytes(absl::HexStringToBytes(hex));
}

absl::StatusOr<Uuid> Uuid7FromBytes(absl::string_view bytes) {
  Uuid id;
  if (bytes.size() != id.bytes.size()) return NotUuid7();
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  if ((id.bytes[6] & 0xf0) != 0x70 || (id.bytes[8] & 0xc0) != 0x80) return NotUuid7();
  return id;
}

absl::StatusOr<Uuid> Uuid7Generator::Next(absl::Time now) {
  uint8_t random[8];
  POSTERN_RETURN_IF_ERROR(FillRandom(random, sizeof(random)));
  const uint64_t fresh = ReadBigEndian(absl::string_view(reinterpret_cast<const char*>(random), sizeof(random)));
  const uint64_t millis = static_cast<uint64_t>(std::max<int64_t>(absl::ToUnixMillis(now), 0));

  absl::MutexLock lock(&mutex_);
  if (millis > last_millis_) {
    last_millis_ = millis;
    last_high_ = 0;
    last_low_ = fresh & kLowMask;
  } else {
    // A random step keeps neighbours unguessable; 2^32 of the largest steps fit into one millisecond before the 12 high
    // bits grow.
    last_low_ += 1 + (fresh & 0x3fffffff);
    if (last_low_ > kLowMask) {
      last_low_ &= kLowMask;
      if (++last_high_ > kHighMask) {
        last_high_ = 0;
        ++last_millis_;
      }
    }
  }
  const std::string text = absl::StrCat(BigEndian(last_millis_, kMillisBytes), BigEndian(0x7000 | last_high_, 2),
                                        BigEndian(uint64_t{1} << 63 | last_low_, 8));
  Uuid id;
  std::copy(text.begin(), text.end(), id.bytes.begin());
  return id;
}

}  // namespace postern::crypto
