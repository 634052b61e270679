#include "tests/bench/gateway/process_cpu.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace postern::bench {
namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream in(path);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

// utime and stime are fields 14 and 15; the command in field 2 may hold spaces, so count from its closing parenthesis.
absl::Duration CpuIn(const std::string& folder) {
  const std::string stat = ReadAll(folder + "/stat");
  std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 2)));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  int64_t user = 0;
  int64_t system = 0;
  fields >> user >> system;
  return absl::Seconds(1) * static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

absl::Duration CpuOfOne(int pid) {
  return CpuIn(absl::StrCat("/proc/", pid));
}

}  // namespace

absl::Duration CpuOf(const std::vector<int>& pids) {
  absl::Duration sum;
  for (int pid : pids) {
    sum += CpuOfOne(pid);
    std::istringstream children(ReadAll(absl::StrCat("/proc/", pid, "/task/", pid, "/children")));
    for (int child; children >> child;) sum += CpuOfOne(child);
  }
  return sum;
}

absl::Duration CpuOfThreads(int pid, absl::string_view name) {
  absl::Duration sum;
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/task"), error)) {
    if (absl::StripSuffix(ReadAll(task.path() / "comm"), "\n") == name) sum += CpuIn(task.path());
  }
  return sum;
}

}  // namespace postern::bench
