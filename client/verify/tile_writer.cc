#include "client/verify/tile_writer.h"

#include <utility>

#include "proto/errors/error.h"

namespace postern::client::verify {
namespace {

// The root of the complete subtree over these hashes, whose number is a power of two.
Hash RootOf(std::vector<Hash> hashes) {
  for (; hashes.size() > 1; hashes.resize(hashes.size() / 2)) {
    for (size_t i = 0; i < hashes.size() / 2; ++i) hashes[i] = NodeHash(hashes[2 * i], hashes[2 * i + 1]);
  }
  return hashes[0];
}

}  // namespace

absl::Status TileWriter::Add(absl::string_view entry) {
  log_.Add(entry);
  entries_.emplace_back(entry);
  if (entries_.size() == kTileWidth) POSTERN_RETURN_IF_ERROR(WriteEntries());
  return AddHash(0, LeafHash(entry));
}

absl::Status TileWriter::WriteEntries() {
  POSTERN_ASSIGN_OR_RETURN(const std::string bundle, EncodeEntryBundle(entries_));
  const TileName name{TileName::kEntries, (log_.size() - 1) / kTileWidth, entries_.size()};
  entries_.clear();
  return sink_(name.Path(), bundle);
}

absl::Status TileWriter::AddHash(size_t level, const Hash& hash) {
  if (levels_.size() <= level) levels_.resize(level + 1);
  levels_[level].hashes.push_back(hash);
  if (levels_[level].hashes.size() < kTileWidth) return absl::OkStatus();
  const std::vector<Hash> full = std::exchange(levels_[level].hashes, {});
  const TileName name{static_cast<int>(level), levels_[level].index++, kTileWidth};
  POSTERN_RETURN_IF_ERROR(sink_(name.Path(), EncodeHashTile(full)));
  return AddHash(level + 1, RootOf(full));
}

absl::Status TileWriter::Finish() {
  if (!entries_.empty()) POSTERN_RETURN_IF_ERROR(WriteEntries());
  for (size_t level = 0; level < levels_.size(); ++level) {
    const Level& last = levels_[level];
    if (last.hashes.empty()) continue;
    const TileName name{static_cast<int>(level), last.index, last.hashes.size()};
    POSTERN_RETURN_IF_ERROR(sink_(name.Path(), EncodeHashTile(last.hashes)));
  }
  return absl::OkStatus();
}

}  // namespace postern::client::verify
