// Events of partners, revisions and campaigns as log lines.
#pragma once

#include "proto/postern/v1/operator_service.pb.h"
#include "server/base/log.h"

namespace postern::gateway {

// A warning for what somebody should look at besides what they did themselves. Who did it is in the audit log; a
// person's name is nothing for this one.
void LogEvent(const base::Logger& log, const v1::WatchEventsResponse& event);

}  // namespace postern::gateway
