#include <gtest/gtest.h>

#include "policy/language/compiler.h"

namespace postern::policy {
namespace {

using State = ContractStanding::State;

v1::Contract Terms() {
  v1::Contract contract;
  contract.set_effective_on("2026-01-01");
  contract.set_expires_on("2027-12-31");
  auto* qualification = contract.add_documents();
  qualification->set_kind(v1::Contract::Document::QUALIFICATION);
  qualification->set_expires_on("2027-06-30");
  contract.add_documents()->set_kind(v1::Contract::Document::PRIVACY_COMMITMENT);
  return contract;
}

TEST(StandingTest, HoldsFromTheFirstDayToTheLast) {
  v1::Contract contract = Terms();
  contract.mutable_documents(0)->clear_expires_on();
  EXPECT_EQ(StandingOn(contract, absl::CivilDay(2025, 12, 31)).state, State::kNotYet);
  EXPECT_EQ(StandingOn(contract, absl::CivilDay(2026, 1, 1)).state, State::kInForce);
  EXPECT_EQ(StandingOn(contract, absl::CivilDay(2027, 12, 31)).state, State::kInForce);
  EXPECT_EQ(StandingOn(contract, absl::CivilDay(2027, 12, 31)).days_left, 0);
  EXPECT_EQ(StandingOn(contract, absl::CivilDay(2027, 12, 1)).days_left, 30);
  EXPECT_EQ(StandingOn(contract, absl::CivilDay(2028, 1, 1)).state, State::kExpired);
}

// Clause: P1.4c
TEST(StandingTest, EndsWithTheFirstDocument) {
  EXPECT_EQ(StandingOn(Terms(), absl::CivilDay(2027, 6, 29)).days_left, 1);
  const ContractStanding standing = StandingOn(Terms(), absl::CivilDay(2027, 7, 1));
  EXPECT_EQ(standing.state, State::kDocumentExpired);
  EXPECT_EQ(standing.document_kind, "QUALIFICATION");
}

TEST(StandingTest, ADateThatIsNoneDoesNotHold) {
  v1::Contract contract = Terms();
  contract.mutable_documents(0)->set_expires_on("soon");
  EXPECT_EQ(StandingOn(contract, absl::CivilDay(2026, 6, 1)).state, State::kDocumentExpired);
  contract.set_expires_on("");
  EXPECT_EQ(StandingOn(contract, absl::CivilDay(2026, 6, 1)).state, State::kExpired);
}

}  // namespace
}  // namespace postern::policy
