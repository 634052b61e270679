// Counting what became of disclosures, from the answers.
#pragma once

#include "google/rpc/status.pb.h"
#include "proto/postern/v1/storefront_service.pb.h"
#include "server/rpc/call_observer.h"

namespace postern::rpc {

void Observe(CallObserver* observer, const v1::CreateDisclosureResponse& response);
void Observe(CallObserver* observer, const v1::DisclosureAnswer& answer);

// The reason in a google.rpc.Status; UNSPECIFIED if it has none.
v1::ErrorReason ReasonIn(const google::rpc::Status& status);

}  // namespace postern::rpc
