#include "server/storage/sql/packing.h"

#include <cstring>

#include "absl/base/config.h"
#include "server/storage/errors.h"

#ifndef ABSL_IS_LITTLE_ENDIAN
#error "words are stored as they lie in memory, little-endian"
#endif

namespace postern::storage {
namespace {

static_assert(sizeof(Mac16) == 16 && sizeof(crypto::Uuid) == 16, "items are stored as they lie in memory");

template <typename Item>
absl::string_view PackItems(const std::vector<Item>& items) {
  return {reinterpret_cast<const char*>(items.data()), items.size() * sizeof(Item)};
}

template <typename Item>
absl::Status UnpackItem(absl::string_view bytes, Item* item) {
  if (bytes.size() != sizeof(Item)) return errors::Inconsistent("a column has the wrong size");
  std::memcpy(static_cast<void*>(item), bytes.data(), sizeof(Item));
  return absl::OkStatus();
}

template <typename Item>
absl::Status UnpackItems(absl::string_view bytes, std::vector<Item>* items) {
  if (bytes.size() % sizeof(Item) != 0) return errors::Inconsistent("a list column has the wrong size");
  items->resize(bytes.size() / sizeof(Item));
  if (!bytes.empty()) std::memcpy(static_cast<void*>(items->data()), bytes.data(), bytes.size());
  return absl::OkStatus();
}

}  // namespace

absl::string_view PackMacs(const std::vector<Mac16>& macs) {
  return PackItems(macs);
}
absl::string_view PackUuids(const std::vector<crypto::Uuid>& ids) {
  return PackItems(ids);
}
absl::string_view PackWords(const std::vector<uint64_t>& words) {
  return PackItems(words);
}

absl::Status Unpack(absl::string_view bytes, Mac16* mac) {
  return UnpackItem(bytes, mac);
}
absl::Status Unpack(absl::string_view bytes, Hash32* hash) {
  return UnpackItem(bytes, hash);
}
absl::Status Unpack(absl::string_view bytes, crypto::Uuid* id) {
  return UnpackItem(bytes, id);
}
absl::Status Unpack(absl::string_view bytes, std::vector<Mac16>* macs) {
  return UnpackItems(bytes, macs);
}
absl::Status Unpack(absl::string_view bytes, std::vector<crypto::Uuid>* ids) {
  return UnpackItems(bytes, ids);
}
absl::Status Unpack(absl::string_view bytes, std::vector<uint64_t>* words) {
  return UnpackItems(bytes, words);
}

std::string PackSeqs(absl::Span<const int64_t> seqs) {
  std::string packed;
  packed.reserve(seqs.size() + 8);
  int64_t previous = 0;
  for (const int64_t seq : seqs) {
    auto gap = static_cast<uint64_t>(seq - previous);
    previous = seq;
    for (; gap >= 0x80; gap >>= 7) packed.push_back(static_cast<char>(gap | 0x80));
    packed.push_back(static_cast<char>(gap));
  }
  return packed;
}

absl::StatusOr<std::vector<int64_t>> UnpackSeqs(absl::string_view bytes) {
  std::vector<int64_t> seqs;
  uint64_t seq = 0;
  uint64_t gap = 0;
  int shift = 0;
  for (const char c : bytes) {
    if (shift > 56) return errors::Inconsistent("a list of positions is malformed");
    gap |= static_cast<uint64_t>(c & 0x7f) << shift;
    shift += 7;
    if ((c & 0x80) != 0) continue;
    seq += gap;
    seqs.push_back(static_cast<int64_t>(seq));
    gap = 0;
    shift = 0;
  }
  if (shift != 0) return errors::Inconsistent("a list of positions is malformed");
  return seqs;
}

}  // namespace postern::storage
