// Under which names a disclosure is found in the index of subjects.
#pragma once

#include <algorithm>
#include <vector>

#include "server/storage/store.h"

namespace postern::storage {

// Its subjects, of whom it may name one twice, and its order: each once.
inline std::vector<Mac16> IndexedNames(std::vector<Mac16> subjects, const Mac16& order) {
  subjects.push_back(order);
  std::sort(subjects.begin(), subjects.end());
  subjects.erase(std::unique(subjects.begin(), subjects.end()), subjects.end());
  return subjects;
}

}  // namespace postern::storage
