#include "server/rights/rights_clock.h"

namespace postern::rights {

RightsClock::RightsClock(RequestDesk* requests, absl::Duration interval)
    : loop_(interval, [this, requests] {
        if (!requests->RunOnce().ok()) ++failed_rounds_;
      }) {}

}  // namespace postern::rights
