// Looks for changed certificate files every few seconds, and at once on SIGHUP.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/base/log.h"

namespace postern::gateway {

// Thread-safe after Start.
class CertificateReloader {
 public:
  // Files that belong together and what takes them over. `apply` reads and validates them and, if it returns an error,
  // has left the old ones in use.
  struct Source {
    std::string name;  // "shop.key_pair"
    std::vector<std::string> files;
    std::function<absl::Status()> apply;
  };

  CertificateReloader(const base::Logger* log, absl::Duration interval) : log_(log), interval_(interval) {}
  ~CertificateReloader() { Stop(); }

  // The files have just been read. Before Start.
  void Watch(Source source);
  void Start();
  // Reads everything again, changed or not, soon.
  void ReloadNow();
  void Stop();

  int64_t reloads() const { return reloads_; }
  int64_t failures() const { return failures_; }

 private:
  struct Watched {
    Source source;
    std::string seen;  // identity of the files when they were last looked at
  };
  void Loop();
  void Round(bool force);

  const base::Logger* const log_;
  const absl::Duration interval_;
  std::vector<Watched> watched_;  // the thread alone, once it runs
  std::atomic<int64_t> reloads_{0};
  std::atomic<int64_t> failures_{0};

  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool now_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace postern::gateway
