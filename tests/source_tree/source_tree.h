// The files of this repository, as tests read them.
#pragma once

#include <string>

namespace postern::testing {

// Where the file or folder `path`, named from the top of the repository, is. A file under the folder that the
// environment variable POSTERN_SOURCE_OVERLAY names takes the place of the repository's own: so a test runs against
// broken data (tests/clauses/mutants) without a change to the tree.
std::string SourceTreePath(const std::string& path);

}  // namespace postern::testing
