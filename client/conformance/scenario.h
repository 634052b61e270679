// The script that a partner's integration is put through.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "client/conformance/courier.h"
#include "client/conformance/gateway_side.h"
#include "client/conformance/report.h"

namespace postern::client::conformance {

struct ScenarioOptions {
  std::string partner;                          // "partners/{partner}"
  std::string record_type;                      // full name of the records' type
  std::string record_data;                      // a valid message of it; empty bytes are one of most types
  std::string notice_key_pem;                   // Ed25519, private: signs the notices
  absl::Duration patience = absl::Seconds(15);  // for each answer of the partner
  // How many copies the partner has stored under a handle, in lower-case hexadecimal; nothing if that cannot be told.
  // Without it nothing is said of what the partner does behind its answers.
  std::function<std::optional<int>(const std::string& handle_hex)> copies;
};

// Runs the script against a partner that `courier` reaches and that answers its notices at `side`: delivery, records of
// other keys in another order, the same record twice, records that come again after a refusal and after a broken
// connection; then deletion: notices that come one after the other, one with a handle that the partner never had, one
// that is overdue, an answer whose reply is lost, an amendment if something was kept, and a forged notice. What cannot
// be looked at because of an earlier failure is said to be so.
Report RunScenario(const ScenarioOptions& options, Courier& courier, GatewaySide& side);

}  // namespace postern::client::conformance
