#include "server/gateway/finding_response.h"

#include "proto/errors/error.h"

namespace postern::gateway {

void FindingResponse::Report(const std::string& partner, const std::string& path) {
  count_.fetch_add(1, std::memory_order_relaxed);
  log_->Error("verifier.finding",
              {{"partner", base::PublicText::ResourceName(partner)}, {"path", base::PublicText::Setting(path)}});
}

void FindingResponse::Stop(const std::string& partner, const std::string& path) {
  Report(partner, path);
  const absl::Status status = stop_(partner);
  // Somebody else was faster, this thread's neighbour for one.
  if (status.ok() || ReasonOf(status) == v1::ERROR_REASON_STATE_TRANSITION) return;
  log_->Error("verifier.partner_not_stopped",
              {{"partner", base::PublicText::ResourceName(partner)},
               {"reason", base::PublicText::Token(v1::ErrorReason_Name(ReasonOf(status)))}});
}

}  // namespace postern::gateway
