// The chunks of the fast walk: both ways to look at 32 bytes say the same.
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "policy/projection/text_chunk.h"

namespace postern::policy::testing {
namespace {

struct Masks {
  uint32_t not_ascii = 0, digits = 0, letters = 0;
  bool operator==(const Masks&) const = default;
};

// Byte by byte.
Masks MasksOf(const std::string& text) {
  Masks masks;
  for (size_t i = 0; i < text.size(); ++i) {
    const uint32_t bit = uint32_t{1} << i;
    const char c = text[i];
    if (static_cast<uint8_t>(c) >= 0x80) masks.not_ascii |= bit;
    if (c >= '0' && c <= '9') masks.digits |= bit;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) masks.letters |= bit;
  }
  return masks;
}

template <typename Chunk>
void ExpectMasks(const std::string& text) {
  const Chunk chunk(text.data());
  EXPECT_EQ((Masks{chunk.NotAscii(), chunk.Digits(), chunk.Letters()}), MasksOf(text));
  std::string copy(Chunk::kSize, '\0');
  chunk.Store(copy.data());
  EXPECT_EQ(copy, text);
}

TEST(TextChunkTest, EveryByteInEveryPlace) {
  for (int byte = 0; byte < 256; ++byte) {
    for (size_t place = 0; place < TextChunk::kSize; ++place) {
      std::string text(TextChunk::kSize, '-');
      text[place] = static_cast<char>(byte);
      ExpectMasks<TextChunk>(text);
      ExpectMasks<PortableTextChunk>(text);
    }
  }
}

TEST(TextChunkTest, NeighboursDoNotDisturbEachOther) {
  std::mt19937 random(20260615);
  for (int i = 0; i < 2000; ++i) {
    std::string text(TextChunk::kSize, '\0');
    for (char& c : text) c = static_cast<char>(random());
    ExpectMasks<TextChunk>(text);
    ExpectMasks<PortableTextChunk>(text);
  }
}

TEST(TextChunkTest, CountsBits) {
  EXPECT_EQ(CountBits(0), 0u);
  EXPECT_EQ(CountBits(0xffffffffu), 32u);
  EXPECT_EQ(CountBits(0x80010110u), 4u);
}

}  // namespace
}  // namespace postern::policy::testing
