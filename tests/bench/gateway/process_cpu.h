// CPU time of other processes, from /proc.
#pragma once

#include <vector>

#include "absl/time/time.h"

namespace postern::bench {

// User and system time of the processes and their children that are still there (nginx's workers).
absl::Duration CpuOf(const std::vector<int>& pids);

}  // namespace postern::bench
