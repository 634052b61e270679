#include "server/gateway/finding_response.h"

#include "proto/errors/error.h"

namespace postern::gateway {

void FindingResponse::Stop(const std::string& partner, const std::string& path) {
  count_.fetch_add(1, std::memory_order_relaxed);
  const auto name = base::PublicText::ResourceName(partner);
  log_->Error("verifier.finding", {{"partner", name}, {"path", base::PublicText::Setting(path)}});
  const absl::Status status = stop_(partner);
  // Somebody else was faster, this thread's neighbour for one.
  if (status.ok() || ReasonOf(status) == v1::ERROR_REASON_STATE_TRANSITION) return;
  log_->Error("verifier.partner_not_stopped",
              {{"partner", name}, {"reason", base::PublicText::Token(v1::ErrorReason_Name(ReasonOf(status)))}});
}

}  // namespace postern::gateway
