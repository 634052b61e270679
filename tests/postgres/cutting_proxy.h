// Stands between a store and a PostgreSQL server on Unix sockets, and cuts a connection at its COMMIT.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace postern::testing {

class CuttingProxy {
 public:
  enum class Cut {
    kNever,
    kBeforeCommit,  // the server never hears of it
    kAfterCommit,   // the server has done it, and its answer does not arrive
    kWhileCommit,   // both ends are cut as soon as the server has been told
  };

  // `server_folder` has the server's socket. Its own is in `folder`, which is made.
  CuttingProxy(std::string server_folder, std::string folder);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  // The next COMMIT that comes by is cut so, once.
  void CutNext(Cut cut) { cut_ = cut; }
  // How many were.
  int cuts() const { return cuts_; }
  // How many have come by.
  int commits() const { return commits_; }
  // For libpq.
  std::string Conninfo() const { return "host=" + folder_ + " user=postgres dbname=postgres"; }

 private:
  void Accept();
  void Carry(int client);

  const std::string server_folder_;
  const std::string folder_;
  std::atomic<Cut> cut_{Cut::kNever};
  std::atomic<int> cuts_{0};
  std::atomic<int> commits_{0};
  std::atomic<bool> stop_{false};
  int listener_ = -1;
  absl::Mutex mutex_;
  std::vector<std::thread> carriers_ ABSL_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

}  // namespace postern::testing
