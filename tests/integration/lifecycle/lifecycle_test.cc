// Orders, requests, notices, terms and crashes at random over years of a simulated clock. After every step what the
// gateway says is what the model says: verdicts, what the carrier gets, where records are, what it was asked to delete.
//
// POSTERN_LIFECYCLE_SEED repeats a run; POSTERN_LIFECYCLE_SECONDS (20) is how long it goes on, and
// POSTERN_LIFECYCLE_PEOPLE (40) how many take part.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/lifecycle/model.h"
#include "tests/integration/lifecycle/world.h"

namespace postern::lifecycle {
namespace {

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* const text = std::getenv(name);
  int64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

class LifecycleTest : public ::testing::Test {
 protected:
  int Pick(int count) { return static_cast<int>(random_() % static_cast<uint64_t>(count)); }

  void Disclose() {
    const int person = Pick(people_);
    const World::Disclosed disclosed = world_.Disclose(person, orders_);
    switch (model_.Disclose(person)) {
      case Verdict::kSuppressed:
        ASSERT_EQ(disclosed.reason, "ERROR_REASON_SUBJECT_SUPPRESSED");
        break;
      case Verdict::kRestricted:
        ASSERT_EQ(disclosed.reason, "ERROR_REASON_SUBJECT_RESTRICTED");
        break;
      case Verdict::kCommitted:
        ASSERT_EQ(disclosed.reason, "");
        names_.push_back(disclosed.name);
        handles_.push_back(disclosed.handle);
        order_of_.push_back(orders_);
        break;
    }
    ++orders_;
  }

  void Receive() {
    const std::vector<int> waiting = model_.Waiting();
    const std::vector<shop::v1::Shipment> received = world_.Receive(static_cast<int>(waiting.size()));
    ASSERT_EQ(received.size(), waiting.size());
    for (size_t i = 0; i < waiting.size(); ++i) {
      const auto number = static_cast<size_t>(waiting[i]);
      const auto same = std::find_if(received.begin(), received.end(), [&](const shop::v1::Shipment& one) {
        return one.reference() == absl::StrCat("R-", order_of_[number]);
      });
      ASSERT_NE(same, received.end()) << "record " << number << " did not come";
      ASSERT_EQ(same->preferences().alternative_recipient() == "Neighbour", model_.records()[number].neighbour);
    }
    model_.Receive();
  }

  void Step() {
    const int person = Pick(people_);
    const int choice = Pick(100);
    if (choice < 45) return Disclose();
    if (choice < 55) return Receive();
    if (choice < 63) {
      const bool granted = Pick(3) > 0;
      // Who is erased has no relationship that a consent could be about.
      if (model_.Suppressed(person)) return;
      world_.SetConsent(person, granted);
      model_.SetConsent(person, granted);
    } else if (choice < 67) {
      const bool restricted = Pick(2) > 0;
      world_.SetRestricted(person, restricted);
      model_.SetRestricted(person, restricted);
    } else if (choice < 82) {
      if (model_.records().empty()) return;
      const int record = Pick(static_cast<int>(model_.records().size()));
      world_.CloseAfterSales(order_of_[static_cast<size_t>(record)]);
      model_.CloseAfterSales(record, world_.now());
    } else if (choice < 85) {
      const v1::SubjectRequest request = world_.Erase(person);
      ASSERT_EQ(model_.Erase(person), request.state() != v1::SubjectRequest::STATE_SCHEDULED)
          << request.ShortDebugString();
    } else if (choice < 87) {
      if (!model_.Suppressed(person)) return;
      world_.ComeBack(person);
      model_.ComeBack(person);
    } else if (choice < 97) {
      world_.Advance(absl::Hours(1 + Pick(24 * 5)));
      world_.RunBackground();
      model_.BeginErasures();
      model_.EndTerms(world_.now());
      ASSERT_EQ(world_.OrdersOver(), model_.OrdersOver());
    } else {
      world_.Reopen();
      model_.BeginErasures();
    }
  }

  void CheckRecord(size_t number) {
    const Record& record = model_.records()[number];
    v1::DisclosureState state = world_.StateOf(names_[number]);
    // An acknowledgement is settled a moment after it came.
    for (int i = 0; i < 500 && record.place == Place::kHeld && state != v1::DISCLOSURE_STATE_DELIVERED; ++i) {
      absl::SleepFor(absl::Milliseconds(10));
      state = world_.StateOf(names_[number]);
    }
    const v1::DisclosureState expected = record.place == Place::kWaiting ? v1::DISCLOSURE_STATE_PENDING
                                         : record.place == Place::kHeld  ? v1::DISCLOSURE_STATE_DELIVERED
                                                                         : v1::DISCLOSURE_STATE_WITHDRAWN;
    ASSERT_EQ(state, expected) << "record " << number << " of person " << record.person;
  }

  void CheckPerson(int person) {
    const v1::Subject described = world_.Describe(person);
    ASSERT_EQ(described.has_suppression(), model_.Suppressed(person)) << described.ShortDebugString();
    const bool consents = std::any_of(described.consents().begin(), described.consents().end(),
                                      [](const v1::Consent& consent) { return consent.granted(); });
    ASSERT_EQ(consents, model_.Consents(person)) << described.ShortDebugString();
  }

  void CheckNotices() {
    for (const std::string& handle : world_.AnswerNotices()) noticed_.insert(handle);
    std::set<std::string> expected;
    for (size_t i = 0; i < model_.records().size(); ++i) {
      if (model_.records()[i].noticed) expected.insert(handles_[i]);
    }
    ASSERT_EQ(noticed_, expected);
  }

  const int people_ = static_cast<int>(FromEnvironment("POSTERN_LIFECYCLE_PEOPLE", 40));
  const int64_t seed_ = FromEnvironment("POSTERN_LIFECYCLE_SEED", static_cast<int64_t>(std::random_device()()));
  std::mt19937_64 random_{static_cast<uint64_t>(seed_)};
  World world_;
  Model model_{people_};
  int orders_ = 0;
  std::vector<std::string> names_;    // of records, as the model counts them
  std::vector<std::string> handles_;  // likewise
  std::vector<int> order_of_;         // likewise
  std::set<std::string> noticed_;
};

// Clause: P1.3e, P1.5c, P1.5d, W3c
TEST_F(LifecycleTest, WhatIsStoredReleasableAndHeldIsWhatPolicyConsentAndRequestsAllow) {
  RecordProperty("seed", std::to_string(seed_));
  SCOPED_TRACE(absl::StrCat("POSTERN_LIFECYCLE_SEED=", seed_));
  const absl::Time began = absl::Now();
  const absl::Time end = began + absl::Seconds(FromEnvironment("POSTERN_LIFECYCLE_SECONDS", 20));
  const int64_t first_day = world_.now();
  int64_t steps = 0;
  while (absl::Now() < end || steps < 200) {
    ASSERT_NO_FATAL_FAILURE(Step()) << "step " << steps;
    ++steps;
    ASSERT_NO_FATAL_FAILURE(CheckPerson(Pick(people_))) << "step " << steps;
    for (int i = 0; i < 3 && !names_.empty(); ++i) {
      ASSERT_NO_FATAL_FAILURE(CheckRecord(static_cast<size_t>(Pick(static_cast<int>(names_.size())))))
          << "step " << steps;
    }
    if (steps % 100 == 0) ASSERT_NO_FATAL_FAILURE(CheckNotices()) << "step " << steps;
  }
  ASSERT_NO_FATAL_FAILURE(Receive());
  ASSERT_NO_FATAL_FAILURE(CheckNotices());
  for (size_t i = 0; i < names_.size(); ++i) ASSERT_NO_FATAL_FAILURE(CheckRecord(i));
  for (int person = 0; person < people_; ++person) ASSERT_NO_FATAL_FAILURE(CheckPerson(person));
  world_.RunBackground();
  EXPECT_EQ(world_.Counted("delivery_name"), static_cast<int64_t>(names_.size()))
      << "statistics lost or repeated a disclosure";
  std::cout << "seed " << seed_ << ": " << steps << " steps, " << names_.size() << " disclosures, "
            << model_.OrdersOver() << " orders over, " << noticed_.size() << " noticed, "
            << (world_.now() - first_day) / 86400 << " days in " << absl::ToInt64Seconds(absl::Now() - began) << " s"
            << std::endl;
}

}  // namespace
}  // namespace postern::lifecycle
