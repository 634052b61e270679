#include "server/registry/bundle_registry.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "tests/unit/server/registry/control_fixture.h"

namespace postern::registry {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Edits = std::vector<std::pair<std::string, std::string>>;

constexpr char kSwift[] = "partners/swift-parcel";
const Edits kWithoutPhone = {{"  fields { path: \"recipient.phone\" }\n", ""}};

class BundleRegistryTest : public ::testing::Test {
 protected:
  absl::StatusOr<v1::ApplyPolicyBundleResponse> Apply(absl::string_view principal, const v1::PolicyBundle& bundle,
                                                      bool validate_only = false) {
    v1::ApplyPolicyBundleRequest request;
    *request.mutable_bundle() = bundle;
    request.set_validate_only(validate_only);
    return fixture_.bundles.ApplyPolicyBundle(principal, request);
  }
  absl::StatusOr<v1::ContractRevision> Activate(absl::string_view principal, const std::string& name) {
    v1::ActivateContractRevisionRequest request;
    request.set_name(name);
    return fixture_.bundles.ActivateContractRevision(principal, request);
  }
  std::vector<v1::ContractRevision> Revisions(absl::string_view partner) {
    v1::ListContractRevisionsRequest request;
    request.set_parent(std::string(partner));
    const auto response = fixture_.bundles.ListContractRevisions(request);
    EXPECT_TRUE(response.ok());
    return {response->revisions().begin(), response->revisions().end()};
  }
  bool Grants(absl::string_view path) {
    const auto snapshot = fixture_.holder.Get();
    const ActiveGrant* grant = snapshot->FindPartner(kSwift)->FindGrant("delivery", "shop.v1.Shipment");
    if (grant == nullptr) return false;
    const std::vector<std::string>& paths = grant->grant->plan->granted_paths();
    return std::find(paths.begin(), paths.end(), path) != paths.end();
  }

  TempDirectory directory_;
  ControlFixture fixture_{directory_.path()};
};

// Clause: P1.4c
TEST_F(BundleRegistryTest, AFirstRevisionWaitsForASecondPerson) {
  fixture_.Create("swift-parcel");
  fixture_.Create("nordic-freight");
  fixture_.Create("clear-pay", "payment");
  const auto applied = Apply("operators/alice", fixture_.Bundle());
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_FALSE(applied->bundle().etag().empty());
  ASSERT_EQ(applied->revisions_size(), 3);
  EXPECT_TRUE(applied->revisions(0).widening());
  EXPECT_EQ(applied->revisions(0).state(), v1::ContractRevision::STATE_PENDING);
  EXPECT_FALSE(Grants("reference"));

  const std::string name = Revisions(kSwift).at(0).name();
  EXPECT_EQ(ReasonOf(Activate("operators/alice", name).status()), v1::ERROR_REASON_SECOND_PERSON_REQUIRED);
  EXPECT_EQ(ReasonOf(Activate("operators/bob", std::string(kSwift) + "/contracts/parcel/revisions/9").status()),
            v1::ERROR_REASON_NOT_FOUND);
  ASSERT_TRUE(Activate("operators/bob", name).ok());
  EXPECT_EQ(fixture_.Get(kSwift).state(), v1::PARTNER_STATE_ACTIVE);
  EXPECT_TRUE(fixture_.snapshots->Fence(kSwift)->open());
  EXPECT_TRUE(Grants("reference"));
  EXPECT_THAT(fixture_.AuditActions(), Contains("partner.activated"));
  EXPECT_EQ(ReasonOf(Activate("operators/bob", name).status()), v1::ERROR_REASON_STATE_TRANSITION);
}

// Clause: P1.4c
TEST_F(BundleRegistryTest, AContractOrDocumentThatIsNotInForceCannotBeActivated) {
  fixture_.Create("swift-parcel");
  fixture_.Create("nordic-freight");
  fixture_.Create("clear-pay", "payment");
  ASSERT_TRUE(
      Apply("operators/alice", fixture_.Bundle({{"expires_on: \"2028-06-30\"", "expires_on: \"2026-05-31\""}})).ok());
  EXPECT_EQ(ReasonOf(Activate("operators/bob", Revisions(kSwift).at(0).name()).status()),
            v1::ERROR_REASON_DOCUMENT_EXPIRED);
  ASSERT_TRUE(
      Apply("operators/alice", fixture_.Bundle({{"effective_on: \"2026-01-01\"", "effective_on: \"2026-07-01\""}}))
          .ok());
  const auto revisions = Revisions(kSwift);
  const auto pending = std::find_if(revisions.begin(), revisions.end(), [](const v1::ContractRevision& revision) {
    return revision.state() == v1::ContractRevision::STATE_PENDING;
  });
  ASSERT_NE(pending, revisions.end());
  EXPECT_EQ(ReasonOf(Activate("operators/bob", pending->name()).status()), v1::ERROR_REASON_CONTRACT_NOT_IN_FORCE);
}

TEST_F(BundleRegistryTest, ABundleThatDoesNotCompileIsRefusedWithDiagnostics) {
  fixture_.Create("swift-parcel");
  const absl::Status status =
      Apply("operators/alice", fixture_.Bundle({{"\"recipient.phone\"", "\"recipient.phne\""}})).status();
  EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_POLICY_INVALID);
  const v1::PolicyDiagnostics diagnostics = PolicyDiagnosticsOf(status);
  ASSERT_GT(diagnostics.diagnostics_size(), 0);
  EXPECT_GT(diagnostics.diagnostics(0).line(), 0);
  EXPECT_FALSE(fixture_.store->ReadBundleInForce()->has_value());
}

// Clause: P1.4a
TEST_F(BundleRegistryTest, AContractNeedsItsPartnerOfItsKind) {
  fixture_.Create("swift-parcel");
  fixture_.Create("nordic-freight", "support");
  const absl::Status status = Apply("operators/alice", fixture_.Bundle()).status();
  EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_POLICY_INVALID);
  const v1::PolicyDiagnostics diagnostics = PolicyDiagnosticsOf(status);
  int found = 0;
  for (const auto& diagnostic : diagnostics.diagnostics()) found += diagnostic.clause() == "P1.4a";
  EXPECT_EQ(found, 2) << "clear-pay does not exist, nordic-freight is of another kind";
}

// Clause: P1.3a
TEST_F(BundleRegistryTest, AContractThatEncryptsNeedsThePartnersKey) {
  const Edits encrypted = {{"receive {} max_pending_hours: 72",
                            "webhook { endpoint: \"in\" path: \"/\" timeout_ms: 3000 signature: ED25519 "
                            "encryption_key: \"2026\" } max_pending_hours: 72"}};
  const auto set_key = [this](bool present) {
    v1::UpdatePartnerRequest update;
    *update.mutable_partner() = fixture_.Get(kSwift);
    update.mutable_partner()->clear_encryption_keys();
    if (present) {
      v1::EncryptionKey& key = *update.mutable_partner()->add_encryption_keys();
      key.set_key_id("2026");
      key.set_public_key_pem(
          crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEcdsaP256Sha256)->public_key().ToPem());
    }
    return ReasonOf(fixture_.partners.UpdatePartner("operators/alice", update).status());
  };
  for (const char* id : {"swift-parcel", "nordic-freight"}) fixture_.Create(id);
  fixture_.Create("clear-pay", "payment");
  EXPECT_EQ(ReasonOf(Apply("operators/alice", fixture_.Bundle(encrypted)).status()), v1::ERROR_REASON_POLICY_INVALID);
  ASSERT_EQ(set_key(true), v1::ERROR_REASON_UNSPECIFIED);
  ASSERT_TRUE(Apply("operators/alice", fixture_.Bundle(encrypted)).ok());
  const std::string pending = Revisions(kSwift).at(0).name();
  ASSERT_EQ(set_key(false), v1::ERROR_REASON_UNSPECIFIED) << "nothing is in force yet";
  EXPECT_EQ(ReasonOf(Activate("operators/bob", pending).status()), v1::ERROR_REASON_POLICY_INVALID);
  ASSERT_EQ(set_key(true), v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_TRUE(Activate("operators/bob", pending).ok());
  EXPECT_EQ(set_key(false), v1::ERROR_REASON_INVALID_ARGUMENT) << "a contract in force encrypts to it";
}

TEST_F(BundleRegistryTest, ApplyChecksTheEtagAndValidateOnlyChangesNothing) {
  fixture_.Serve();
  v1::ApplyPolicyBundleRequest request;
  *request.mutable_bundle() = fixture_.Bundle(kWithoutPhone);
  request.set_etag("another");
  EXPECT_EQ(ReasonOf(fixture_.bundles.ApplyPolicyBundle("operators/alice", request).status()),
            v1::ERROR_REASON_ETAG_MISMATCH);
  const auto planned = Apply("operators/alice", fixture_.Bundle(kWithoutPhone), true);
  ASSERT_TRUE(planned.ok()) << planned.status();
  ASSERT_EQ(planned->revisions_size(), 1);
  EXPECT_FALSE(planned->revisions(0).widening());
  EXPECT_THAT(std::vector<std::string>(planned->revisions(0).changes().begin(), planned->revisions(0).changes().end()),
              ElementsAre("- delivery shop.v1.Shipment recipient.phone"));
  EXPECT_TRUE(Grants("recipient.phone"));
  EXPECT_EQ(Revisions(kSwift).size(), 1u);
}

TEST_F(BundleRegistryTest, ANarrowerRevisionHoldsAtOnceAndWithdrawsTheBacklog) {
  fixture_.Serve();
  const std::vector<int64_t> seqs = fixture_.Disclose(kSwift, 3);
  fixture_.Disclose("partners/nordic-freight", 2, 100);
  fixture_.ports.reloaded.clear();
  const auto applied = Apply("operators/alice", fixture_.Bundle(kWithoutPhone));
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->withdrawn_count(), 3);
  EXPECT_FALSE(Grants("recipient.phone"));
  EXPECT_TRUE(Grants("reference"));
  EXPECT_TRUE(fixture_.store->ReadBacklog(fixture_.Row(kSwift).id, 0, 10, 1 << 20)->empty());
  EXPECT_EQ(fixture_.store->ReadBacklog(fixture_.Row("partners/nordic-freight").id, 0, 10, 1 << 20)->size(), 2u);
  const auto outcomes = fixture_.store->ReadOutcomes(0, 10);
  ASSERT_EQ(outcomes->size(), 3u);
  EXPECT_EQ(outcomes->at(0).state, v1::DISCLOSURE_STATE_WITHDRAWN);
  ASSERT_EQ(fixture_.ports.stopped.size(), 1u);
  EXPECT_TRUE(fixture_.snapshots->Fence(kSwift)->open()) << "served again";
  EXPECT_THAT(fixture_.ports.reloaded, ElementsAre(fixture_.Row(kSwift).id));
  EXPECT_EQ(fixture_.Disclose(kSwift, 1, 50).size(), 1u) << "the new snapshot is newer than the raised fence";
}

TEST_F(BundleRegistryTest, NothingIsCommittedWhileGrantsBecomeNarrower) {
  fixture_.Serve();
  const auto before = fixture_.holder.Get();
  size_t committed = 1;
  fixture_.ports.on_stop = [&] {
    // The fences are raised and the old grants are in force.
    EXPECT_EQ(fixture_.holder.Get(), before) << "a snapshot with new fences and old grants";
    committed = fixture_.Disclose(kSwift, 1).size();
  };
  const auto applied = Apply("operators/alice", fixture_.Bundle(kWithoutPhone));
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(committed, 0u);
  EXPECT_EQ(applied->withdrawn_count(), 0);
}

TEST_F(BundleRegistryTest, ANarrowingThatFailsLeavesThePartnerServed) {
  fixture_.Serve();
  // The bundle in force changes between the check of its etag and the write.
  fixture_.ports.on_stop = [&] {
    storage::ChangeSet other;
    other.bundle = **fixture_.store->ReadBundleInForce();
    other.bundle->digest = "another";
    other.bundle->in_force = true;
    other.expected_bundle_etag = other.bundle->bundle.etag();
    EXPECT_TRUE(fixture_.store->Apply(other).ok());
  };
  EXPECT_FALSE(Apply("operators/alice", fixture_.Bundle(kWithoutPhone)).ok());
  EXPECT_TRUE(Grants("recipient.phone"));
  EXPECT_EQ(fixture_.Disclose(kSwift, 1).size(), 1u) << "the snapshot is newer than the raised fence";
}

TEST_F(BundleRegistryTest, AWideningRevisionWaitsAndTheOldOneStays) {
  fixture_.Serve(kWithoutPhone);
  EXPECT_FALSE(Grants("recipient.phone"));
  const auto applied = Apply("operators/alice", fixture_.Bundle());
  ASSERT_TRUE(applied.ok()) << applied.status();
  ASSERT_EQ(applied->revisions_size(), 1);
  EXPECT_TRUE(applied->revisions(0).widening());
  EXPECT_FALSE(applied->pending_second_person());
  EXPECT_FALSE(Grants("recipient.phone"));
  // The same text again makes no third revision.
  EXPECT_EQ(Apply("operators/alice", fixture_.Bundle())->revisions_size(), 0);
  ASSERT_TRUE(Activate("operators/bob", applied->revisions(0).name()).ok());
  EXPECT_TRUE(Grants("recipient.phone"));
  const auto revisions = Revisions(kSwift);
  ASSERT_EQ(revisions.size(), 2u);
  EXPECT_EQ(std::count_if(revisions.begin(), revisions.end(),
                          [](const v1::ContractRevision& revision) {
                            return revision.state() == v1::ContractRevision::STATE_ACTIVE;
                          }),
            1);
}

TEST_F(BundleRegistryTest, DroppingATransformWidens) {
  fixture_.Serve();
  const auto planned =
      Apply("operators/alice",
            fixture_.Bundle({{"fields { path: \"remark\" redact { detectors: [CARD_NUMBER, IBAN, EMAIL] } }",
                              "fields { path: \"remark\" redact { detectors: [CARD_NUMBER, IBAN] } }"}}),
            true);
  ASSERT_TRUE(planned.ok()) << planned.status();
  ASSERT_EQ(planned->revisions_size(), 1);
  EXPECT_TRUE(planned->revisions(0).widening());
  EXPECT_EQ(planned->revisions(0).changes(0), "~ delivery shop.v1.Shipment remark");
}

TEST_F(BundleRegistryTest, ALongerContractWidens) {
  fixture_.Serve();
  const auto planned =
      Apply("operators/alice", fixture_.Bundle({{"expires_on: \"2028-12-31\"", "expires_on: \"2029-12-31\""}}), true);
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(planned->revisions_size(), 3);
  EXPECT_TRUE(planned->revisions(0).widening());
}

// What a change of terms is called, and whether it needs a second person. swift-parcel's qualification is the first of
// its papers to end.
TEST_F(BundleRegistryTest, TermsThatAskLessOfThePartnerWiden) {
  fixture_.Serve();
  const auto expect = [&](const Edits& edit, bool widening, const std::vector<std::string>& changes) {
    const auto planned = Apply("operators/alice", fixture_.Bundle(edit), true);
    ASSERT_TRUE(planned.ok()) << planned.status();
    ASSERT_EQ(planned->revisions_size(), 1) << edit[0].second;
    const v1::ContractRevision& revision = planned->revisions(0);
    EXPECT_EQ(revision.widening(), widening) << edit[0].second;
    EXPECT_EQ(std::vector<std::string>(revision.changes().begin(), revision.changes().end()), changes);
  };
  expect({{"expires_on: \"2028-06-30\"", "expires_on: \"2028-07-31\""}}, true,
         {"~ documents QUALIFICATION", "~ last day 2028-06-30 -> 2028-07-31"});
  expect({{"expires_on: \"2028-06-30\"", "expires_on: \"2028-05-31\""}}, false, {"~ documents QUALIFICATION"});
  const std::string deletion = "due_days: 14\n  attestation: PARTNER_KEY\n  exemptions { categories: \"customs\" ";
  const auto expect_deletion = [&](const std::string& to, bool widening) {
    expect({{deletion + "ground: \"customs law\" max_days: 3650 }", to}}, widening, {"~ deletion"});
  };
  expect_deletion("due_days: 7\n  attestation: PARTNER_KEY", false);
  expect_deletion("due_days: 15\n  attestation: PARTNER_KEY", true);
  expect_deletion("due_days: 14\n  attestation: DOCUMENT", true);
  expect_deletion(deletion + "ground: \"customs law\" max_days: 3651 }", true);
  expect_deletion(deletion + "ground: \"other law\" max_days: 3650 }", true);
}

// Likewise of how long and how much the partner may have.
TEST_F(BundleRegistryTest, TermsThatLeaveMoreWithThePartnerWiden) {
  fixture_.Serve();
  const auto widens = [&](const Edits& edit) {
    const auto planned = Apply("operators/alice", fixture_.Bundle(edit), true);
    EXPECT_TRUE(planned.ok()) << planned.status();
    EXPECT_GT(planned->revisions_size(), 0) << edit[0].second;
    bool any = false;
    for (const v1::ContractRevision& revision : planned->revisions()) {
      EXPECT_FALSE(revision.changes().empty()) << edit[0].second;
      any = any || revision.widening();
    }
    return any;
  };
  EXPECT_TRUE(widens({{"partner_retention { days: 60", "partner_retention { days: 61"}}));
  EXPECT_FALSE(widens({{"partner_retention { days: 60", "partner_retention { days: 59"}}));
  EXPECT_TRUE(widens({{"max_unacknowledged: 256", "max_unacknowledged: 257"}}));
  EXPECT_FALSE(widens({{"max_unacknowledged: 256", "max_unacknowledged: 255"}}));
  EXPECT_TRUE(widens({{"max_pending_hours: 72", "max_pending_hours: 73"}}));
  EXPECT_FALSE(widens({{"max_pending_hours: 72", "max_pending_hours: 71"}}));
}

TEST_F(BundleRegistryTest, APolicyThatWidensAnActiveContractNeedsTheSameContentFromASecondPerson) {
  const Edits stricter = {
      {"imposed_conditions { categories: \"customs\" clauses: \"W4b\" cross_border {} }",
       "imposed_conditions { categories: \"customs\" categories: \"daily_track\" clauses: \"W4b\" cross_border {} }"}};
  fixture_.Serve(stricter);
  const std::string before = fixture_.holder.Get()->bundle_digest;
  const auto first = Apply("operators/alice", fixture_.Bundle());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->pending_second_person());
  EXPECT_FALSE(first->has_bundle());
  EXPECT_EQ(fixture_.holder.Get()->bundle_digest, before);
  EXPECT_TRUE(Apply("operators/alice", fixture_.Bundle())->pending_second_person()) << "the same person twice";
  const auto second = Apply("operators/bob", fixture_.Bundle());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second->pending_second_person());
  EXPECT_NE(fixture_.holder.Get()->bundle_digest, before);
}

TEST_F(BundleRegistryTest, AContractThatTheBundleDropsHasEnded) {
  fixture_.Serve();
  fixture_.Disclose(kSwift, 2);
  v1::PolicyBundle bundle = fixture_.Bundle();
  for (int i = bundle.files_size() - 1; i >= 0; --i) {
    if (absl::StrContains(bundle.files(i).name(), "swift-parcel")) bundle.mutable_files()->DeleteSubrange(i, 1);
  }
  const auto applied = Apply("operators/alice", bundle);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->withdrawn_count(), 2);
  ASSERT_EQ(applied->diagnostics_size(), 1);
  EXPECT_FALSE(applied->diagnostics(0).error());
  EXPECT_TRUE(absl::StrContains(applied->diagnostics(0).message(), absl::StrCat(kSwift, "/contracts/")));
  EXPECT_TRUE(absl::StrContains(applied->diagnostics(0).message(), "is not in the bundle"));
  EXPECT_TRUE(fixture_.holder.Get()->FindPartner(kSwift)->grants.empty());
  EXPECT_EQ(Revisions(kSwift).at(0).state(), v1::ContractRevision::STATE_SUPERSEDED);
  EXPECT_FALSE(fixture_.holder.Get()->FindPartner("partners/clear-pay")->grants.empty());
}

TEST_F(BundleRegistryTest, GetPolicyBundleIsAbsentAtFirst) {
  EXPECT_EQ(ReasonOf(fixture_.bundles.GetPolicyBundle({}).status()), v1::ERROR_REASON_POLICY_ABSENT);
  fixture_.Serve();
  const auto bundle = fixture_.bundles.GetPolicyBundle({});
  ASSERT_TRUE(bundle.ok());
  EXPECT_GT(bundle->files_size(), 3);
  EXPECT_FALSE(bundle->policy_version().empty());
}

TEST_F(BundleRegistryTest, CompilingKeepsNoOtherChangeWaiting) {
  fixture_.Serve();
  // The clock is read once the state was, and before the mutex is taken: what happens here happens while it compiles.
  int applied_meanwhile = 0;
  fixture_.control.clock = [&] {
    if (applied_meanwhile++ == 0) fixture_.Create("newcomer");
    return fixture_.now();
  };
  const auto applied = Apply("operators/alice", fixture_.Bundle(kWithoutPhone));
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_FALSE(Grants("recipient.phone"));
  EXPECT_NE(fixture_.holder.Get()->FindPartner("partners/newcomer"), nullptr);
}

TEST_F(BundleRegistryTest, ABundleThatWasOvertakenIsRefused) {
  fixture_.Serve();
  v1::ApplyPolicyBundleRequest request;
  *request.mutable_bundle() = fixture_.Bundle();
  request.set_etag(fixture_.bundles.GetPolicyBundle({})->etag());
  int calls = 0;
  fixture_.control.clock = [&] {
    if (calls++ == 0) EXPECT_TRUE(Apply("operators/bob", fixture_.Bundle(kWithoutPhone)).ok());
    return fixture_.now();
  };
  EXPECT_EQ(ReasonOf(fixture_.bundles.ApplyPolicyBundle("operators/alice", request).status()),
            v1::ERROR_REASON_ETAG_MISMATCH);
  EXPECT_FALSE(Grants("recipient.phone")) << "the other one is in force";
}

TEST_F(BundleRegistryTest, ChangesThatNeverStopAreNotWaitedFor) {
  fixture_.Serve();
  int calls = 0;
  bool creating = false;
  fixture_.control.clock = [&] {
    if (!std::exchange(creating, true)) {
      fixture_.Create(absl::StrCat("newcomer-", calls++));
      creating = false;
    }
    return fixture_.now();
  };
  EXPECT_EQ(ReasonOf(Apply("operators/alice", fixture_.Bundle(kWithoutPhone)).status()),
            v1::ERROR_REASON_ETAG_MISMATCH);
  EXPECT_GE(calls, 2);
}

}  // namespace
}  // namespace postern::registry
