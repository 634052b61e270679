// What maintenance tells whoever does it.
#pragma once

#include <string>
#include <vector>

namespace postern::gateway {

// What was done, one line each; also where an error ended it.
using Steps = std::vector<std::string>;

}  // namespace postern::gateway
