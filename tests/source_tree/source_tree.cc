#include "tests/source_tree/source_tree.h"

#include <cstdlib>
#include <filesystem>

namespace postern::testing {

std::string SourceTreePath(const std::string& path) {
  namespace fs = std::filesystem;
  if (const char* overlay = std::getenv("POSTERN_SOURCE_OVERLAY"); overlay != nullptr) {
    const fs::path replaced = fs::path(overlay) / path;
    if (fs::is_regular_file(replaced)) return replaced.string();
  }
  return (fs::path(POSTERN_SOURCE_DIR) / path).string();
}

}  // namespace postern::testing
