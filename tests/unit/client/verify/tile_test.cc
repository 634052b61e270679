// Tiles: their names against the specification's own examples, whole logs of many sizes, and every byte of a small one.
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/verify/tile.h"
#include "client/verify/tile_log.h"
#include "client/verify/tile_writer.h"
#include "gtest/gtest.h"

namespace postern::client::verify {
namespace {

using Files = std::map<std::string, std::string>;

struct Log {
  Checkpoint checkpoint;
  Files files;
  std::vector<std::string> entries;

  TileLog Open() const {
    return TileLog(checkpoint, [this](const std::string& path) -> absl::StatusOr<std::string> {
      const auto found = files.find(path);
      if (found == files.end()) return absl::NotFoundError(path);
      return found->second;
    });
  }
  absl::Status Verify() const {
    return Open().Verify([](uint64_t) {});
  }
};

Log MakeLog(uint64_t size) {
  Log log;
  TileWriter writer([&log](const std::string& path, absl::string_view bytes) {
    log.files[path] = std::string(bytes);
    return absl::OkStatus();
  });
  for (uint64_t i = 0; i < size; ++i) {
    log.entries.push_back(absl::StrCat("entry ", i, std::string(i % 7, '.')));
    EXPECT_TRUE(writer.Add(log.entries.back()).ok());
  }
  EXPECT_TRUE(writer.Finish().ok());
  log.checkpoint = {"log.example", size, writer.Root()};
  return log;
}

TEST(TileName, IsWrittenAsSpecified) {
  EXPECT_EQ((TileName{0, 1234067}.Path()), "tile/0/x001/x234/067");
  EXPECT_EQ((TileName{1, 0}.Path()), "tile/1/000");
  EXPECT_EQ((TileName{0, 273, 112}.Path()), "tile/0/273.p/112");
  EXPECT_EQ((TileName{TileName::kEntries, 1000, 1}.Path()), "tile/entries/x001/000.p/1");
  for (const char* path : {"tile/0/x001/x234/067", "tile/1/000", "tile/0/273.p/112", "tile/entries/x001/000.p/1",
                           "tile/63/x018/x446/x744/x073/x709/x551/615"}) {
    const auto name = ParseTilePath(path);
    ASSERT_TRUE(name.ok()) << path;
    EXPECT_EQ(name->Path(), path);
  }
  for (const char* path : {"",
                           "tile",
                           "tile/0",
                           "tile/0/",
                           "tile/64/000",
                           "tile/-1/000",
                           "tile/0/00",
                           "tile/0/0000",
                           "tile/0/x000/000",
                           "tile/0/001/067",
                           "tile/0/x1/067",
                           "tile/0/000.p/0",
                           "tile/0/000.p/256",
                           "tile/0/000.p/01",
                           "tile/0/000.p/",
                           "tile/00/000",
                           "/tile/0/000",
                           "tile/0/000 ",
                           "tile/entries/../000",
                           "tile/0/x018/x446/x744/x073/x709/x551/616"}) {
    EXPECT_FALSE(ParseTilePath(path).ok()) << path;
  }
}

TEST(EntryBundle, IsReadExactly) {
  const std::string bytes = *EncodeEntryBundle({std::string("a"), std::string(), std::string(300, 'b')});
  const auto entries = ParseEntryBundle(bytes, 3);
  ASSERT_TRUE(entries.ok());
  EXPECT_EQ((*entries)[2], std::string(300, 'b'));
  EXPECT_FALSE(ParseEntryBundle(bytes, 2).ok());
  EXPECT_FALSE(ParseEntryBundle(bytes, 4).ok());
  EXPECT_FALSE(ParseEntryBundle(bytes.substr(0, bytes.size() - 1), 3).ok());
  EXPECT_FALSE(EncodeEntryBundle({std::string(65536, 'x')}).ok());
}

// Clause: P1.3c
TEST(TileLog, VerifiesAndProvesAtEverySize) {
  for (const uint64_t size : {0, 1, 2, 3, 7, 255, 256, 257, 511, 512, 700, 65536, 65537, 66000}) {
    SCOPED_TRACE(size);
    const Log log = MakeLog(size);
    EXPECT_TRUE(log.Verify().ok()) << log.Verify();
    TileLog tiles = log.Open();
    for (uint64_t index = 0; index < size; index += 1 + size / 50) {
      const auto proven = tiles.Prove(index);  // verified inside
      ASSERT_TRUE(proven.ok()) << index << ": " << proven.status();
      EXPECT_EQ(proven->entry, log.entries[index]);
    }
    EXPECT_FALSE(tiles.Prove(size).ok());
  }
}

TEST(TileLog, ExtendsWhatItExtendsOnly) {
  const Log log = MakeLog(1000);
  LogRecomputer earlier;
  TileLog tiles = log.Open();
  for (uint64_t size = 0; size <= 1000; ++size) {
    if (size % 13 == 0 || size == 256 || size == 512 || size > 998) {
      Checkpoint checkpoint{"log.example", size, earlier.Root()};
      EXPECT_TRUE(tiles.ProveExtends(checkpoint).ok()) << size;
      checkpoint.root[5] ^= 1;
      EXPECT_FALSE(tiles.ProveExtends(checkpoint).ok()) << size;
    }
    if (size < 1000) earlier.Add(log.entries[size]);
  }
  EXPECT_FALSE(tiles.ProveExtends({"log.example", 1001, earlier.Root()}).ok());
}

// Clause: P1.3c
TEST(TileLog, EveryChangedByteAndEveryMissingTileIsFound) {
  Log log = MakeLog(600);
  ASSERT_TRUE(log.Verify().ok());
  const Files files = log.files;
  EXPECT_EQ(files.size(), 7u) << "three bundles, three tiles of leaves, one above";
  int step = 0;
  for (const auto& [path, bytes] : files) {
    for (size_t i = 0; i < bytes.size(); i += 61) {
      log.files = files;
      log.files[path][i] = static_cast<char>(log.files[path][i] ^ (1 << (step++ % 8)));
      EXPECT_FALSE(log.Verify().ok()) << path << " byte " << i;
    }
    log.files = files;
    log.files.erase(path);
    EXPECT_FALSE(log.Verify().ok()) << path << " is missing";
    log.files = files;
    log.files[path].push_back('x');
    EXPECT_FALSE(log.Verify().ok()) << path << " is longer";
    log.files[path] = bytes.substr(0, bytes.size() / 2);
    EXPECT_FALSE(log.Verify().ok()) << path << " is shorter";
  }
  log.files = files;
  std::swap(log.files["tile/entries/000"], log.files["tile/entries/001"]);
  EXPECT_FALSE(log.Verify().ok()) << "swapped";
}

}  // namespace
}  // namespace postern::client::verify
