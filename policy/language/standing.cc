#include <algorithm>
#include <limits>
#include <optional>

#include "policy/language/compiler.h"
#include "policy/projection/date_value.h"

namespace postern::policy {

ContractStanding StandingOn(const v1::Contract& contract, absl::CivilDay day) {
  ContractStanding standing;
  const auto effective = ParseDay(contract.effective_on());
  const auto expires = ParseDay(contract.expires_on());
  // A contract that does not say when it holds does not hold.
  if (!effective || !expires || day > *expires) {
    standing.state = ContractStanding::State::kExpired;
    return standing;
  }
  if (day < *effective) {
    standing.state = ContractStanding::State::kNotYet;
    return standing;
  }
  absl::CivilDay first_end = *expires;
  for (const auto& document : contract.documents()) {
    if (document.expires_on().empty()) continue;
    const auto end = ParseDay(document.expires_on());
    if (!end || day > *end) {
      standing.state = ContractStanding::State::kDocumentExpired;
      standing.document_kind = v1::Contract::Document::Kind_Name(document.kind());
      return standing;
    }
    first_end = std::min(first_end, *end);
  }
  standing.days_left = static_cast<int>(first_end - day);
  return standing;
}

}  // namespace postern::policy
