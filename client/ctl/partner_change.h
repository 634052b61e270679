// What `apply` would do to one partner.
#pragma once

#include <string>
#include <vector>

#include <grpcpp/support/status.h>

#include "client/ctl/session.h"
#include "proto/postern/v1/partner.pb.h"

namespace postern::client::ctl {

struct PartnerChange {
  enum class Kind { kNone, kCreate, kUpdate };
  v1::Partner wanted;  // with the etag of what it replaces
  Kind kind = Kind::kNone;
  // A line for each difference: "identities: - spiffe://x/client". Keys and certificates are named, not shown.
  std::vector<std::string> lines;
  // SANs that the gateway knows and the folder does not: taking them away cuts the partner's connections.
  std::vector<std::string> removed_identities;
  v1::Partner reduced;  // what is there now without them
  bool waits = false;   // for a second person
};

// Sets the lines and removed identities of `change` to what its `wanted` makes different.
void ComparePartner(const v1::Partner& current, PartnerChange* change);
// Compares with what the gateway has.
grpc::Status PlanPartner(Session& session, v1::OperatorService::StubInterface& gateway, const v1::Partner& wanted,
                         PartnerChange* change);
// Creates or updates; with `validate_only` asks whether the gateway would. Nothing for kNone. Sets `waits` where the
// gateway keeps the change until a second person asks for the same. Identities that are taken away go by themselves
// first, for that may be one person's to do.
grpc::Status PutPartner(Session& session, v1::OperatorService::StubInterface& gateway, bool validate_only,
                        PartnerChange* change);
// "partners/p would be updated", with the lines below.
std::string Describe(const PartnerChange& change, bool validate_only);

}  // namespace postern::client::ctl
