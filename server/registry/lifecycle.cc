#include "server/registry/lifecycle.h"

#include <string>
#include <utility>

#include "absl/strings/strip.h"
#include "server/registry/errors.h"
#include "server/registry/times.h"

namespace postern::registry {
namespace {

constexpr std::pair<v1::PartnerState, v1::PartnerState> kMoves[] = {
    {v1::PARTNER_STATE_DRAFT, v1::PARTNER_STATE_ACTIVE},
    {v1::PARTNER_STATE_DRAFT, v1::PARTNER_STATE_TERMINATING},
    {v1::PARTNER_STATE_ACTIVE, v1::PARTNER_STATE_SUSPENDED},
    {v1::PARTNER_STATE_SUSPENDED, v1::PARTNER_STATE_ACTIVE},
    {v1::PARTNER_STATE_ACTIVE, v1::PARTNER_STATE_TERMINATING},
    {v1::PARTNER_STATE_SUSPENDED, v1::PARTNER_STATE_TERMINATING},
    {v1::PARTNER_STATE_TERMINATING, v1::PARTNER_STATE_TERMINATED},
};

}  // namespace

bool CanMove(v1::PartnerState from, v1::PartnerState to) {
  for (const auto& [move_from, move_to] : kMoves) {
    if (move_from == from && move_to == to) return true;
  }
  return false;
}

absl::string_view StateName(v1::PartnerState state) {
  return absl::StripPrefix(v1::PartnerState_Name(state), "PARTNER_STATE_");
}

absl::Status Move(v1::Partner* partner, v1::PartnerState to, absl::string_view reason, absl::Time now) {
  if (!CanMove(partner->state(), to)) {
    return errors::StateTransition(partner->name(), StateName(partner->state()), StateName(to));
  }
  partner->set_state(to);
  partner->set_state_reason(std::string(reason));
  SetTime(now, partner->mutable_update_time());
  return absl::OkStatus();
}

bool KeepsGrants(v1::PartnerState state) {
  return state == v1::PARTNER_STATE_ACTIVE || state == v1::PARTNER_STATE_SUSPENDED;
}

bool Revoked(v1::PartnerState state) {
  return state == v1::PARTNER_STATE_TERMINATING || state == v1::PARTNER_STATE_TERMINATED;
}

}  // namespace postern::registry
