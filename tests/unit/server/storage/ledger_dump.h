// What a ledger says, whatever its pages look like.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace postern::storage {

// Every row of every table of a database, by table; columns in hexadecimal.
using Dump = std::map<std::string, std::vector<std::string>>;

// Reads a database with plain SQLite; a store may have it open.
Dump DumpOf(const std::string& path);

}  // namespace postern::storage
