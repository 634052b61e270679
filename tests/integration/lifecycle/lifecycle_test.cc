// Orders, corrections, requests, guardians, holds, notices, terms and crashes at random over years of a simulated
// clock. After every step what the gateway says about whoever the step was about, and about some of all others, is what
// the model says: verdicts, what the carrier gets, where records are, what it was asked to delete. At times, and at the
// end, about everybody.
//
// POSTERN_LIFECYCLE_SEED repeats a run; POSTERN_LIFECYCLE_SECONDS (20) is how long it goes on at least, and longer
// until there were POSTERN_LIFECYCLE_ORDERS (0) orders; POSTERN_LIFECYCLE_PEOPLE (400) is how many take part: the more,
// the more orders a step has.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/lifecycle/model.h"
#include "tests/integration/lifecycle/world.h"

namespace postern::lifecycle {
namespace {

// Where a process may end: between the steps of what people ask, of retention and of statistics.
constexpr const char* kCrashes[] = {"rights.consent_written", "rights.recalled",         "rights.guardian_written",
                                    "rights.erasure_begun",   "rights.erasure_shredded", "rights.erasure_recalled",
                                    "rights.rectified",       "retention.withdrawn",     "retention.shredded",
                                    "statistics.before",      "statistics.after"};

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* const text = std::getenv(name);
  int64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

std::string ReasonFor(Verdict verdict) {
  switch (verdict) {
    case Verdict::kCommitted:
      return "";
    case Verdict::kSuppressed:
      return "ERROR_REASON_SUBJECT_SUPPRESSED";
    case Verdict::kRestricted:
      return "ERROR_REASON_SUBJECT_RESTRICTED";
    case Verdict::kOver:
      return "ERROR_REASON_KEY_SHREDDED";
    case Verdict::kStale:
      return "ERROR_REASON_RECORD_VERSION_STALE";
    case Verdict::kNobodyHasIt:
      return "ERROR_REASON_NOT_FOUND";
  }
  return "?";
}

class LifecycleTest : public ::testing::Test {
 protected:
  int Pick(int count) { return static_cast<int>(random_() % static_cast<uint64_t>(count)); }
  bool OneIn(int count) { return Pick(count) == 0; }
  // Whoever is touched is looked at when the step is done.
  int PickPerson() { return touched_.emplace_back(Pick(people_)); }

  void Sell() {
    std::vector<World::Sale> sales;
    const int count = 1 + Pick(batch_);
    for (int i = 0; i < count; ++i) {
      sales.push_back({PickPerson(), static_cast<int>(model_.orders().size()) + i});
    }
    const std::vector<World::Disclosed> disclosed = world_.DiscloseAll(sales);
    ASSERT_EQ(disclosed.size(), sales.size());
    for (size_t i = 0; i < sales.size(); ++i) {
      const Verdict verdict = model_.Disclose(sales[i].person, world_.now());
      ASSERT_EQ(disclosed[i].reason, ReasonFor(verdict)) << "of person " << sales[i].person;
      handles_.push_back(disclosed[i].handle);
      if (verdict != Verdict::kCommitted) continue;
      names_.push_back(disclosed[i].name);
      sold_.push_back(sales[i].order);
      open_.push_back(sales[i].order);
    }
  }

  void Receive() {
    const std::vector<int> waiting = model_.Waiting();
    std::map<std::pair<std::string, uint64_t>, int> expected;
    for (const int number : waiting) {
      const Record& record = model_.records()[static_cast<size_t>(number)];
      expected[{handles_[static_cast<size_t>(record.order)], record.version}] = number;
    }
    for (const World::Received& received : world_.Receive(static_cast<int>(waiting.size()))) {
      const auto found = expected.find({received.handle, received.version});
      ASSERT_NE(found, expected.end()) << received.reference << " version " << received.version << " came";
      const Record& record = model_.records()[static_cast<size_t>(found->second)];
      ASSERT_EQ(received.reference, absl::StrCat("R-", record.order));
      ASSERT_EQ(received.neighbour, record.neighbour) << received.reference;
      expected.erase(found);
    }
    ASSERT_TRUE(expected.empty()) << expected.size() << " records did not come";
    model_.Receive();
  }

  void Correct(bool again = false) {
    if (sold_.empty()) return;
    const int order = sold_[static_cast<size_t>(Pick(static_cast<int>(sold_.size())))];
    const Order& of = model_.orders()[static_cast<size_t>(order)];
    touched_.push_back(of.person);
    const uint64_t last = model_.records()[static_cast<size_t>(of.records.back())].version;
    if (again) {
      ASSERT_EQ(world_.Disclose(of.person, order, last).reason, ReasonFor(model_.DiscloseAgain(order)));
      return;
    }
    World::Disclosed corrected = world_.Rectify(of.person, order, last + 1);
    if (world_.Crashed()) {
      Reopen();
      // The shop has no answer and asks again.
      corrected = world_.Rectify(of.person, order, last + 1);
    }
    const Verdict verdict = model_.Rectify(order, world_.now());
    ASSERT_EQ(corrected.reason, ReasonFor(verdict)) << "order " << order;
    if (verdict == Verdict::kCommitted) names_.push_back(corrected.name);
  }

  void Consent() {
    const int person = PickPerson();
    // Who is erased has no relationship that a consent could be about.
    if (model_.Suppressed(person)) return;
    const bool granted = Pick(3) > 0;
    const bool by_guardian = OneIn(4) || (model_.IsMinor(person, world_.now()) && Pick(3) > 0);
    const std::string refused = world_.SetConsent(person, granted, by_guardian);
    ASSERT_EQ(refused,
              model_.SetConsent(person, granted, by_guardian, world_.now()) ? "" : "ERROR_REASON_GUARDIAN_UNLINKED");
  }

  void Restrict() {
    const int person = PickPerson();
    const bool restricted = Pick(2) > 0;
    world_.SetRestricted(person, restricted);
    model_.SetRestricted(person, restricted);
  }

  void CloseOrders() {
    for (int i = Pick(3 * batch_) + 1; i > 0 && !open_.empty(); --i) {
      const auto at = static_cast<size_t>(Pick(static_cast<int>(open_.size())));
      world_.CloseAfterSales(open_[at]);
      model_.CloseAfterSales(open_[at], world_.now());
      std::swap(open_[at], open_.back());
      open_.pop_back();
    }
  }

  void Erase() {
    const int person = PickPerson();
    const bool by_guardian = model_.IsMinor(person, world_.now()) ? OneIn(2) : OneIn(10);
    const World::Asked asked = world_.Erase(person, by_guardian);
    const Erasure* const erasure = model_.Erase(person, by_guardian, world_.now());
    ASSERT_EQ(asked.reason, erasure == nullptr ? "ERROR_REASON_GUARDIAN_UNLINKED" : "");
    if (erasure != nullptr) requests_.push_back(asked.name);
  }

  void LinkOrUnlink() {
    const int person = PickPerson();
    const bool linked = model_.IsMinor(person, world_.now());
    if (linked && OneIn(2)) {
      world_.LinkGuardian(person, 0);
      model_.UnlinkGuardian(person);
      return;
    }
    const int days = 1 + Pick(300);
    world_.LinkGuardian(person, days);
    model_.LinkGuardian(person, (world_.now() / 86400 + days) * 86400);
  }

  void HoldOrRelease() {
    const int person = PickPerson();
    if (model_.IsHeld(person, world_.now())) {
      world_.ReleaseHold(person);
      model_.PlaceHold(person, world_.now());
      return;
    }
    const int hours = 1 + Pick(24 * 120);
    world_.PlaceHold(person, absl::Hours(hours));
    model_.PlaceHold(person, world_.now() + int64_t{hours} * 3600);
  }

  void Wait() {
    // A day at least, after which every order with a term is looked at again.
    world_.Advance(absl::Hours(24 + Pick(24 * 5)));
    world_.RunBackground();
    if (world_.Crashed()) {
      Reopen();
      world_.RunBackground();
    }
    model_.BeginErasures(world_.now());
    model_.EndTerms(world_.now());
    ASSERT_EQ(world_.OrdersOver(), model_.OrdersOver());
  }

  void Reopen() {
    world_.Reopen();
    ++reopened_;
    model_.BeginErasures(world_.now());
  }

  void Step() {
    const int choice = Pick(100);
    // No two steps at the same time: a record that was disclosed after a notice was is not what that one names.
    world_.Advance(absl::Milliseconds(1));
    if (OneIn(8)) world_.CrashAt(kCrashes[Pick(std::size(kCrashes))]);
    if (choice < 28) return Sell();
    if (choice < 36) return Receive();
    if (choice < 44) return Consent();
    if (choice < 48) return Restrict();
    if (choice < 60) return CloseOrders();
    if (choice < 64) return Erase();
    if (choice < 67) {
      const int person = PickPerson();
      if (!model_.Suppressed(person)) return;
      world_.ComeBack(person);
      return model_.ComeBack(person);
    }
    if (choice < 74) return Correct();
    if (choice < 77) return Correct(/*again=*/true);
    if (choice < 81) return LinkOrUnlink();
    if (choice < 85) return HoldOrRelease();
    if (choice < 97) return Wait();
    if (choice < 98) return CheckNotices();
    Reopen();
  }

  void CheckRecord(size_t number) {
    const Record& record = model_.records()[number];
    const v1::DisclosureState expected = record.place == Place::kWaiting ? v1::DISCLOSURE_STATE_PENDING
                                         : record.place == Place::kHeld  ? v1::DISCLOSURE_STATE_DELIVERED
                                                                         : v1::DISCLOSURE_STATE_WITHDRAWN;
    ASSERT_EQ(world_.StateOf(names_[number]), expected)
        << "version " << record.version << " of order " << record.order << " of person "
        << model_.orders()[static_cast<size_t>(record.order)].person;
  }

  void CheckPerson(int person) {
    const v1::Subject described = world_.Describe(person);
    ASSERT_EQ(described.has_suppression(), model_.Suppressed(person)) << described.ShortDebugString();
    const bool consents = std::any_of(described.consents().begin(), described.consents().end(),
                                      [](const v1::Consent& consent) { return consent.granted(); });
    ASSERT_EQ(consents, model_.Consents(person)) << described.ShortDebugString();
    ASSERT_EQ(!described.guardians().empty(), model_.IsMinor(person, world_.now())) << described.ShortDebugString();
    ASSERT_EQ(!described.legal_holds().empty(), model_.IsHeld(person, world_.now())) << described.ShortDebugString();
    for (const int order : model_.OrdersOf(person)) {
      for (const int record : model_.orders()[static_cast<size_t>(order)].records) {
        ASSERT_NO_FATAL_FAILURE(CheckRecord(static_cast<size_t>(record)));
      }
    }
  }

  void CheckRequest(size_t number) {
    const v1::SubjectRequest::State state = world_.StateOfRequest(requests_[number]);
    switch (model_.erasures()[number].state) {
      case Erasure::State::kWaiting:
        ASSERT_EQ(state, v1::SubjectRequest::STATE_SCHEDULED);
        break;
      case Erasure::State::kBegun:
        ASSERT_TRUE(state == v1::SubjectRequest::STATE_IN_PROGRESS || state == v1::SubjectRequest::STATE_FULFILLED)
            << v1::SubjectRequest::State_Name(state);
        break;
      case Erasure::State::kExpired:
        ASSERT_EQ(state, v1::SubjectRequest::STATE_EXPIRED);
        break;
    }
  }

  void CheckStep() {
    constexpr size_t kLooks = 8;
    std::sort(touched_.begin(), touched_.end());
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
    std::shuffle(touched_.begin(), touched_.end(), random_);
    if (touched_.size() > kLooks) touched_.resize(kLooks);
    touched_.push_back(Pick(people_));
    for (const int person : touched_) ASSERT_NO_FATAL_FAILURE(CheckPerson(person));
    touched_.clear();
    for (int i = 0; i < 3 && !names_.empty(); ++i) {
      ASSERT_NO_FATAL_FAILURE(CheckRecord(static_cast<size_t>(Pick(static_cast<int>(names_.size())))));
    }
    if (!requests_.empty()) {
      ASSERT_NO_FATAL_FAILURE(CheckRequest(static_cast<size_t>(Pick(static_cast<int>(requests_.size())))));
    }
  }

  void CheckNotices() {
    for (std::string& handle : world_.AnswerNotices()) noticed_.insert(std::move(handle));
    size_t expected = 0;
    for (const int order : sold_) {
      if (!model_.orders()[static_cast<size_t>(order)].noticed) continue;
      ++expected;
      ASSERT_TRUE(noticed_.contains(handles_[static_cast<size_t>(order)])) << "order " << order << " is in no notice";
    }
    ASSERT_EQ(noticed_.size(), expected) << "a notice names what nobody is to delete";
    model_.AnswerNotices();
  }

  void CheckEverything() {
    for (int person = 0; person < people_; ++person) ASSERT_NO_FATAL_FAILURE(CheckPerson(person));
    for (size_t i = 0; i < requests_.size(); ++i) ASSERT_NO_FATAL_FAILURE(CheckRequest(i));
    ASSERT_NO_FATAL_FAILURE(CheckNotices());
  }

  const int people_ = static_cast<int>(FromEnvironment("POSTERN_LIFECYCLE_PEOPLE", 400));
  const int batch_ = std::clamp(people_ / 20, 1, 256);
  const int64_t seed_ = FromEnvironment("POSTERN_LIFECYCLE_SEED", static_cast<int64_t>(std::random_device()()));
  std::mt19937_64 random_{static_cast<uint64_t>(seed_)};
  World world_{World::Files::kInMemory};
  Model model_{people_};
  std::vector<std::string> names_;     // of records, as the model counts them
  std::vector<std::string> handles_;   // of orders, likewise; empty if refused
  std::vector<std::string> requests_;  // of erasures, likewise
  std::vector<int> sold_;              // orders that were not refused
  std::vector<int> open_;              // those whose after-sales service is not closed
  std::vector<int> touched_;
  absl::flat_hash_set<std::string> noticed_;
  int reopened_ = 0;
};

// Clause: P1.3e, P1.5b, P1.5c, P1.5d, W3c, W6a
TEST_F(LifecycleTest, WhatIsStoredReleasableAndHeldIsWhatPolicyConsentAndRequestsAllow) {
  RecordProperty("seed", std::to_string(seed_));
  SCOPED_TRACE(absl::StrCat("POSTERN_LIFECYCLE_SEED=", seed_));
  const absl::Time began = absl::Now();
  const absl::Time end = began + absl::Seconds(FromEnvironment("POSTERN_LIFECYCLE_SECONDS", 20));
  const int64_t first_day = world_.now();
  const auto orders = static_cast<size_t>(FromEnvironment("POSTERN_LIFECYCLE_ORDERS", 0));
  int64_t steps = 0;
  while (absl::Now() < end || steps < 200 || model_.orders().size() < orders) {
    ASSERT_NO_FATAL_FAILURE(Step()) << "step " << steps;
    if (world_.Crashed()) Reopen();
    ++steps;
    ASSERT_NO_FATAL_FAILURE(CheckStep()) << "step " << steps;
    if (steps % 1000 == 0) ASSERT_NO_FATAL_FAILURE(CheckEverything()) << "step " << steps;
  }
  ASSERT_NO_FATAL_FAILURE(Receive());
  ASSERT_NO_FATAL_FAILURE(CheckEverything());
  world_.RunBackground();
  EXPECT_EQ(world_.Counted("delivery_name"), static_cast<int64_t>(names_.size()))
      << "statistics lost or repeated a disclosure";
  EXPECT_FALSE(world_.FilesHold("The people next door")) << "something was stored in the clear";
  std::cout << "seed " << seed_ << ": " << steps << " steps, " << people_ << " people, " << model_.orders().size()
            << " orders, " << names_.size() << " disclosures, " << requests_.size() << " erasures, "
            << model_.OrdersOver() << " orders over, " << noticed_.size() << " noticed, " << reopened_ << " restarts, "
            << (world_.now() - first_day) / 86400 << " days in " << absl::ToInt64Seconds(absl::Now() - began) << " s"
            << std::endl;
}

}  // namespace
}  // namespace postern::lifecycle
