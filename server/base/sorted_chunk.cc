#include "server/base/sorted_chunk.h"

#include <cstring>

namespace postern::base {
namespace {

constexpr size_t kNameSize = 16;

void Write(const ChunkEntry& entry, char* out) {
  std::memcpy(out, entry.name.data(), kNameSize);
  for (size_t i = 0; i < 8; ++i) out[kNameSize + i] = static_cast<char>(entry.value >> (56 - 8 * i));
}

}  // namespace

std::string EncodeEntry(const ChunkEntry& entry) {
  std::string bytes(kChunkEntrySize, '\0');
  Write(entry, bytes.data());
  return bytes;
}

Chunk EncodeChunk(absl::Span<const ChunkEntry> entries) {
  Chunk chunk;
  chunk.entries.resize(entries.size() * kChunkEntrySize);
  for (size_t i = 0; i < entries.size(); ++i) Write(entries[i], chunk.entries.data() + i * kChunkEntrySize);
  chunk.first = chunk.entries.substr(0, kChunkEntrySize);
  return chunk;
}

std::vector<ChunkEntry> DecodeChunk(absl::string_view entries) {
  std::vector<ChunkEntry> decoded;
  if (entries.size() % kChunkEntrySize != 0) return decoded;
  decoded.reserve(ChunkSize(entries));
  for (size_t i = 0; i < ChunkSize(entries); ++i) decoded.push_back(EntryAt(entries, i));
  return decoded;
}

ChunkEntry EntryAt(absl::string_view entries, size_t place) {
  const char* bytes = entries.data() + place * kChunkEntrySize;
  ChunkEntry entry;
  std::memcpy(entry.name.data(), bytes, kNameSize);
  for (size_t i = 0; i < 8; ++i) entry.value = entry.value << 8 | static_cast<uint8_t>(bytes[kNameSize + i]);
  return entry;
}

size_t LowerBound(absl::string_view entries, const ChunkEntry& entry) {
  size_t low = 0;
  for (size_t high = ChunkSize(entries); low < high;) {
    const size_t middle = low + (high - low) / 2;
    if (EntryAt(entries, middle) < entry) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace postern::base
