// posternd --init-keys: the key files that a new gateway needs.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/gateway/config.h"

namespace postern::gateway {

// Creates the data directory and every key file of `config` that is missing, mode 0700 and 0600; never touches one that
// is there. Returns the paths that it made. A keyset made next to an existing key store opens nothing: back the files
// up before use.
absl::StatusOr<std::vector<std::string>> InitKeys(const config::Config& config);

}  // namespace postern::gateway
