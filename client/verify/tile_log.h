// A log that is there as tiles: verified as a whole, or asked for one entry with its proof. Offline; nothing read from
// the tiles is believed before it leads to the root of a checkpoint that was verified.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/verify/checkpoint.h"
#include "client/verify/merkle.h"

namespace postern::client::verify {

// The bytes of the tile at a path (tile.h); NOT_FOUND and other errors end the work.
using TileSource = std::function<absl::StatusOr<std::string>(const std::string& path)>;

// Not thread-safe.
class TileLog {
 public:
  // `checkpoint` says how large the log is and what its root is: open it with its key first.
  TileLog(Checkpoint checkpoint, TileSource source);

  const Checkpoint& checkpoint() const { return checkpoint_; }

  // Every entry leads to the root, and every hash tile holds what its entries hash to. `progress` is told how many
  // entries were read. DATA_LOSS names the first tile that is wrong.
  absl::Status Verify(absl::FunctionRef<void(uint64_t entries)> progress);

  struct ProvenEntry {
    std::string entry;
    std::vector<Hash> path;  // RFC 9162 inclusion proof
  };
  // An entry and its proof, verified. INVALID_ARGUMENT for an index outside the log; DATA_LOSS.
  absl::StatusOr<ProvenEntry> Prove(uint64_t index);

  // That the log extends an earlier one; the proof, verified. DATA_LOSS.
  absl::StatusOr<std::vector<Hash>> ProveExtends(const Checkpoint& earlier);

 private:
  // Hash of the complete subtree of 2^level leaves number `index`, which lies inside the log.
  absl::StatusOr<Hash> Node(int level, uint64_t index);
  // Root over the leaves [first, first + count), where `first` is a multiple of the smallest power of two >= count.
  absl::StatusOr<Hash> Root(uint64_t first, uint64_t count);
  // RFC 9162, section 2.1.3.1, of the tree over [first, first + count).
  absl::Status Path(uint64_t index, uint64_t first, uint64_t count, std::vector<Hash>* path);
  // RFC 9162, section 2.1.4.1.
  absl::Status Subproof(uint64_t old_size, uint64_t first, uint64_t count, bool whole, std::vector<Hash>* proof);
  absl::StatusOr<std::string> ReadTile(int level, uint64_t index, uint64_t* width);

  const Checkpoint checkpoint_;
  const TileSource source_;
  // The hash tile that was read last.
  std::string tile_path_;
  std::vector<Hash> tile_;
};

}  // namespace postern::client::verify
