#include "server/delivery/inbound.h"

#include <cstring>
#include <utility>

#include "policy/projection/projector.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/disclosure/limits.h"
#include "server/registry/times.h"

namespace postern::delivery {

absl::StatusOr<std::string> ProjectInbound(const policy::CompiledGrant& grant, const std::string& partner,
                                           absl::string_view bytes, absl::Time now,
                                           const OnInboundFinding& on_finding) {
  const auto malformed = [](absl::string_view path) {
    return MakeError(v1::ERROR_REASON_RESPONSE_MALFORMED,
                     "the partner's message is not what its contract grants inbound", {{"path", path}});
  };
  if (bytes.size() > disclosure::limits::kMaxRecordBytes) return malformed("");
  // Pseudonyms are for partners; the compiler allows none inbound.
  const auto no_pseudonym = [](absl::string_view, uint8_t digest[32]) { std::memset(digest, 0, 32); };
  const policy::ProjectionContext context{registry::UtcDay(now), no_pseudonym};
  policy::ProjectionResult result;
  const absl::Status status = policy::Project(*grant.plan, context, bytes, &result);
  if (!status.ok()) return malformed(MetadataOf(status, "path"));
  if (absl::Status finding = grant.verifier->Compare(context, bytes, result.bytes); !finding.ok()) {
    if (on_finding != nullptr) on_finding(partner, MetadataOf(finding, "path"));
    return finding;
  }
  if (base::FailpointSkips("inbound_projection.skip")) return std::string(bytes);
  return std::move(result.bytes);
}

}  // namespace postern::delivery
