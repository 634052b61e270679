// A running posternd, as a child of the test.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace postern::testing {

// What a program that ran to its end left behind.
struct Finished {
  int exit_code = -1;  // 128 + signal if it was killed
  std::string output;  // standard output and error
};

class GatewayProcess {
 public:
  // Runs posternd to its end: --check, --init-keys, bad usage.
  static Finished Run(const std::vector<std::string>& arguments);
  // Starts `posternd --config config` and waits until it has written where it listens; its output goes to `log`.
  // `environment` ("NAME=value") is added to the test's. An error holds the output if it ended instead.
  static absl::StatusOr<std::unique_ptr<GatewayProcess>> Start(const std::string& config, const std::string& data_dir,
                                                               const std::string& log,
                                                               const std::vector<std::string>& environment = {});
  // Kills it, if it runs.
  ~GatewayProcess();

  // "127.0.0.1:port" of "shop", "partners", "operators" or "operations".
  const std::string& Address(const std::string& listener) const { return addresses_.at(listener); }
  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // Waits for the end; -1 if it still runs after `timeout`.
  int Wait(absl::Duration timeout);
  // Resident memory in KiB.
  long ResidentKib() const;
  // What it has written so far.
  std::string Log() const;

 private:
  GatewayProcess(pid_t pid, std::string log) : pid_(pid), log_(std::move(log)) {}

  pid_t pid_;
  const std::string log_;
  int exit_code_ = -1;
  std::map<std::string, std::string> addresses_;
};

// The body and status line of GET http://{address}{path}.
std::string HttpGet(const std::string& address, const std::string& path);

std::string ReadWholeFile(const std::string& path);
void WriteWholeFile(const std::string& path, const std::string& content, int mode = 0600);

}  // namespace postern::testing
