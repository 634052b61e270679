// How a partner's own unary method is called. Implemented by the channel adapter, which knows gRPC.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/postern/v1/partner.pb.h"

namespace postern::delivery {

// How a call ended.
struct CallResult {
  enum class Fate {
    kAnswered,  // the partner's reply is in `reply`
    kRefused,   // the partner answered with an error
    kNotSent,   // no connection to a verified server: nothing left
    kLost,      // sent, and no reply came: it is unknown whether the partner acted
  };
  Fate fate = Fate::kLost;
  std::string reply;
  absl::Status status;  // transport's, for kRefused, kNotSent and kLost; its message is the peer's and is not passed on
};

// Thread-safe.
class PartnerCaller {
 public:
  using Done = std::function<void(CallResult)>;
  // A call under way. Cancel is idempotent, does not block, and makes the call end as kLost unless it has ended.
  class Call {
   public:
    virtual ~Call() = default;
    virtual void Cancel() = 0;
  };
  // A connection ready to take one call. Nothing has been sent on it.
  class Line {
   public:
    virtual ~Line() = default;
    // Starts the call; the request has been handed to the transport when this returns. `done` is called exactly once,
    // never from inside this call. Never retried.
    virtual std::shared_ptr<Call> Start(const std::string& method, const std::string& request, absl::Time deadline,
                                        Done done) = 0;
  };
  using Connected = std::function<void(absl::StatusOr<std::shared_ptr<Line>>)>;

  virtual ~PartnerCaller() = default;
  // Connects to an endpoint of a partner, or takes a connection that is open. `connected` is called exactly once;
  // PARTNER_UNREACHABLE if there is no verified connection at `deadline`.
  virtual void Connect(const std::string& partner, const v1::PartnerEndpoint& endpoint, absl::Time deadline,
                       Connected connected) = 0;
  // Resets the connections to a partner, whose calls have been cancelled: what is queued in the kernel is gone.
  virtual void Forget(const std::string& partner) = 0;
};

}  // namespace postern::delivery
