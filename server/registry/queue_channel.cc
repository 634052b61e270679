#include "server/registry/queue_channel.h"

#include <algorithm>

#include "policy/language/channel.h"
#include "policy/language/compiler.h"
#include "server/registry/times.h"

namespace postern::registry {
namespace {

bool Outbound(const v1::Delivery& delivery) {
  return delivery.has_push() || delivery.has_webhook();
}

}  // namespace

int QueueWindow(const PartnerView& partner) {
  int window = 0;
  for (const auto& contract : partner.contracts) {
    if (contract->terms.delivery().has_exchange()) continue;
    const int allowed = contract->terms.delivery().max_unacknowledged();
    window = window == 0 ? allowed : std::min(window, allowed);
  }
  return std::max(1, window);
}

absl::Time EndOfTerms(const PartnerView& partner, absl::Time now) {
  const absl::CivilDay today = UtcDay(now);
  absl::Time end = absl::InfiniteFuture();
  for (const auto& contract : partner.contracts) {
    const policy::ContractStanding standing = policy::StandingOn(contract->terms, today);
    if (standing.state != policy::ContractStanding::State::kInForce) return absl::InfinitePast();
    end = std::min(end, absl::FromCivil(today + standing.days_left + 1, absl::UTCTimeZone()));
  }
  return end;
}

bool MayFetch(const PartnerView& partner) {
  return std::none_of(partner.contracts.begin(), partner.contracts.end(),
                      [](const auto& contract) { return Outbound(contract->terms.delivery()); });
}

const v1::Delivery* OutboundTerms(const PartnerView& partner) {
  const v1::Delivery* terms = nullptr;
  for (const auto& contract : partner.contracts) {
    const v1::Delivery& delivery = contract->terms.delivery();
    if (delivery.has_exchange()) continue;
    if (terms != nullptr && !policy::SameChannel(*terms, delivery)) return nullptr;
    terms = &delivery;
  }
  return terms != nullptr && Outbound(*terms) ? terms : nullptr;
}

}  // namespace postern::registry
