// What the layering rules need to know about the sources: who includes what, who links what, and how long files are.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace postern::layering {

// One mention of a name that a rule may forbid.
struct Mention {
  std::string name;  // "server/crypto/aead.h", "openssl/evp.h", "postern_server_crypto", "gRPC::grpc++"
  int line;          // from 1
};

struct SourceFile {
  std::string path;                // from the top of the repository, with '/'
  std::vector<std::string> lines;  // without line ends
  std::vector<Mention> includes;   // of C++ files, both <...> and "..."
  std::vector<Mention> links;      // of CMakeLists.txt: targets outside comments
};

// Reads every hand-written source below `root`: C++, CMake, proto and scripts. Leaves out build/, node_modules/ and
// hidden folders. Sorted by path.
std::vector<SourceFile> ReadSourceTree(const std::filesystem::path& root);

}  // namespace postern::layering
