#include "server/registry/cut.h"

#include <memory>

#include "absl/time/time.h"

namespace postern::registry {
namespace {

// A handover takes microseconds; a sender that is still inside after this long is stuck.
constexpr absl::Duration kPatience = absl::Seconds(1);

}  // namespace

PartnerCutter::Cut CloseFence(ControlPlane& control, absl::string_view partner, const absl::Status& why) {
  PartnerCutter::Cut cut;
  const std::shared_ptr<PartnerFence> fence = control.snapshots->Fence(partner);
  while (!fence->Close(kPatience)) {
    cut.live_streams += control.cutter->StopPartner(partner, why).live_streams;
    control.connections->AbortPartner(partner);
  }
  return cut;
}

}  // namespace postern::registry
