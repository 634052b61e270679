#include "server/registry/receive_window.h"

#include <algorithm>

namespace postern::registry {

int ReceiveWindow(const PartnerView& partner) {
  int window = 0;
  for (const auto& contract : partner.contracts) {
    if (!contract->terms.delivery().has_receive()) continue;
    const int allowed = contract->terms.delivery().max_unacknowledged();
    window = window == 0 ? allowed : std::min(window, allowed);
  }
  return std::max(1, window);
}

}  // namespace postern::registry
