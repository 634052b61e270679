// Chunks: how a sorted run of small entries is stored. A run is a sequence of chunks in order, each a row of some
// 4 KiB, so that writing an entry costs a few bytes and no descent of a B-tree, and finding one costs one row.
//
// An entry is 24 bytes: the name, then the value as 8 big-endian bytes. Entries sort as their bytes do.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace postern::base {

struct ChunkEntry {
  std::array<uint8_t, 16> name{};
  uint64_t value = 0;

  // By words instead of bytes: writing and merging runs is comparing.
  friend std::strong_ordering CompareNames(const ChunkEntry& a, const ChunkEntry& b) {
    const std::strong_ordering order = a.Word(0) <=> b.Word(0);
    return order != 0 ? order : a.Word(8) <=> b.Word(8);
  }
  friend std::strong_ordering operator<=>(const ChunkEntry& a, const ChunkEntry& b) {
    const std::strong_ordering order = CompareNames(a, b);
    return order != 0 ? order : a.value <=> b.value;
  }
  friend bool operator==(const ChunkEntry& a, const ChunkEntry& b) { return (a <=> b) == 0; }

 private:
  // Of the name, to be compared as its bytes are.
  uint64_t Word(size_t at) const {
    static_assert(std::endian::native == std::endian::little);
    uint64_t word = 0;
    std::memcpy(&word, name.data() + at, sizeof(word));
    return __builtin_bswap64(word);
  }
};

inline constexpr size_t kChunkEntrySize = 24;
// Together they fit into one page of 4 KiB with everything around them.
inline constexpr size_t kChunkEntries = 160;

struct Chunk {
  std::string first;    // the bytes of the first entry, which is the chunk's key
  std::string entries;  // the bytes of all
};

std::string EncodeEntry(const ChunkEntry& entry);
// `entries` are sorted; at most kChunkEntries and not none.
Chunk EncodeChunk(absl::Span<const ChunkEntry> entries);
// Empty if the bytes are no chunk.
std::vector<ChunkEntry> DecodeChunk(absl::string_view entries);

inline size_t ChunkSize(absl::string_view entries) {
  return entries.size() / kChunkEntrySize;
}
// The entry at a place below ChunkSize.
ChunkEntry EntryAt(absl::string_view entries, size_t place);
// The place of the first entry that is not below `entry`; ChunkSize if there is none.
size_t LowerBound(absl::string_view entries, const ChunkEntry& entry);

}  // namespace postern::base
