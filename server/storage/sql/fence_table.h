// When each fence was raised last. In memory whole, because every committed entry asks it; the table `fence` is its
// durable form.
#pragma once

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/storage/store.h"

namespace postern::storage {

class FenceTable {
 public:
  // 0 if it was never raised.
  uint64_t VersionOf(const FenceScope& scope) const {
    const auto found = versions_[Slot(scope.kind)].find(scope.id);
    return found == versions_[Slot(scope.kind)].end() ? 0 : found->second;
  }
  void Raise(FenceScope::Kind kind, absl::string_view id, uint64_t version) {
    versions_[Slot(kind)][std::string(id)] = version;
    if (version > newest_of_[Slot(kind)]) newest_of_[Slot(kind)] = version;
    if (version > newest_) newest_ = version;
  }
  // The highest version ever given; FenceVersion of the store.
  uint64_t newest() const { return newest_; }
  // The highest version given to a fence of `kind`.
  uint64_t NewestOf(FenceScope::Kind kind) const { return newest_of_[Slot(kind)]; }

 private:
  static size_t Slot(FenceScope::Kind kind) { return static_cast<size_t>(kind) % kSlots; }

  static constexpr size_t kSlots = 4;
  absl::flat_hash_map<std::string, uint64_t> versions_[kSlots];
  uint64_t newest_of_[kSlots] = {};
  uint64_t newest_ = 0;
};

}  // namespace postern::storage
