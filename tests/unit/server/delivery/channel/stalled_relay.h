// A slow receiver: forwards connections to a server until it is told to stall, and then reads nothing more of what the
// client sends until it is told to drain, when it says what was still there and how the connection ended.
#pragma once

#include <atomic>
#include <cstddef>
#include <string>
#include <thread>

namespace postern::delivery {

class StalledRelay {
 public:
  // Listens on a loopback port of its own, with a small receive buffer, and forwards one connection to
  // "127.0.0.1:port".
  explicit StalledRelay(const std::string& server);
  ~StalledRelay();

  const std::string& address() const { return address_; }
  // Reads no more from the client. Returns once it does not.
  void Stall();
  // Bytes that came through from the client before the stall.
  size_t forwarded() const { return forwarded_; }
  struct Rest {
    size_t bytes = 0;    // still readable
    bool reset = false;  // the end was a reset and not a clean one
  };
  // Reads what there is, to the end.
  Rest Drain();

 private:
  void Forward();

  std::string address_;
  int listener_ = -1;
  int client_ = -1;
  int server_ = -1;
  int port_ = 0;  // of the server
  std::atomic<bool> stall_{false};
  std::atomic<size_t> forwarded_{0};
  std::thread thread_;
};

}  // namespace postern::delivery
