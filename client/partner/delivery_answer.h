// How a handler's word on a record goes back to the gateway.
#pragma once

#include <cstdint>

#include "client/partner/receive_loop.h"

namespace postern::client {

// Adds what was done with a delivery to `reply`, a ReceiveRequest or a DeliverResponse: deliveries that follow each
// other go into one range.
template <typename Reply>
void AnswerDelivery(uint64_t delivery, Handled handled, Reply* reply) {
  if (handled != Handled::kStored) {
    v1::DeliveryRejection& rejection = *reply->add_rejected();
    rejection.set_delivery(delivery);
    rejection.set_action(handled == Handled::kRejected ? v1::DeliveryRejection::ACTION_REJECT
                                                       : v1::DeliveryRejection::ACTION_RETRY);
    return;
  }
  if (reply->acknowledged_size() > 0) {
    v1::DeliveryRange& last = *reply->mutable_acknowledged(reply->acknowledged_size() - 1);
    if (last.last() + 1 == delivery) {
      last.set_last(delivery);
      return;
    }
  }
  v1::DeliveryRange& range = *reply->add_acknowledged();
  range.set_first(delivery);
  range.set_last(delivery);
}

}  // namespace postern::client
