// Where in a store's list something begins, if nothing but its positions leads there.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "proto/errors/error.h"

namespace postern::storage {

// The last position, from 0, that `holds` says true of (absl::StatusOr<bool>(int64_t)); -1 if there is none. It is to
// be true up to some position and false from there on. Asks about twice the logarithm of it times.
template <typename Holds>
absl::StatusOr<int64_t> LastWhere(Holds holds) {
  int64_t last = -1;
  int64_t step = 1;
  for (;; step *= 2) {
    POSTERN_ASSIGN_OR_RETURN(const bool further, holds(last + step));
    if (!further) break;
    last += step;
  }
  for (step /= 2; step > 0; step /= 2) {
    POSTERN_ASSIGN_OR_RETURN(const bool further, holds(last + step));
    if (further) last += step;
  }
  return last;
}

}  // namespace postern::storage
