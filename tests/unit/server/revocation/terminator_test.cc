#include "server/revocation/terminator.h"

#include <signal.h>

#include <cstdlib>
#include <optional>

#include <gmock/gmock.h>

#include "absl/strings/str_replace.h"
#include "server/registry/partner_keys.h"
#include "tests/unit/server/disclosure/faulty_store.h"
#include "tests/unit/server/revocation/revocation_fixture.h"

namespace postern::revocation {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

using TerminatorTest = RevocationTest;
using SuspenderTest = RevocationTest;

// Clause: P1.4e
TEST_F(TerminatorTest, NothingIsCommittedOrHandedOverAfterItReturns) {
  const std::vector<int64_t> seqs = gateway_.Disclose(kSwift, 10);
  gateway_.Handed(kSwift, seqs[5]);
  gateway_.Acknowledge(kSwift, {seqs[0], seqs[1], seqs[2]});
  gateway_.ports.live_streams = 2;
  const auto fence = gateway_.snapshots->Fence(kSwift);
  const uint64_t generation = fence->generation();
  const storage::PartnerRow before = gateway_.Row(kSwift);
  const auto old_snapshot = gateway_.holder.Get();

  const auto response = gateway_.Terminate();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->effect().live_streams(), 2);
  EXPECT_EQ(response->effect().delivered_count(), 3);
  EXPECT_EQ(response->effect().possibly_held_count(), 3);
  EXPECT_EQ(response->effect().undelivered_count(), 4);
  EXPECT_EQ(response->effect().handle_count(), 6);
  EXPECT_EQ(response->partner().state(), v1::PARTNER_STATE_TERMINATING);
  EXPECT_EQ(response->partner().epoch(), before.partner.epoch() + 1);
  EXPECT_EQ(response->partner().etag(), gateway_.Get(kSwift).etag());

  EXPECT_FALSE(fence->Enter(generation));
  EXPECT_FALSE(fence->Enter(fence->generation()));
  EXPECT_TRUE(gateway_.holder.Get()->FindPartner(kSwift)->grants.empty());
  // What resolved before the termination and commits after it is refused by the store.
  gateway_.holder.Set(old_snapshot);
  EXPECT_TRUE(gateway_.Disclose(kSwift, 1, 500).empty());
  // Nor can anything of the old backlog be reserved for handing over.
  storage::DispatchMark mark;
  mark.span.partner = before.id;
  mark.seq = seqs[9];
  EXPECT_EQ(ReasonOf(gateway_.store->ReserveDispatch({mark})), v1::ERROR_REASON_FENCED);

  EXPECT_EQ(ReasonOf(gateway_.keys->Get(*registry::KeyIdOf(before.epoch_key)).status()), v1::ERROR_REASON_KEY_SHREDDED);
  EXPECT_EQ(ReasonOf(gateway_.keys->Get(*registry::KeyIdOf(before.pseudonym_key)).status()),
            v1::ERROR_REASON_KEY_SHREDDED);
  EXPECT_TRUE(gateway_.keys->Get(*registry::KeyIdOf(before.handle_key)).ok()) << "lives until the campaign closes";
  ASSERT_EQ(gateway_.ports.stopped.size(), 1u);
  EXPECT_EQ(ReasonOf(gateway_.ports.stopped[0].second), v1::ERROR_REASON_PARTNER_TERMINATED);
  EXPECT_THAT(gateway_.ports.aborted, ElementsAre(kSwift));
  EXPECT_THAT(gateway_.AuditActions(), Contains("partner.terminating"));
}

// The partner's key cannot be named, and so not destroyed, for as long as this lives.
class BrokenKeys {
 public:
  explicit BrokenKeys(RevocationFixture* gateway) : gateway_(*gateway), whole_(gateway->Row(kSwift).epoch_key) {
    Write(crypto::Uuid());
  }
  ~BrokenKeys() { Write(whole_); }

 private:
  void Write(const crypto::Uuid& epoch_key) {
    storage::PartnerRow row = gateway_.Row(kSwift);
    row.epoch_key = epoch_key;
    storage::ChangeSet change;
    change.partners.push_back({row, row.partner.etag()});
    EXPECT_TRUE(gateway_.store->Apply(change).ok());
  }

  RevocationFixture& gateway_;
  const crypto::Uuid whole_;
};

// Clause: P1.4e
TEST_F(TerminatorTest, KeysThatCouldNotBeDestroyedAreDestroyedLater) {
  gateway_.Disclose(kSwift, 1);
  const crypto::KeyId epoch_key = *registry::KeyIdOf(gateway_.Row(kSwift).epoch_key);
  {
    const BrokenKeys broken(&gateway_);
    EXPECT_FALSE(gateway_.Terminate().ok());
    EXPECT_FALSE(gateway_.clock.RunOnce().ok()) << "tried again";
  }
  EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_TERMINATING);
  EXPECT_FALSE(gateway_.snapshots->Fence(kSwift)->open());
  EXPECT_TRUE(gateway_.holder.Get()->FindPartner(kSwift)->grants.empty()) << "in the snapshot at once";
  EXPECT_TRUE(gateway_.keys->Get(epoch_key).ok());
  ASSERT_TRUE(gateway_.clock.RunOnce().ok());
  EXPECT_EQ(ReasonOf(gateway_.keys->Get(epoch_key).status()), v1::ERROR_REASON_KEY_SHREDDED);
  const size_t aborted = gateway_.ports.aborted.size();
  ASSERT_TRUE(gateway_.clock.RunOnce().ok());
  EXPECT_EQ(gateway_.ports.aborted.size(), aborted) << "the partner may come back to attest";
}

// The store has the change, or has it not, and cannot say: nothing leaves until it is known.
class UnknownCommitTest : public RevocationTest, public ::testing::WithParamInterface<storage::FaultyStore::Fault> {
 protected:
  bool durable() const { return GetParam() == storage::FaultyStore::Fault::kAfterWriting; }
  // Runs `body` on a store whose writes fail.
  template <typename Body>
  void OnFaultyStore(Body body) {
    storage::FaultyStore faulty(gateway_.store.get());
    faulty.SetFault(GetParam());
    gateway_.control.store = &faulty;
    body();
    gateway_.control.store = gateway_.store.get();
  }
};

INSTANTIATE_TEST_SUITE_P(Fault, UnknownCommitTest,
                         ::testing::Values(storage::FaultyStore::Fault::kBeforeWriting,
                                           storage::FaultyStore::Fault::kAfterWriting));

// Clause: P1.4e
TEST_P(UnknownCommitTest, OfATerminationClosesTheFence) {
  const crypto::KeyId epoch_key = *registry::KeyIdOf(gateway_.Row(kSwift).epoch_key);
  OnFaultyStore([&] {
    EXPECT_TRUE(absl::IsUnavailable(gateway_.Terminate().status()));
    EXPECT_FALSE(gateway_.snapshots->Fence(kSwift)->open());
    EXPECT_EQ(gateway_.ports.stopped.size(), 1u);
    EXPECT_THAT(gateway_.ports.aborted, Contains(kSwift));
  });
  ASSERT_TRUE(gateway_.clock.RunOnce().ok());
  EXPECT_EQ(gateway_.snapshots->Fence(kSwift)->open(), !durable());
  EXPECT_EQ(gateway_.keys->Get(epoch_key).ok(), !durable());
}

TEST_P(UnknownCommitTest, OfASuspensionClosesTheFence) {
  OnFaultyStore([&] {
    EXPECT_TRUE(absl::IsUnavailable(gateway_.suspender.SuspendFor(kSwift, "supervision").status()));
    EXPECT_FALSE(gateway_.snapshots->Fence(kSwift)->open());
    EXPECT_EQ(gateway_.ports.stopped.size(), 1u);
  });
  ASSERT_TRUE(gateway_.clock.RunOnce().ok());
  EXPECT_EQ(gateway_.snapshots->Fence(kSwift)->open(), !durable());
  EXPECT_EQ(gateway_.Get(kSwift).state(), durable() ? v1::PARTNER_STATE_SUSPENDED : v1::PARTNER_STATE_ACTIVE);
}

// Clause: P1.4e
TEST_F(TerminatorTest, NoPartnerIsTerminatedBeforeItsKeysAreDestroyed) {
  const storage::PartnerRow row = gateway_.Row(kSwift);
  {
    const BrokenKeys broken(&gateway_);
    EXPECT_FALSE(gateway_.Terminate().ok());
    EXPECT_FALSE(gateway_.runner.RunOnce().ok());
    EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_TERMINATING);
  }
  ASSERT_TRUE(gateway_.runner.RunOnce().ok());
  EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_TERMINATED);
  for (const auto& key : {row.epoch_key, row.pseudonym_key, row.handle_key}) {
    EXPECT_EQ(ReasonOf(gateway_.keys->Get(*registry::KeyIdOf(key)).status()), v1::ERROR_REASON_KEY_SHREDDED);
  }
}

TEST_F(TerminatorTest, UndeliveredRecordsAreReportedToTheShop) {
  const std::vector<int64_t> seqs = gateway_.Disclose(kSwift, 4);
  gateway_.Handed(kSwift, seqs[0]);
  ASSERT_TRUE(gateway_.Terminate().ok());
  const auto outcomes = gateway_.store->ReadOutcomes(0, 100);
  ASSERT_TRUE(outcomes.ok()) << outcomes.status();
  std::vector<int64_t> undelivered;
  for (const storage::OutcomeRow& outcome : *outcomes) {
    EXPECT_EQ(outcome.reason, "ERROR_REASON_PARTNER_TERMINATED");
    if (outcome.disclosure.seq == seqs[0]) {
      EXPECT_NE(outcome.state, v1::DISCLOSURE_STATE_UNDELIVERED) << "it may have been delivered";
      continue;
    }
    EXPECT_EQ(outcome.state, v1::DISCLOSURE_STATE_UNDELIVERED);
    undelivered.push_back(outcome.disclosure.seq);
  }
  EXPECT_THAT(undelivered, ElementsAre(seqs[1], seqs[2], seqs[3]));
}

TEST_F(TerminatorTest, NeedsEtagConfirmationReasonAndAState) {
  v1::TerminatePartnerRequest request;
  request.set_name(kSwift);
  // A token, for it stays in the audit log for ever.
  for (const std::string& reason :
       {std::string(), std::string("Rosa complained"), std::string("rosa@example"), std::string(64, 'a')}) {
    request.set_reason(reason);
    EXPECT_EQ(ReasonOf(gateway_.terminator.TerminatePartner(Operator("alice"), request).status()),
              v1::ERROR_REASON_INVALID_ARGUMENT);
  }
  request.set_reason("violation");
  request.set_confirm(kSwift);
  EXPECT_EQ(ReasonOf(gateway_.terminator.TerminatePartner(Operator("alice"), request).status()),
            v1::ERROR_REASON_ETAG_MISMATCH);
  request.set_etag(gateway_.Get(kSwift).etag());
  request.set_confirm("partners/nordic-freight");
  EXPECT_EQ(ReasonOf(gateway_.terminator.TerminatePartner(Operator("alice"), request).status()),
            v1::ERROR_REASON_CONFIRMATION_REQUIRED);
  request.set_name("partners/nobody");
  EXPECT_EQ(ReasonOf(gateway_.terminator.TerminatePartner(Operator("alice"), request).status()),
            v1::ERROR_REASON_PARTNER_UNKNOWN);
  EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_ACTIVE);
  ASSERT_TRUE(gateway_.Terminate().ok());
  EXPECT_EQ(ReasonOf(gateway_.Terminate().status()), v1::ERROR_REASON_STATE_TRANSITION);
  v1::SuspendPartnerRequest suspend;
  suspend.set_name(kSwift);
  suspend.set_reason("late");
  EXPECT_EQ(ReasonOf(gateway_.suspender.SuspendPartner(Operator("alice"), suspend).status()),
            v1::ERROR_REASON_STATE_TRANSITION);
}

TEST_F(TerminatorTest, ValidateOnlyShowsTheEffectAndDoesNothing) {
  gateway_.Disclose(kSwift, 3);
  gateway_.ports.live_streams = 1;
  v1::TerminatePartnerRequest request;
  request.set_name(kSwift);
  request.set_etag(gateway_.Get(kSwift).etag());
  request.set_reason("violation");
  request.set_validate_only(true);
  const auto response = gateway_.terminator.TerminatePartner(Operator("alice"), request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->effect().live_streams(), 1);
  EXPECT_EQ(response->effect().undelivered_count(), 3);
  EXPECT_FALSE(response->has_campaign());
  EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_ACTIVE);
  EXPECT_TRUE(gateway_.snapshots->Fence(kSwift)->open());
  EXPECT_TRUE(gateway_.ports.stopped.empty());
}

TEST_F(TerminatorTest, ADraftIsTerminatedToo) {
  gateway_.Create("mistyped-name");
  const auto response = gateway_.Terminate("partners/mistyped-name");
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_TRUE(gateway_.runner.RunOnce().ok());
  EXPECT_EQ(gateway_.Get("partners/mistyped-name").state(), v1::PARTNER_STATE_TERMINATED);
}

TEST_F(SuspenderTest, PausesAndResumesWithTheBacklogKept) {
  gateway_.Disclose(kSwift, 3);
  v1::SuspendPartnerRequest request;
  request.set_name(kSwift);
  EXPECT_EQ(ReasonOf(gateway_.suspender.SuspendPartner(Operator("alice"), request).status()),
            v1::ERROR_REASON_INVALID_ARGUMENT);
  request.set_reason("late answers");
  EXPECT_EQ(ReasonOf(gateway_.suspender.SuspendPartner(Operator("alice"), request).status()),
            v1::ERROR_REASON_INVALID_ARGUMENT)
      << "free text";
  request.set_reason("late_answers");
  request.set_validate_only(true);
  EXPECT_EQ(gateway_.suspender.SuspendPartner(Operator("alice"), request)->effect().undelivered_count(), 3);
  EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_ACTIVE);
  request.set_validate_only(false);
  const auto suspended = gateway_.suspender.SuspendPartner(Operator("alice"), request);
  ASSERT_TRUE(suspended.ok()) << suspended.status();
  EXPECT_EQ(suspended->partner().state_reason(), "late_answers");
  EXPECT_FALSE(gateway_.snapshots->Fence(kSwift)->open());
  EXPECT_EQ(ReasonOf(gateway_.ports.stopped.at(0).second), v1::ERROR_REASON_PARTNER_SUSPENDED);
  EXPECT_EQ(MetadataOf(gateway_.ports.stopped.at(0).second, "state_reason"), "") << "the partner is told why";
  EXPECT_EQ(gateway_.store->ReadBacklog(gateway_.Row(kSwift).id, 0, 10, 1 << 20)->size(), 3u);

  v1::ResumePartnerRequest resume;
  resume.set_name(kSwift);
  resume.set_etag("another");
  EXPECT_EQ(ReasonOf(gateway_.suspender.ResumePartner(Operator("alice"), resume).status()),
            v1::ERROR_REASON_ETAG_MISMATCH);
  resume.set_etag(suspended->partner().etag());
  const auto resumed = gateway_.suspender.ResumePartner(Operator("alice"), resume);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(resumed->state(), v1::PARTNER_STATE_ACTIVE);
  EXPECT_TRUE(gateway_.snapshots->Fence(kSwift)->open());
  EXPECT_THAT(gateway_.AuditActions(), Contains("backlog.reauthorised"));
  resume.set_etag(resumed->etag());
  EXPECT_EQ(ReasonOf(gateway_.suspender.ResumePartner(Operator("alice"), resume).status()),
            v1::ERROR_REASON_STATE_TRANSITION);
}

// Clause: P1.4c
TEST_F(SuspenderTest, DoesNotResumeWithoutADocumentInForce) {
  ASSERT_TRUE(gateway_.suspender.SuspendFor(kSwift, "supervision").ok());
  gateway_.Advance(absl::FromCivil(absl::CivilDay(2028, 7, 2), absl::UTCTimeZone()) - gateway_.now());
  v1::ResumePartnerRequest resume;
  resume.set_name(kSwift);
  resume.set_etag(gateway_.Get(kSwift).etag());
  EXPECT_EQ(ReasonOf(gateway_.suspender.ResumePartner(Operator("alice"), resume).status()),
            v1::ERROR_REASON_DOCUMENT_EXPIRED);
}

TEST_F(SuspenderTest, ASuspendedPartnerStaysClosedOverARestartAndCanBeTerminated) {
  ASSERT_TRUE(gateway_.suspender.SuspendFor(kSwift, "supervision").ok());
  EXPECT_TRUE(gateway_.Terminate().ok());
}

#ifdef POSTERN_FAILPOINTS

// A directory that a death test's child, which runs the test from the start, shares with its parent.
class SharedDirectory {
 public:
  SharedDirectory() {
    if (const char* inherited = std::getenv(kVariable)) {
      path_ = inherited;
      return;
    }
    own_.emplace();
    path_ = own_->path();
    setenv(kVariable, path_.c_str(), 1);
  }
  ~SharedDirectory() { unsetenv(kVariable); }
  const std::string& path() const { return path_; }

 private:
  static constexpr char kVariable[] = "POSTERN_TEST_SHARED_DIRECTORY";
  std::optional<registry::TempDirectory> own_;
  std::string path_;
};

class FailpointTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  void TearDown() override { unsetenv("POSTERN_FAILPOINTS"); }
  SharedDirectory directory_;
};

// What the child does: a termination with a part of the backlog handed over.
void TerminateAndEnumerate(const std::string& directory) {
  RevocationFixture gateway(directory, registry::ControlFixture::DefaultNow(), 2);
  gateway.Serve();
  const std::vector<int64_t> seqs = gateway.Disclose(kSwift, 7);
  gateway.Handed(kSwift, seqs[4]);
  if (!gateway.Terminate().ok() || !gateway.runner.RunOnce().ok()) std::exit(3);
  std::exit(gateway.snapshots->Fence(kSwift)->open() ? 2 : 0);
}

// The demonstration that a missing fence is found out needs a termination without one.
TEST_F(FailpointTest, FenceSkipLeavesTheFenceOpen) {
  setenv("POSTERN_FAILPOINTS", "fence.skip=skip", 1);
  EXPECT_EXIT(TerminateAndEnumerate(directory_.path()), ::testing::ExitedWithCode(2), "");
}

class TerminationCrashTest : public FailpointTest, public ::testing::WithParamInterface<const char*> {};

// Wherever the process dies after the first commit, the next start finishes what was begun.
// Clause: P1.4e
TEST_P(TerminationCrashTest, IsTakenUpAgain) {
  setenv("POSTERN_FAILPOINTS", GetParam(), 1);
  EXPECT_EXIT(TerminateAndEnumerate(directory_.path()), ::testing::KilledBySignal(SIGKILL), "");
  unsetenv("POSTERN_FAILPOINTS");
  RevocationFixture gateway(directory_.path(), registry::ControlFixture::DefaultNow(), 2);
  const storage::PartnerRow row = gateway.Row(kSwift);
  ASSERT_EQ(row.partner.state(), v1::PARTNER_STATE_TERMINATING);
  EXPECT_FALSE(gateway.snapshots->Fence(kSwift)->open()) << "before anything was resumed";
  EXPECT_TRUE(gateway.Disclose("partners/nordic-freight", 1, 900).size() == 1);
  ASSERT_TRUE(gateway.terminator.ResumeTerminations().ok());
  EXPECT_EQ(ReasonOf(gateway.keys->Get(*registry::KeyIdOf(row.epoch_key)).status()), v1::ERROR_REASON_KEY_SHREDDED);
  EXPECT_EQ(ReasonOf(gateway.keys->Get(*registry::KeyIdOf(row.pseudonym_key)).status()), v1::ERROR_REASON_KEY_SHREDDED);
  EXPECT_THAT(gateway.ports.aborted, Contains(kSwift));
  ASSERT_TRUE(gateway.runner.RunOnce().ok());
  EXPECT_TRUE(gateway.Campaign().enumeration_done());
  EXPECT_EQ(gateway.Campaign().handle_count(), 5);
  EXPECT_EQ(gateway.Notices().size(), 3u);
}

INSTANTIATE_TEST_SUITE_P(Steps, TerminationCrashTest,
                         ::testing::Values("terminate.committed=abort", "terminate.fenced=abort",
                                           "terminate.shredded=abort", "campaign.collected=abort",
                                           "campaign.collected=abort@2"),
                         [](const auto& step) {
                           return absl::StrReplaceAll(step.param, {{".", "_"}, {"=", "_"}, {"@", "_"}});
                         });

#endif  // POSTERN_FAILPOINTS

}  // namespace
}  // namespace postern::revocation
