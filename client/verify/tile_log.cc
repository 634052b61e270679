#include "client/verify/tile_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/verify/errors.h"
#include "client/verify/tile.h"
#include "client/verify/tile_writer.h"
#include "proto/errors/error.h"

namespace postern::client::verify {
namespace {

// The largest power of two below n, which is at least 2.
uint64_t SplitOf(uint64_t n) {
  uint64_t split = 1;
  while (split * 2 < n) split *= 2;
  return split;
}

int LogOf(uint64_t power) {
  int level = 0;
  while (power > 1) {
    power /= 2;
    ++level;
  }
  return level;
}

// Elements at a tile level in a log of `size` entries.
uint64_t ElementsAt(int level, uint64_t size) {
  const int shift = kTileHeight * std::max(level, 0);
  return shift >= 64 ? 0 : size >> shift;
}

// Malformed, where the checkpoint vouches for what should be there.
absl::Status DamagedTile(int level, uint64_t index) {
  return errors::NotVerified(absl::StrCat(TileName{level, index}.Path(), " is damaged"));
}

}  // namespace

TileLog::TileLog(Checkpoint checkpoint, TileSource source)
    : checkpoint_(std::move(checkpoint)), source_(std::move(source)) {}

absl::StatusOr<std::string> TileLog::ReadTile(int level, uint64_t index, uint64_t* width) {
  const uint64_t elements = ElementsAt(level, checkpoint_.size);
  if (index > elements / kTileWidth) return errors::Malformed("a tile outside the log");
  *width = std::min(kTileWidth, elements - index * kTileWidth);
  if (*width == 0) return errors::Malformed("a tile outside the log");
  return source_(TileName{level, index, *width}.Path());
}

absl::Status TileLog::Verify(absl::FunctionRef<void(uint64_t entries)> progress) {
  // Written again from the entries, every tile must be the one that is there.
  TileWriter again([this](const std::string& path, absl::string_view bytes) -> absl::Status {
    POSTERN_ASSIGN_OR_RETURN(const std::string found, source_(path));
    return found == bytes ? absl::OkStatus() : errors::NotVerified(absl::StrCat(path, " is not what the entries give"));
  });
  for (uint64_t tile = 0; again.size() < checkpoint_.size; ++tile) {
    uint64_t width = 0;
    POSTERN_ASSIGN_OR_RETURN(const std::string bytes, ReadTile(TileName::kEntries, tile, &width));
    const absl::StatusOr<std::vector<absl::string_view>> entries = ParseEntryBundle(bytes, width);
    if (!entries.ok()) return DamagedTile(TileName::kEntries, tile);
    for (const absl::string_view entry : *entries) POSTERN_RETURN_IF_ERROR(again.Add(entry));
    progress(again.size());
  }
  POSTERN_RETURN_IF_ERROR(again.Finish());
  if (again.Root() != checkpoint_.root) return errors::NotVerified("the entries do not give the checkpoint's root");
  return absl::OkStatus();
}

absl::StatusOr<Hash> TileLog::Node(int level, uint64_t index) {
  const int tile_level = level / kTileHeight;
  const int above = level % kTileHeight;
  const uint64_t first = index << above;
  uint64_t width = 0;
  const std::string path = TileName{tile_level, first / kTileWidth}.Path();
  if (path != tile_path_) {
    POSTERN_ASSIGN_OR_RETURN(const std::string bytes, ReadTile(tile_level, first / kTileWidth, &width));
    absl::StatusOr<std::vector<Hash>> hashes = ParseHashTile(bytes, width);
    if (!hashes.ok()) return DamagedTile(tile_level, first / kTileWidth);
    tile_ = *std::move(hashes);
    tile_path_ = path;
  }
  const uint64_t begin = first % kTileWidth;
  const uint64_t count = uint64_t{1} << above;
  if (begin + count > tile_.size()) return errors::Malformed("a subtree outside the log");
  std::vector<Hash> hashes(tile_.begin() + static_cast<std::ptrdiff_t>(begin),
                           tile_.begin() + static_cast<std::ptrdiff_t>(begin + count));
  for (; hashes.size() > 1; hashes.resize(hashes.size() / 2)) {
    for (size_t i = 0; i < hashes.size() / 2; ++i) hashes[i] = NodeHash(hashes[2 * i], hashes[2 * i + 1]);
  }
  return hashes[0];
}

absl::StatusOr<Hash> TileLog::Root(uint64_t first, uint64_t count) {
  if ((count & (count - 1)) == 0) return Node(LogOf(count), first / count);
  const uint64_t split = SplitOf(count);
  POSTERN_ASSIGN_OR_RETURN(const Hash left, Root(first, split));
  POSTERN_ASSIGN_OR_RETURN(const Hash right, Root(first + split, count - split));
  return NodeHash(left, right);
}

absl::Status TileLog::Path(uint64_t index, uint64_t first, uint64_t count, std::vector<Hash>* path) {
  if (count == 1) return absl::OkStatus();
  const uint64_t split = SplitOf(count);
  const bool left = index < split;
  POSTERN_RETURN_IF_ERROR(left ? Path(index, first, split, path)
                               : Path(index - split, first + split, count - split, path));
  POSTERN_ASSIGN_OR_RETURN(const Hash sibling, left ? Root(first + split, count - split) : Root(first, split));
  path->push_back(sibling);
  return absl::OkStatus();
}

absl::StatusOr<TileLog::ProvenEntry> TileLog::Prove(uint64_t index) {
  if (index >= checkpoint_.size) return errors::Malformed("the log has no entry of that index");
  uint64_t width = 0;
  POSTERN_ASSIGN_OR_RETURN(const std::string bytes, ReadTile(TileName::kEntries, index / kTileWidth, &width));
  const absl::StatusOr<std::vector<absl::string_view>> entries = ParseEntryBundle(bytes, width);
  if (!entries.ok()) return DamagedTile(TileName::kEntries, index / kTileWidth);
  ProvenEntry proven;
  proven.entry = std::string((*entries)[index % kTileWidth]);
  POSTERN_RETURN_IF_ERROR(Path(index, 0, checkpoint_.size, &proven.path));
  POSTERN_RETURN_IF_ERROR(
      VerifyInclusion(LeafHash(proven.entry), index, checkpoint_.size, proven.path, checkpoint_.root));
  return proven;
}

absl::Status TileLog::Subproof(uint64_t old_size, uint64_t first, uint64_t count, bool whole,
                               std::vector<Hash>* proof) {
  if (old_size == count) {
    if (whole) return absl::OkStatus();
    POSTERN_ASSIGN_OR_RETURN(const Hash root, Root(first, count));
    proof->push_back(root);
    return absl::OkStatus();
  }
  const uint64_t split = SplitOf(count);
  const bool left = old_size <= split;
  POSTERN_RETURN_IF_ERROR(left ? Subproof(old_size, first, split, whole, proof)
                               : Subproof(old_size - split, first + split, count - split, false, proof));
  POSTERN_ASSIGN_OR_RETURN(const Hash sibling, left ? Root(first + split, count - split) : Root(first, split));
  proof->push_back(sibling);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Hash>> TileLog::ProveExtends(const Checkpoint& earlier) {
  std::vector<Hash> proof;
  if (earlier.size > checkpoint_.size)
    return errors::NotVerified("the log is shorter than the earlier checkpoint says");
  if (earlier.size != 0 && earlier.size != checkpoint_.size) {
    POSTERN_RETURN_IF_ERROR(Subproof(earlier.size, 0, checkpoint_.size, true, &proof));
  }
  POSTERN_RETURN_IF_ERROR(VerifyConsistency(earlier.size, earlier.root, checkpoint_.size, checkpoint_.root, proof));
  return proof;
}

}  // namespace postern::client::verify
