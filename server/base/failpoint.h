// Named places where a test makes the process fail. In builds without POSTERN_FAILPOINTS every call here is an empty
// inline function.
//
// The environment variable POSTERN_FAILPOINTS is read at the first hit and never again: "name=action[@n],...".
//   abort   the process kills itself there (SIGKILL: no destructor, no flush)
//   error   the code there takes its own failure path
//   skip    the step that follows is left out
// With "@n" only the n-th hit acts (from 1); without it every hit does. A malformed value kills the process, so that no
// test passes because of a typing error. Thread-safe.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace postern::base {

#ifdef POSTERN_FAILPOINTS

// True if the failure path is to be taken here. Does not return for `abort`.
bool FailpointFails(absl::string_view name);
// True if the step that follows is to be left out. Does not return for `abort`.
bool FailpointSkips(absl::string_view name);

#else

inline constexpr bool FailpointFails(absl::string_view) {
  return false;
}
inline constexpr bool FailpointSkips(absl::string_view) {
  return false;
}

#endif

}  // namespace postern::base

// For functions that return absl::Status or StatusOr: dies or returns UNAVAILABLE where the failpoint says so.
#define POSTERN_FAILPOINT(name)                                                                    \
  do {                                                                                             \
    if (::postern::base::FailpointFails(name)) return ::absl::UnavailableError("failpoint " name); \
  } while (false)
