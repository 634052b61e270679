#include "gmock/gmock.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ChangeSet WriteOf(PartnerRow row, const std::string& etag = "") {
  ChangeSet change;
  change.partners = {{std::move(row), etag}};
  return change;
}

PartnerRow PartnerNamed(const std::string& name) {
  PartnerRow row;
  row.partner.set_name(name);
  row.partner.set_state(v1::PARTNER_STATE_ACTIVE);
  row.epoch_key = Id(1);
  row.pseudonym_key = Id(2);
  row.handle_key = Id(3);
  return row;
}

TEST_P(StoreTest, PartnersAreKeptWithTheirKeys) {
  const AppliedChange applied = Value(store().Apply(WriteOf(PartnerNamed("partners/one"))));
  ASSERT_THAT(applied.partner_ids, SizeIs(1));
  Reopen();
  const std::vector<PartnerRow> partners = Value(store().ListPartners());
  ASSERT_THAT(partners, SizeIs(1));
  EXPECT_EQ(partners[0].id, applied.partner_ids[0]);
  EXPECT_EQ(partners[0].partner.name(), "partners/one");
  EXPECT_EQ(partners[0].partner.etag(), applied.partner_etags[0]);
  EXPECT_EQ(partners[0].epoch_key, Id(1));
  EXPECT_EQ(partners[0].pseudonym_key, Id(2));
  EXPECT_EQ(partners[0].handle_key, Id(3));
  EXPECT_EQ(partners[0].fence_version, 0u);
}

TEST_P(StoreTest, PartnerWritesNeedTheCurrentEtag) {
  const AppliedChange created = Value(store().Apply(WriteOf(PartnerNamed("partners/one"))));
  EXPECT_REASON(store().Apply(WriteOf(PartnerNamed("partners/one"))).status(), ALREADY_EXISTS);
  PartnerRow row = PartnerNamed("partners/one");
  row.id = created.partner_ids[0];
  row.partner.set_state(v1::PARTNER_STATE_SUSPENDED);
  const AppliedChange suspended = Value(store().Apply(WriteOf(row, created.partner_etags[0])));
  EXPECT_NE(suspended.partner_etags[0], created.partner_etags[0]);
  EXPECT_REASON(store().Apply(WriteOf(row, created.partner_etags[0])).status(), ETAG_MISMATCH);
  EXPECT_REASON(store().Apply(WriteOf(row, "")).status(), ETAG_MISMATCH);
  row.id = 99;
  EXPECT_REASON(store().Apply(WriteOf(row, suspended.partner_etags[0])).status(), PARTNER_UNKNOWN);
  EXPECT_EQ(Value(store().ListPartners())[0].partner.state(), v1::PARTNER_STATE_SUSPENDED);
}

TEST_P(StoreTest, AFailedChangeLeavesNothing) {
  const AppliedChange created = Value(store().Apply(WriteOf(PartnerNamed("partners/one"))));
  ChangeSet change = WriteOf(PartnerNamed("partners/two"));
  PartnerRow stale = PartnerNamed("partners/one");
  stale.id = created.partner_ids[0];
  change.partners.push_back({stale, "stale"});
  change.raise_fences = {{FenceScope::Kind::kPartner, "partners/one"}};
  change.audit_leaves = {"leaf"};
  EXPECT_REASON(store().Apply(change).status(), ETAG_MISMATCH);
  EXPECT_THAT(Value(store().ListPartners()), SizeIs(1));
  EXPECT_EQ(Value(store().ReadFenceVersion()), 0u);
  EXPECT_EQ(Value(store().ReadTreeHead()).size, 0u);
  change.partners.pop_back();
  EXPECT_EQ(Value(store().Apply(change)).fence_version, 1u);
}

TEST_P(StoreTest, FenceVersionIsOneForAllAndShownAtThePartner) {
  ChangeSet create = WriteOf(PartnerNamed("partners/one"));
  create.partners.push_back({PartnerNamed("partners/two"), ""});
  create.raise_fences = {{FenceScope::Kind::kPartner, "partners/one"},
                         {FenceScope::Kind::kSubject, "0123456789abcdef"}};
  EXPECT_EQ(Value(store().Apply(create)).fence_version, 1u);
  ChangeSet again;
  again.raise_fences = {{FenceScope::Kind::kPartner, "partners/two"}};
  EXPECT_EQ(Value(store().Apply(again)).fence_version, 2u);
  EXPECT_EQ(Value(store().Apply(ChangeSet{})).fence_version, 2u);
  Reopen();
  EXPECT_EQ(Value(store().ReadFenceVersion()), 2u);
  const std::vector<PartnerRow> partners = Value(store().ListPartners());
  EXPECT_EQ(partners[0].fence_version, 1u);
  EXPECT_EQ(partners[1].fence_version, 2u);
}

TEST_P(StoreTest, OneBundleIsInForce) {
  EXPECT_FALSE(Value(store().ReadBundleInForce()).has_value());
  ChangeSet change;
  BundleRow bundle;
  bundle.digest = "aa";
  bundle.bundle.set_name("policyBundles/aa");
  bundle.in_force = true;
  change.bundle = bundle;
  change.expected_bundle_etag = "";
  const std::string first = Value(store().Apply(change)).bundle_etag;
  EXPECT_REASON(store().Apply(change).status(), ETAG_MISMATCH);
  bundle.digest = "bb";
  bundle.bundle.set_name("policyBundles/bb");
  bundle.in_force = false;
  bundle.applied_by = "first person";
  change.bundle = bundle;
  change.expected_bundle_etag = first;
  ASSERT_TRUE(store().Apply(change).ok());
  EXPECT_EQ(Value(store().ReadBundleInForce())->digest, "aa");
  EXPECT_EQ(Value(store().ReadBundleInForce())->bundle.etag(), first);
  EXPECT_EQ(Value(store().ReadBundle("bb"))->applied_by, "first person");
  change.bundle->in_force = true;
  ASSERT_TRUE(store().Apply(change).ok());
  Reopen();
  EXPECT_EQ(Value(store().ReadBundleInForce())->digest, "bb");
  EXPECT_FALSE(Value(store().ReadBundle("aa"))->in_force);
  EXPECT_FALSE(Value(store().ReadBundle("cc")).has_value());
}

TEST_P(StoreTest, RevisionsKeepTheirOrder) {
  ChangeSet change;
  for (const char* name : {"r1", "r2"}) {
    RevisionRow row;
    row.revision.set_name(name);
    row.partner = 1;
    change.revisions.push_back(row);
  }
  ASSERT_TRUE(store().Apply(change).ok());
  change.revisions.resize(1);
  change.revisions[0].revision.set_state(v1::ContractRevision::STATE_SUPERSEDED);
  ASSERT_TRUE(store().Apply(change).ok());
  const std::vector<RevisionRow> rows = Value(store().ListRevisions(1));
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].revision.name(), "r1");
  EXPECT_EQ(rows[0].revision.state(), v1::ContractRevision::STATE_SUPERSEDED);
  EXPECT_EQ(rows[1].revision.name(), "r2");
  EXPECT_THAT(Value(store().ListRevisions(2)), IsEmpty());
}

TEST_P(StoreTest, CampaignsKeepTheirProgress) {
  ChangeSet change;
  CampaignRow row;
  row.campaign.set_name("partners/one/deletionCampaigns/c1");
  row.partner = 1;
  row.enumerate_to = 500;
  change.campaigns = {row};
  ASSERT_TRUE(store().Apply(change).ok());
  change.campaigns[0].enumerated = 100;
  change.campaigns[0].campaign.set_state(v1::DeletionCampaign::STATE_ENUMERATING);
  ASSERT_TRUE(store().Apply(change).ok());
  Reopen();
  const std::optional<CampaignRow> read = Value(store().ReadCampaign("partners/one/deletionCampaigns/c1"));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->enumerated, 100);
  EXPECT_EQ(read->enumerate_to, 500);
  EXPECT_EQ(read->partner, 1);
  EXPECT_EQ(read->campaign.state(), v1::DeletionCampaign::STATE_ENUMERATING);
  EXPECT_THAT(Value(store().ListCampaigns(std::nullopt)), SizeIs(1));
  EXPECT_THAT(Value(store().ListCampaigns(1)), SizeIs(1));
  EXPECT_THAT(Value(store().ListCampaigns(2)), IsEmpty());
  EXPECT_FALSE(Value(store().ReadCampaign("other")).has_value());
}

TEST_P(StoreTest, NoticesAreListedInPagesAndByState) {
  ChangeSet change;
  for (int number = 1; number <= 4; ++number) {
    NoticeRow row;
    row.notice.set_name("n" + std::to_string(number));
    row.notice.set_state(number == 2 ? v1::DeletionNotice::STATE_ATTESTED : v1::DeletionNotice::STATE_ISSUED);
    row.campaign = number == 4 ? "c2" : "c1";
    row.partner = 1;
    row.number = number;
    change.notices.push_back(row);
  }
  ASSERT_TRUE(store().Apply(change).ok());
  const auto numbers = [this](const std::string& campaign, int64_t after, int limit, bool open_only) {
    std::vector<int> found;
    for (const NoticeRow& row : Value(store().ListNotices(1, campaign, after, limit, open_only)))
      found.push_back(row.number);
    return found;
  };
  EXPECT_THAT(numbers("", 0, 10, false), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(numbers("c1", 0, 10, true), ElementsAre(1, 3));
  EXPECT_THAT(numbers("", 0, 2, false), ElementsAre(1, 2));
  const int64_t second = Value(store().ReadNotice("n2"))->row;
  EXPECT_THAT(numbers("", second, 10, false), ElementsAre(3, 4));
  change.notices = {*Value(store().ReadNotice("n1"))};
  change.notices[0].notice.set_state(v1::DeletionNotice::STATE_ACKNOWLEDGED);
  ASSERT_TRUE(store().Apply(change).ok());
  EXPECT_THAT(numbers("c1", 0, 10, true), ElementsAre(1, 3)) << "acknowledged is still open";
  EXPECT_THAT(Value(store().ListNotices(2, "", 0, 10, false)), IsEmpty());
}

TEST_P(StoreTest, HandleOutcomesMayBeCorrected) {
  ChangeSet change;
  HandleOutcomeRow row;
  row.notice = "n1";
  row.handle.fill(7);
  row.result = v1::DeletionAttestationStatement::RESULT_EXEMPTED;
  row.ground = "customs law";
  row.until = At(1000);
  change.handle_outcomes = {row};
  ASSERT_TRUE(store().Apply(change).ok());
  std::vector<HandleOutcomeRow> rows = Value(store().ListHandleOutcomes("n1"));
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].handle, row.handle);
  EXPECT_EQ(rows[0].ground, "customs law");
  EXPECT_EQ(rows[0].until, At(1000));
  change.handle_outcomes[0].result = v1::DeletionAttestationStatement::RESULT_DELETED;
  change.handle_outcomes[0].until.reset();
  ASSERT_TRUE(store().Apply(change).ok());
  rows = Value(store().ListHandleOutcomes("n1"));
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].result, v1::DeletionAttestationStatement::RESULT_DELETED);
  EXPECT_FALSE(rows[0].until.has_value());
}

TEST_P(StoreTest, OrderEventsKeepTheirFirstTime) {
  ChangeSet change;
  change.order_events = {{Mac(1), 2, At(10)}, {Mac(1), 3, At(20)}, {Mac(2), 2, At(30)}};
  ASSERT_TRUE(store().Apply(change).ok());
  change.order_events = {{Mac(1), 2, At(99)}};
  ASSERT_TRUE(store().Apply(change).ok());
  const std::vector<OrderEventRow> rows = Value(store().ListOrderEvents(Mac(1)));
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].event, 2);
  EXPECT_EQ(rows[0].time, At(10));
  EXPECT_EQ(rows[1].event, 3);
}

}  // namespace
}  // namespace postern::storage
