// CPU time of other processes, from /proc.
#pragma once

#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace postern::bench {

// User and system time of the processes and their children that are still there (nginx's workers).
absl::Duration CpuOf(const std::vector<int>& pids);
// Of the threads of one process that have this name.
absl::Duration CpuOfThreads(int pid, absl::string_view name);

}  // namespace postern::bench
