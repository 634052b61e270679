// The configuration of posternd: read, completed, checked.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/postern/config/v1/config.pb.h"
#include "server/identity/principal_resolver.h"

namespace postern::gateway {

namespace config = postern::config::v1;

// Reads a configuration file: unknown keys, and everything else the text format refuses, are INVALID_ARGUMENT with
// file:line:column. In the result every path is resolved and every default filled in; nothing is checked yet.
absl::StatusOr<config::Config> LoadConfig(const std::string& path);

// Everything that would keep the gateway from starting, one line each, empty if nothing does: presence and form of
// fields, addresses, certificates with their keys, trust bundles, key files with their permissions, the data directory.
// Opens no store and no port.
std::vector<std::string> CheckConfig(const config::Config& config, absl::Time now);

// The people of a checked configuration.
std::vector<identity::Person> PeopleOf(const config::Config& config);
std::vector<std::string> StorefrontsOf(const config::Config& config);

// "YYYY-MM-DD"; false for anything else.
bool ParseDay(const std::string& text, absl::CivilDay* day);

}  // namespace postern::gateway
