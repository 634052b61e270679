// What is granted of an order, as plans for the projector and as masks for its peers.
#pragma once

#include <string>
#include <vector>

#include "policy/projection/plan_spec.h"

namespace postern::bench {

// Leaf paths of the two grants.
std::vector<std::string> CarrierPaths();
std::vector<std::string> PaymentPaths();

enum class Meaning {
  kGrant,       // the paths, kept as they are: what the peers do too
  kRoles,       // and as in production: record key, subject and birth date are read, no card number leaves
  kTransforms,  // and some leaves are masked, cut or rounded
  kRedacts,     // as for roles, and the remark, without any identifier in it
  kDecided,     // as for roles, and leaves are withheld from minors, or from records that a condition does not hold for
};

policy::PlanSpec MakeSpec(const std::vector<std::string>& paths, Meaning meaning);

}  // namespace postern::bench
