// How the records of a partner's queue reach it: the channel that its contracts agree on, and how many may be under
// way.
#pragma once

#include "absl/time/time.h"
#include "proto/postern/v1/contract.pb.h"
#include "server/registry/snapshot.h"

namespace postern::registry {

// The smallest window of the contracts that are served from the queue, for none of them may be exceeded. At least 1.
int QueueWindow(const PartnerView& partner);

// When the first contract in force ends, or the first of its documents: the end of its last day. Past on a later day;
// the infinite future without contracts.
absl::Time EndOfTerms(const PartnerView& partner, absl::Time now);

// Whether the partner may open a Receive stream: no contract in force has its records pushed or posted.
bool MayFetch(const PartnerView& partner);

// The terms by which the gateway itself delivers, by push or webhook; null where it does not, and while contracts in
// force name different channels, which lasts from the activation of the first of their new revisions to that of the
// last. Owned by the view.
const v1::Delivery* OutboundTerms(const PartnerView& partner);

}  // namespace postern::registry
