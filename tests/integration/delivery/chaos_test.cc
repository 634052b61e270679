// Random trouble: suspensions, terminations at the end, a partner's server that comes and goes, streams that break,
// gateways that are killed. Then every partner's log is held against the ledger.
//
// POSTERN_CHAOS_SECONDS says how long (20), POSTERN_CHAOS_SEED with which numbers.
#include <algorithm>
#include <csignal>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/partner/receive_loop.h"
#include "policy/retail/shop/v1/shipment.pb.h"
#include "tests/integration/delivery/delivery_fixture.h"
#include "tests/support/environment.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

constexpr int kKeys = 12;
constexpr int kWindow = 256;  // of the retail contracts

class ChaosTest : public OutboundFixture {
 protected:
  // One carrier has its records pushed, the other fetches them.
  void Begin() {
    Open();
    Serve();
    Fetch();
  }
  void Fetch() {
    loop_ = std::make_unique<client::ReceiveLoop>(
        gateway_.PartnerChannel(kOther), client::ReceiveOptions(),
        [this](const v1::DeliveredRecord& record) { return other_inbox_.Take(record); },
        [](const absl::Status&) { return true; });
  }
  void Connect() {
    shop_ = v1::StorefrontService::NewStub(gateway_.Storefront());
    alice_ = v1::OperatorService::NewStub(gateway_.Person("alice"));
  }

  // The next version of a random record for a random carrier. What the shop was promised is remembered.
  void DiscloseOne() {
    const std::string partner = random_() % 2 == 0 ? kCarrier : kOther;
    const std::string key = absl::StrCat(partner, "-", random_() % kKeys);
    const uint64_t version = ++versions_[key];
    v1::CreateDisclosureRequest request;
    shop::v1::Shipment shipment = PlainShipment(key);
    shipment.set_version(version);
    *request.mutable_record() = RecordOf(shipment);
    v1::DisclosureTarget& target = *request.add_targets();
    target.set_partner("partners/" + partner);
    target.set_purpose("delivery");
    request.set_request_id(NewRequestId());
    v1::CreateDisclosureResponse response;
    const grpc::Status status = shop_->CreateDisclosure(Deadline(absl::Seconds(5)).get(), request, &response);
    if (status.ok() && response.results_size() == 1 && response.results(0).has_disclosure()) {
      promised_[partner].insert(response.results(0).disclosure().name());
    }
  }

  v1::Partner Get(const std::string& partner) {
    v1::GetPartnerRequest request;
    request.set_name("partners/" + partner);
    v1::Partner response;
    EXPECT_TRUE(alice_->GetPartner(Deadline().get(), request, &response).ok());
    return response;
  }
  void Suspend(const std::string& partner) {
    v1::SuspendPartnerRequest request;
    request.set_name("partners/" + partner);
    request.set_reason("chaos");
    v1::SuspendPartnerResponse response;
    if (alice_->SuspendPartner(Deadline().get(), request, &response).ok()) {
      EXPECT_LE(response.effect().possibly_held_count(), kWindow) << "the tail is within the window";
    }
  }
  void Resume(const std::string& partner) {
    const v1::Partner now = Get(partner);
    if (now.state() != v1::PARTNER_STATE_SUSPENDED) return;
    v1::ResumePartnerRequest request;
    request.set_name(now.name());
    request.set_etag(now.etag());
    v1::Partner response;
    EXPECT_TRUE(alice_->ResumePartner(Deadline().get(), request, &response).ok());
  }
  void KillAndRestart() {
    loop_.reset();
    gateway_.process().Signal(SIGKILL);
    gateway_.process().Wait(absl::Seconds(10));
    gateway_.Restart();
    Connect();
    Fetch();
  }

  void Trouble() {
    const std::string partner = random_() % 2 == 0 ? kCarrier : kOther;
    switch (random_() % 6) {
      case 0:
        return Suspend(partner);
      case 1:
      case 2:
        return Resume(partner);
      case 3:
        loop_.reset();  // the stream breaks
        return Fetch();
      case 4:
        StopServing();
        return Serve();
      default:
        return KillAndRestart();
    }
  }

  static std::set<std::string> NamesIn(const Inbox& inbox) {
    std::set<std::string> names;
    for (const v1::DeliveredRecord& record : inbox.records()) names.insert(record.disclosure());
    return names;
  }

  // Waits until everything that the shop was promised has arrived.
  bool Arrived(const std::string& partner, const Inbox& inbox) {
    const std::set<std::string>& promised = promised_[partner];
    for (int i = 0; i < 600; ++i) {
      const std::set<std::string> got = NamesIn(inbox);
      if (std::includes(got.begin(), got.end(), promised.begin(), promised.end())) return true;
      absl::SleepFor(absl::Milliseconds(50));
    }
    return false;
  }

  // Records of a key came in the order of their versions, repetitions apart, and none without a ledger entry.
  void CheckLog(const std::string& partner, const Inbox& inbox) {
    std::map<std::string, uint64_t> newest;
    std::set<std::string> seen;
    for (const v1::DeliveredRecord& record : inbox.records()) {
      if (!seen.insert(record.disclosure()).second) {
        EXPECT_TRUE(record.redelivered()) << "a repetition says so";
        continue;
      }
      shop::v1::Shipment shipment;
      ASSERT_TRUE(shipment.ParseFromString(record.record().data()));
      EXPECT_GT(record.record_version(), newest[shipment.reference()]) << shipment.reference();
      newest[shipment.reference()] = record.record_version();
    }
    for (const std::string& name : seen) {
      v1::GetDisclosureRequest request;
      request.set_name(name);
      v1::Disclosure disclosure;
      EXPECT_TRUE(shop_->GetDisclosure(Deadline().get(), request, &disclosure).ok()) << name << " is in no ledger";
      EXPECT_EQ(disclosure.name().find("partners/" + partner), 0u);
    }
  }

  // Terminates; returns the handles that the campaign's notices name, each of which must come once.
  std::set<std::string> TerminateAndCollect(const std::string& partner, const Inbox& inbox) {
    v1::TerminatePartnerRequest request;
    request.set_name("partners/" + partner);
    request.set_etag(Get(partner).etag());
    request.set_confirm(request.name());
    request.set_reason("chaos");
    v1::TerminatePartnerResponse response;
    const grpc::Status status = alice_->TerminatePartner(Deadline().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_LE(response.effect().possibly_held_count(), kWindow);
    const size_t at_return = inbox.records().size();
    for (int i = 0; i < 200; ++i) {
      v1::GetDeletionCampaignRequest get;
      get.set_name(response.campaign().name());
      v1::DeletionCampaign campaign;
      EXPECT_TRUE(alice_->GetDeletionCampaign(Deadline().get(), get, &campaign).ok());
      if (campaign.enumeration_done()) break;
      absl::SleepFor(absl::Milliseconds(50));
    }
    std::set<std::string> handles;
    v1::ListCampaignNoticesRequest list;
    list.set_parent(response.campaign().name());
    list.set_page_size(100);
    v1::ListCampaignNoticesResponse notices;
    EXPECT_TRUE(alice_->ListCampaignNotices(Deadline().get(), list, &notices).ok());
    EXPECT_EQ(notices.next_page_token(), "");
    for (const v1::DeletionNotice& notice : notices.notices()) {
      v1::DeletionNoticeStatement statement;
      EXPECT_TRUE(statement.ParseFromString(notice.envelope().payload()));
      for (const auto& item : statement.items()) {
        EXPECT_TRUE(handles.insert(item.handle()).second) << "a handle is in two notices";
      }
    }
    absl::SleepFor(absl::Seconds(1));
    EXPECT_EQ(inbox.records().size(), at_return) << "something came after the termination had returned";
    return handles;
  }

  std::mt19937_64 random_;
  Inbox other_inbox_;
  std::unique_ptr<client::ReceiveLoop> loop_;
  std::map<std::string, uint64_t> versions_;               // by record key
  std::map<std::string, std::set<std::string>> promised_;  // disclosures by partner
};

// Clause: P1.4e
TEST_F(ChaosTest, NothingIsLostInventedReorderedOrDeliveredAfterTheEnd) {
  const int64_t seed = FromEnvironment("POSTERN_CHAOS_SEED", absl::ToUnixMicros(absl::Now()));
  RecordProperty("seed", absl::StrCat(seed));
  SCOPED_TRACE(absl::StrCat("POSTERN_CHAOS_SEED=", seed));
  random_.seed(static_cast<uint64_t>(seed));
  Begin();
  const absl::Time until = absl::Now() + absl::Seconds(FromEnvironment("POSTERN_CHAOS_SECONDS", 20));
  int troubles = 0;
  while (absl::Now() < until) {
    const auto burst = static_cast<int>(random_() % 60);
    for (int i = 0; i < burst; ++i) DiscloseOne();
    Trouble();
    ++troubles;
  }
  EXPECT_GT(troubles, 5);
  for (const char* partner : {kCarrier, kOther}) Resume(partner);
  // What failed twice is not due for another five minutes; a new process begins with the schedule anew.
  KillAndRestart();
  const std::pair<const char*, const Inbox*> partners[] = {{kCarrier, &inbox_}, {kOther, &other_inbox_}};
  for (const auto& [partner, inbox] : partners) {
    EXPECT_GT(promised_[partner].size(), 0u);
    EXPECT_TRUE(Arrived(partner, *inbox)) << "a record that the shop was promised did not arrive at " << partner;
    CheckLog(partner, *inbox);
  }
  // A burst under way when the end comes.
  for (int i = 0; i < 50; ++i) DiscloseOne();
  for (const auto& [partner, inbox] : partners) {
    const std::set<std::string> asked_for = TerminateAndCollect(partner, *inbox);
    for (const v1::DeliveredRecord& record : inbox->records()) {
      EXPECT_EQ(asked_for.count(record.handle()), 1u) << "a handle that was released is in no notice";
    }
  }
  loop_.reset();
}

}  // namespace
}  // namespace postern::testing
