// Who may call what. Every method of every service is listed; what is not listed is denied.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/postern/v1/partner.pb.h"
#include "server/identity/principal.h"

namespace postern::identity {

// The mutual-TLS listener that a call came in on. Each role counts on its own side only.
enum class Listener : uint8_t { kShop, kPartners, kOperators };

constexpr uint8_t ListenerBit(Listener listener) {
  return static_cast<uint8_t>(1u << static_cast<int>(listener));
}

constexpr uint8_t RoleBit(Role role) {
  return static_cast<uint8_t>(1u << static_cast<int>(role));
}

struct MethodRule {
  absl::string_view method;  // full name as in the descriptors: "postern.v1.PartnerService.Receive"
  uint8_t listeners;         // ListenerBits: where the method is
  uint8_t roles;             // RoleBits
  // What is left to a partner that is TERMINATING or TERMINATED.
  bool after_termination = false;
  // Reads something that is kept and changes nothing: the call is entered in the audit log before it is answered.
  bool read = false;
};

// The whole table, one row a method.
absl::Span<const MethodRule> MethodRules();

// Null if no rule names the method.
const MethodRule* FindRule(absl::string_view method);

// OK if `principal`, calling on `listener`, may call the method of `rule`; ROLE_DENIED otherwise. `rule` may be null:
// denied. `partner_state` is the caller's own state if it is a partner: anything but ACTIVE leaves reading its standing
// and answering notices; PARTNER_TERMINATED, PARTNER_SUSPENDED or PARTNER_NOT_ACTIVE say so.
absl::Status Authorise(const Principal& principal, Listener listener, const MethodRule* rule,
                       v1::PartnerState partner_state = v1::PARTNER_STATE_UNSPECIFIED);

}  // namespace postern::identity
