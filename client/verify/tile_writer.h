// Writes a log as tiles while its entries go by. Memory: one tile a level.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/verify/merkle.h"
#include "client/verify/tile.h"

namespace postern::client::verify {

// Not thread-safe.
class TileWriter {
 public:
  // Takes the bytes of one tile; its errors end the writing.
  using Sink = std::function<absl::Status(const std::string& path, absl::string_view bytes)>;

  explicit TileWriter(Sink sink) : sink_(std::move(sink)) {}

  // The next entry. INVALID_ARGUMENT if it is too long for a bundle.
  absl::Status Add(absl::string_view entry);
  // Writes the partial tiles that the log ends in. Once, after the last entry.
  absl::Status Finish();

  uint64_t size() const { return log_.size(); }
  Hash Root() const { return log_.Root(); }

 private:
  // Adds a hash to the tile at hand of `level`; a tile that becomes full is written, and its root goes a level up.
  absl::Status AddHash(size_t level, const Hash& hash);
  absl::Status WriteEntries();

  const Sink sink_;
  LogRecomputer log_;
  std::vector<std::string> entries_;
  struct Level {
    uint64_t index = 0;
    std::vector<Hash> hashes;
  };
  std::vector<Level> levels_;
};

}  // namespace postern::client::verify
