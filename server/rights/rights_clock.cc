#include "server/rights/rights_clock.h"

namespace postern::rights {

RightsClock::RightsClock(RequestDesk* requests, InvestigationDesk* investigations, absl::Duration interval)
    : loop_(interval, [this, requests, investigations] {
        if (!requests->RunOnce().ok()) ++failed_rounds_;
        if (!investigations->RunOnce().ok()) ++failed_rounds_;
      }) {}

}  // namespace postern::rights
