#include "server/gateway/event_log.h"

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace postern::gateway {
namespace {

bool IsWarning(absl::string_view event) {
  return event == "partner.suspended" || event == "partner.terminating" || event == "contract.expiring" ||
         event == "campaign.overdue" || event == "endpoint.disabled" || event == "attestation.refused" ||
         event == "subject_request.overdue" || event == "investigation.overdue" ||
         absl::StartsWith(event, "supervision.");
}

}  // namespace

void LogEvent(const base::Logger& log, const v1::WatchEventsResponse& event) {
  const auto detail = [&event](const char* key) {
    const auto found = event.details().find(key);
    return base::PublicText::Token(found == event.details().end() ? "" : found->second);
  };
  const base::Logger::Fields fields = {{"resource", base::PublicText::ResourceName(event.resource())},
                                       {"reason", detail("reason")},
                                       {"days_left", detail("days_left")}};
  IsWarning(event.event()) ? log.Warning(event.event(), fields) : log.Info(event.event(), fields);
}

}  // namespace postern::gateway
