// Tiles of a log (https://c2sp.org/tlog-tiles): their names and their bytes.
//
//   tile/<level>/<index>[.p/<width>]    up to 256 hashes of 32 bytes: of complete subtrees of 256^level leaves
//   tile/entries/<index>[.p/<width>]    up to 256 entries, each after its length in 2 bytes, big-endian
//
// An index is written in groups of three digits, all but the last behind an x: 1234067 is x001/x234/067. A tile with
// fewer than 256 elements is partial and says so in its name; a full one never changes again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/verify/merkle.h"

namespace postern::client::verify {

inline constexpr int kTileHeight = 8;
inline constexpr uint64_t kTileWidth = 256;
inline constexpr size_t kMaxEntrySize = 65535;

struct TileName {
  static constexpr int kEntries = -1;
  int level = 0;  // 0..63, or kEntries
  uint64_t index = 0;
  uint64_t width = kTileWidth;  // 1..256 elements

  std::string Path() const;
};

// INVALID_ARGUMENT unless TileName::Path gives `path`.
absl::StatusOr<TileName> ParseTilePath(absl::string_view path);

// INVALID_ARGUMENT unless there are exactly `width` hashes.
absl::StatusOr<std::vector<Hash>> ParseHashTile(absl::string_view bytes, uint64_t width);
std::string EncodeHashTile(absl::Span<const Hash> hashes);

// Views into `bytes`. INVALID_ARGUMENT unless there are exactly `width` entries and nothing else.
absl::StatusOr<std::vector<absl::string_view>> ParseEntryBundle(absl::string_view bytes, uint64_t width);
// INVALID_ARGUMENT if an entry is longer than kMaxEntrySize.
absl::StatusOr<std::string> EncodeEntryBundle(absl::Span<const std::string> entries);

}  // namespace postern::client::verify
