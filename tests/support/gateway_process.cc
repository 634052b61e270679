#include "tests/support/gateway_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace postern::testing {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(20);

// Forks and runs posternd with its output in `log`.
pid_t Spawn(const std::vector<std::string>& arguments, const std::string& log,
            const std::vector<std::string>& environment) {
  std::vector<char*> argv;
  std::string program = POSTERN_POSTERND;
  argv.push_back(program.data());
  std::vector<std::string> copies = arguments;
  for (std::string& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);
  // A name that comes twice is looked up from the front.
  std::vector<char*> env;
  std::vector<std::string> added = environment;
  for (std::string& variable : added) env.push_back(variable.data());
  for (char** variable = environ; *variable != nullptr; ++variable) env.push_back(*variable);
  env.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(fd, 1);
  dup2(fd, 2);
  execve(argv[0], argv.data(), env.data());
  _exit(127);
}

int ExitCode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Finished GatewayProcess::Run(const std::vector<std::string>& arguments) {
  const std::string log = absl::StrCat(std::filesystem::temp_directory_path().string(), "/posternd-", getpid(), ".out");
  std::filesystem::remove(log);
  const pid_t pid = Spawn(arguments, log, {});
  int status = 0;
  waitpid(pid, &status, 0);
  Finished finished{ExitCode(status), ReadWholeFile(log)};
  std::filesystem::remove(log);
  return finished;
}

absl::StatusOr<std::unique_ptr<GatewayProcess>> GatewayProcess::Start(const std::string& config,
                                                                      const std::string& data_dir,
                                                                      const std::string& log,
                                                                      const std::vector<std::string>& environment) {
  const std::string listeners = data_dir + "/run/listeners.json";
  std::filesystem::remove(listeners);
  const absl::Time begin = absl::Now();
  std::unique_ptr<GatewayProcess> process(new GatewayProcess(Spawn({"--config", config}, log, environment), log));
  while (!std::filesystem::exists(listeners)) {
    if (process->Wait(absl::Milliseconds(2)) != -1) {
      return absl::FailedPreconditionError(
          absl::StrCat("posternd ended with ", process->exit_code_, ": ", process->Log()));
    }
    if (absl::Now() - begin > kStartTimeout) return absl::DeadlineExceededError("posternd does not start");
  }
  const std::string json = ReadWholeFile(listeners);
  const std::regex line("\"(\\w+)\": \"([^\"]+)\"");
  for (std::sregex_iterator match(json.begin(), json.end(), line), end; match != end; ++match) {
    process->addresses_[(*match)[1]] = (*match)[2];
  }
  return process;
}

GatewayProcess::~GatewayProcess() {
  if (exit_code_ != -1) return;
  Signal(SIGKILL);
  Wait(absl::Seconds(10));
}

void GatewayProcess::Signal(int signal) const {
  kill(pid_, signal);
}

int GatewayProcess::Wait(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (exit_code_ == -1) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_code_ = ExitCode(status);
    } else if (absl::Now() >= deadline) {
      break;
    } else {
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
  return exit_code_;
}

long GatewayProcess::ResidentKib() const {
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::strtol(line.c_str() + 6, nullptr, 10);
  }
  return -1;
}

std::string GatewayProcess::Log() const {
  return ReadWholeFile(log_);
}

std::string HttpGet(const std::string& address, const std::string& path) {
  const size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  std::string reply;
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0) {
    const std::string request = absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: ", address, "\r\n\r\n");
    if (write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size())) {
      char buffer[4096];
      for (ssize_t n; (n = read(fd, buffer, sizeof(buffer))) > 0;) reply.append(buffer, static_cast<size_t>(n));
    }
  }
  close(fd);
  return reply;
}

std::string ReadWholeFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void WriteWholeFile(const std::string& path, const std::string& content, int mode) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  chmod(path.c_str(), static_cast<mode_t>(mode));
}

}  // namespace postern::testing
