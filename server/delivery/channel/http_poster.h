// Posts bodies to HTTPS servers: one thread and one libcurl multi handle for all of them.
//
// Nothing is followed: no redirect, no proxy, no other protocol. A connection serves one request, so that none outlives
// what it was opened for, and a cancelled one is reset: what the kernel still had queued is gone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/delivery/channel/grpc_partner_caller.h"

namespace postern::delivery {

struct HttpPost {
  // "a.b.c.d:port" or "[v6]:port": connected to, and nothing else is looked up. Empty: the request ends as kNotSent.
  std::string address;
  std::string name;  // DNS SAN that the server must present; also the request's host
  std::string path;  // from "/" on
  std::string trust_bundle_pem;
  std::vector<std::string> headers;  // "name: value"
  std::string body;
  absl::Duration timeout;
  bool allow_private = false;  // as MayCall
};

struct HttpAnswer {
  enum class Fate {
    kAnswered,  // `status` is the server's
    kNotSent,   // no verified connection: nothing of the request left
    kLost,      // it may have left, and no answer came
  };
  Fate fate = Fate::kLost;
  int status = 0;
  std::string body;  // at most kMaxAnswerBytes of it; more than that makes the request kLost
  absl::Duration retry_after = absl::ZeroDuration();  // as the server asks
};

inline constexpr size_t kMaxAnswerBytes = 16 << 10;

// Thread-safe.
class HttpPoster {
 public:
  using Done = std::function<void(HttpAnswer)>;
  using Token = uint64_t;

  // The gateway shows `certificate` to servers that ask for one; may be empty.
  explicit HttpPoster(ClientCertificate certificate);
  // Cancels what is under way.
  ~HttpPoster();

  // `done` is called exactly once, from the poster's thread.
  Token Post(HttpPost post, Done done);
  // Ends a request as kLost, or kNotSent, soon. Unknown tokens are ignored.
  void Cancel(Token token);
  // Later requests show this one.
  void SetCertificate(ClientCertificate certificate);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace postern::delivery
