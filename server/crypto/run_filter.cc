#include "server/crypto/run_filter.h"

#include <cstring>

namespace postern::crypto {
namespace {

constexpr size_t kBitsPerName = 10;
constexpr size_t kLineBytes = 64;
constexpr int kProbes = 6;  // of 9 bits each
constexpr size_t kDigestOffset = 4;

struct Place {
  size_t line = 0;
  uint64_t probes = 0;
};

// Where a name's bits are in a filter of so many bytes.
Place PlaceOf(const RunFilter::Name& name, size_t size) {
  Place place;
  uint32_t line = 0;
  std::memcpy(&line, name.data() + kDigestOffset, sizeof(line));
  std::memcpy(&place.probes, name.data() + kDigestOffset + sizeof(line), sizeof(place.probes));
  place.line = static_cast<size_t>(uint64_t{line} * (size / kLineBytes) >> 32) * kLineBytes;
  return place;
}

}  // namespace

RunFilter::RunFilter(size_t names) : bits_((names * kBitsPerName / 8 / kLineBytes + 1) * kLineBytes, '\0') {}

void RunFilter::Add(const Name& name) {
  Place place = PlaceOf(name, bits_.size());
  for (int i = 0; i < kProbes; ++i, place.probes >>= 9) {
    bits_[place.line + (place.probes & 0x1ff) / 8] |= static_cast<char>(1 << (place.probes & 7));
  }
}

bool RunFilter::MayHold(const Name& name) const {
  if (bits_.size() < kLineBytes) return true;
  Place place = PlaceOf(name, bits_.size());
  for (int i = 0; i < kProbes; ++i, place.probes >>= 9) {
    if ((bits_[place.line + (place.probes & 0x1ff) / 8] & 1 << (place.probes & 7)) == 0) return false;
  }
  return true;
}

}  // namespace postern::crypto
