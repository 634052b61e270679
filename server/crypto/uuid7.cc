#include "server/crypto/uuid7.h"

#include <algorithm>

#include "proto/errors/error.h"
#include "server/crypto/big_endian.h"
#include "server/crypto/errors.h"
#include "server/crypto/random.h"

namespace postern::crypto {
namespace {

constexpr size_t kMillisBytes = 6;
constexpr uint32_t kHighMask = 0xfff;
constexpr uint64_t kLowMask = (uint64_t{1} << 62) - 1;
constexpr size_t kTextSize = 36;
// Where the two digits of each byte stand in the text; what is between them is hyphens.
constexpr size_t kPlaces[] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

// -1 if it is no hexadecimal digit.
int DigitValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void WriteBigEndian(uint64_t value, size_t width, uint8_t* out) {
  for (size_t i = 0; i < width; ++i) out[width - 1 - i] = static_cast<uint8_t>(value >> (8 * i));
}

absl::Status NotUuid7() {
  return MakeError(v1::ERROR_REASON_REQUEST_ID_INVALID, "not a UUID of version 7");
}

}  // namespace

std::string Uuid::ToString() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(kTextSize, '-');
  for (size_t i = 0; i < bytes.size(); ++i) {
    text[kPlaces[i]] = kDigits[bytes[i] >> 4];
    text[kPlaces[i] + 1] = kDigits[bytes[i] & 0xf];
  }
  return text;
}

absl::Time Uuid::time() const {
  return absl::FromUnixMillis(static_cast<int64_t>(ReadBigEndian(AsBytes().substr(0, kMillisBytes))));
}

absl::StatusOr<Uuid> ParseUuid7(absl::string_view text) {
  if (text.size() != kTextSize) return NotUuid7();
  Uuid id;
  size_t next = 0;
  for (size_t i = 0; i < id.bytes.size(); ++i) {
    for (; next < kPlaces[i]; ++next) {
      if (text[next] != '-') return NotUuid7();
    }
    const int high = DigitValue(text[next++]);
    const int low = DigitValue(text[next++]);
    if (high < 0 || low < 0) return NotUuid7();
    id.bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return Uuid7FromBytes(id.AsBytes());
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
  Uuid id;
  WriteBigEndian(last_millis_, kMillisBytes, id.bytes.data());
  WriteBigEndian(0x7000 | last_high_, 2, id.bytes.data() + kMillisBytes);
  WriteBigEndian(uint64_t{1} << 63 | last_low_, 8, id.bytes.data() + 8);
  return id;
}

}  // namespace postern::crypto
