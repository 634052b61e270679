#include "tests/bench/gateway/process_cpu.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace postern::bench {
namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream in(path);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

// utime and stime are fields 14 and 15; the command in field 2 may hold spaces, so count from its closing parenthesis.
absl::Duration CpuOfOne(int pid) {
  const std::string stat = ReadAll(absl::StrCat("/proc/", pid, "/stat"));
  std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 2)));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  int64_t user = 0;
  int64_t system = 0;
  fields >> user >> system;
  return absl::Seconds(1) * static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
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

}  // namespace postern::bench
