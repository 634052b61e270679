// What a migration found and left.
#pragma once

namespace postern::storage {

// Versions of a store's tables; 0: there were none.
struct SchemaVersions {
  int before = 0;
  int after = 0;
};

}  // namespace postern::storage
