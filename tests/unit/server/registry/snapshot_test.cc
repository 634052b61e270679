#include "server/registry/snapshot_builder.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "tests/unit/policy/bundle/bundle_files.h"
#include "tests/unit/server/registry/control_fixture.h"

namespace postern::registry {
namespace {

TEST(SnapshotTest, HoldsGrantsOfActivePartnersAndIsTheSameAfterARestart) {
  TempDirectory directory;
  storage::GrantId grant_id = 0;
  {
    ControlFixture fixture(directory.path());
    EXPECT_EQ(fixture.holder.Get()->bundle, nullptr);
    fixture.Serve();
    const auto snapshot = fixture.holder.Get();
    const PartnerView* view = snapshot->FindPartner("partners/swift-parcel");
    ASSERT_NE(view, nullptr);
    EXPECT_TRUE(view->fence->open());
    const ActiveGrant* grant = view->FindGrant("delivery", "shop.v1.Shipment");
    ASSERT_NE(grant, nullptr);
    EXPECT_EQ(view->FindGrant("settlement", "shop.v1.Shipment"), nullptr);
    EXPECT_EQ(snapshot->FindPartner("partners/nobody"), nullptr);
    grant_id = grant->grant_id;
    const storage::GrantRef ref = *fixture.store->ReadGrant(grant_id);
    EXPECT_EQ(ref.contract_revision, grant->contract_revision);
    EXPECT_EQ(ref.policy_version, snapshot->policy_version);
    EXPECT_EQ(ref.locator_path, "reference");
    EXPECT_EQ(snapshot->bundle_digest.size(), 64u);
  }
  ControlFixture again(directory.path());
  const PartnerView* view = again.holder.Get()->FindPartner("partners/swift-parcel");
  ASSERT_NE(view, nullptr);
  EXPECT_TRUE(view->fence->open());
  EXPECT_EQ(view->FindGrant("delivery", "shop.v1.Shipment")->grant_id, grant_id);
}

// Clause: P1.4c
TEST(SnapshotTest, LeavesOutContractsThatAreNotInForceToday) {
  TempDirectory directory;
  {
    ControlFixture fixture(directory.path());
    fixture.Serve();
  }
  // swift-parcel's qualification ends on 2028-06-30, its contract later.
  ControlFixture later(directory.path(), absl::FromCivil(absl::CivilDay(2028, 7, 1), absl::UTCTimeZone()));
  EXPECT_TRUE(later.holder.Get()->FindPartner("partners/swift-parcel")->grants.empty());
  EXPECT_FALSE(later.holder.Get()->FindPartner("partners/clear-pay")->grants.empty());
}

TEST(SnapshotTest, AnUnchangedPolicyIsNotCompiledAgain) {
  TempDirectory directory;
  ControlFixture fixture(directory.path());
  fixture.Serve();
  const auto before = fixture.snapshots->policy();
  ASSERT_TRUE(fixture.snapshots->Rebuild().ok());
  EXPECT_EQ(fixture.snapshots->policy(), before);
}

// A hundred contracts are what a start must manage in half a second, unoptimised builds and sanitizers aside.
TEST(SnapshotTest, BuildsAHundredContracts) {
  TempDirectory directory;
  constexpr int kPartners = 100;
  {
    ControlFixture fixture(directory.path());
    v1::PolicyBundle bundle = fixture.Bundle();
    std::string contract;
    for (int i = bundle.files_size() - 1; i >= 0; --i) {
      if (bundle.files(i).name() == "contracts/swift-parcel.txtpb") contract = bundle.files(i).text();
      if (bundle.files(i).name().rfind("contracts/", 0) == 0) bundle.mutable_files()->DeleteSubrange(i, 1);
    }
    for (int i = 0; i < kPartners; ++i) {
      const std::string id = absl::StrCat("carrier-", i);
      fixture.Create(id);
      v1::PolicyBundle::SourceFile& file = *bundle.add_files();
      file.set_name(absl::StrCat("contracts/", id, ".txtpb"));
      file.set_text(absl::StrReplaceAll(contract, {{"swift-parcel", id}}));
    }
    v1::ApplyPolicyBundleRequest request;
    *request.mutable_bundle() = bundle;
    const auto applied = fixture.bundles.ApplyPolicyBundle("operators/alice", request);
    ASSERT_TRUE(applied.ok()) << applied.status();
    EXPECT_EQ(applied->revisions_size(), kPartners);
    // Activating them one by one compiles a hundred times; the rows say the same.
    storage::ChangeSet change;
    const std::vector<storage::PartnerRow> rows = *fixture.store->ListPartners();
    for (const storage::PartnerRow& row : rows) {
      const std::vector<storage::RevisionRow> revisions = *fixture.store->ListRevisions(row.id);
      for (storage::RevisionRow revision : revisions) {
        revision.revision.set_state(v1::ContractRevision::STATE_ACTIVE);
        revision.revision.set_activated_by("operators/bob");
        change.revisions.push_back(revision);
      }
      storage::PartnerRow active = row;
      active.partner.set_state(v1::PARTNER_STATE_ACTIVE);
      change.partners.push_back({active, row.partner.etag()});
    }
    ASSERT_TRUE(fixture.store->Apply(change).ok());
  }
  ControlFixture fixture(directory.path());
  SnapshotHolder holder;
  SnapshotBuilder cold(fixture.store.get(), fixture.keys.get(), &holder, [&] { return fixture.now(); });
  const absl::Time start = absl::Now();
  ASSERT_TRUE(cold.Rebuild().ok());
  const absl::Duration took = absl::Now() - start;
  RecordProperty("milliseconds", static_cast<int>(absl::ToInt64Milliseconds(took)));
  EXPECT_LT(took, absl::Seconds(5));
  int grants = 0;
  for (const auto& [name, view] : holder.Get()->partners) grants += static_cast<int>(view->grants.size());
  EXPECT_EQ(grants, kPartners);
}

}  // namespace
}  // namespace postern::registry
