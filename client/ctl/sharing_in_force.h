// The scope of sharing (W8) by what the gateway has in force.
#pragma once

#include "absl/time/civil_time.h"
#include "client/ctl/session.h"
#include "policy/report/sharing_scope.h"

namespace postern::client::ctl {

// The revisions in force on `day`, of partners that are active or, marked as paused, suspended. An exit code; anything
// but kOk has been printed.
int ReadSharing(Session& session, absl::CivilDay day, policy::SharingScope* scope);

}  // namespace postern::client::ctl
