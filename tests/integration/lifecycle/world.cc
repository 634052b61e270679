#include "tests/integration/lifecycle/world.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "server/crypto/dsse.h"
#include "server/registry/times.h"
#include "server/revocation/notice.h"
#include "tests/support/retail_bundle.h"
#include "tests/support/retail_shop.h"

namespace postern::lifecycle {
namespace {

constexpr char kCarrier[] = "partners/swift-parcel";
constexpr char kCategory[] = "alternative_recipient";

template <typename T>
T Must(absl::StatusOr<T> result, const char* what) {
  if (result.ok()) return *std::move(result);
  std::cerr << what << ": " << result.status() << std::endl;
  std::abort();
}

void Must(const absl::Status& status, const char* what) {
  if (status.ok()) return;
  std::cerr << what << ": " << status << std::endl;
  std::abort();
}

v1::SubjectRef Person(int person) {
  v1::SubjectRef ref;
  ref.set_id(absl::StrCat("person-", person));
  return ref;
}

std::string ReasonOf(const google::rpc::Status& status) {
  for (const auto& detail : status.details()) {
    google::rpc::ErrorInfo info;
    if (detail.UnpackTo(&info)) return info.reason();
  }
  return "";
}

}  // namespace

World::World() : attestation_key_(*crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEd25519)) {
  // Set up over the API, then taken over: from here on the clock is the test's.
  files_.Start();
  files_.CreatePartner("swift-parcel", "logistics", attestation_key_.public_key().ToPem());
  files_.CreatePartner("nordic-freight", "logistics");
  files_.CreatePartner("clear-pay", "payment");
  v1::PolicyBundle bundle = testing::RetailBundle();
  const char* const contract = "contracts/swift-parcel.txtpb";
  testing::EditFile(&bundle, contract, "expires_on: \"2028-12-31\"", "expires_on: \"2099-12-31\"");
  testing::EditFile(&bundle, contract, "expires_on: \"2028-06-30\"", "expires_on: \"2099-06-30\"");
  testing::EditFile(&bundle, contract, "max_pending_hours: 72", "max_pending_hours: 8760");
  files_.ApplyBundle(bundle, {"swift-parcel"});
  files_.process().Signal(SIGTERM);
  files_.process().Wait(absl::Seconds(20));
  config_ = Must(gateway::LoadConfig(files_.config_path()), "LoadConfig");
  // They end in real days, and nothing here calls anybody.
  config_.clear_client_certificate();
  now_ = absl::Now();
  shop_.name = "storefront/shop";
  shop_.roles = {identity::Role::kStorefront};
  shop_.not_after = absl::InfiniteFuture();
  carrier_.name = kCarrier;
  carrier_.roles = {identity::Role::kPartner};
  carrier_.partner = kCarrier;
  carrier_.not_after = absl::InfiniteFuture();
  Open();
}

World::~World() {
  Close();
}

void World::Open() {
  const auto clock = [this] { return now_; };
  core_ = Must(gateway::OpenCore(config_, clock, &log_, &serving_, &metrics_), "OpenCore");
  guard_ = std::make_unique<retention::ClockGuard>(
      clock, [this] { return now_ - absl::UnixEpoch(); }, absl::ZeroDuration());
  retention_ = std::make_unique<retention::Executor>(&core_->rights_plane, guard_.get());
}

void World::Close() {
  retention_.reset();
  guard_.reset();
  core_.reset();
}

void World::Reopen() {
  Close();
  Open();
}

v1::CreateDisclosureRequest World::RequestFor(int person, int order) {
  shop::v1::Shipment shipment = testing::PlainShipment(absl::StrCat("R-", order));
  shipment.set_customer_id(absl::StrCat("person-", person));
  shipment.mutable_recipient()->clear_phone();
  shipment.mutable_preferences()->set_alternative_recipient("Neighbour");
  v1::CreateDisclosureRequest request =
      testing::RetailShop::RequestFor(testing::RecordOf(shipment), "swift-parcel", "delivery");
  request.set_request_id(Must(ids_.Next(now_), "Next").ToString());
  return request;
}

World::Disclosed World::Disclose(int person, int order) {
  const v1::CreateDisclosureRequest request = RequestFor(person, order);
  absl::StatusOr<v1::CreateDisclosureResponse> response;
  absl::Notification done;
  core_->discloser->Create(shop_, request, [&](absl::StatusOr<v1::CreateDisclosureResponse> answer) {
    response = std::move(answer);
    done.Notify();
  });
  done.WaitForNotification();
  const v1::CreateDisclosureResponse created = Must(std::move(response), "Create");
  const v1::TargetResult& result = created.results(0);
  if (!result.has_disclosure()) return {"", "", ReasonOf(result.error())};
  return {result.disclosure().name(), result.disclosure().handle(), ""};
}

std::vector<shop::v1::Shipment> World::Receive(int count) {
  std::vector<shop::v1::Shipment> shipments;
  absl::Mutex mutex;
  bool ready = false;
  const auto session = Must(core_->hub->OpenSession(carrier_, {[&] {
                                                                 absl::MutexLock lock(&mutex);
                                                                 ready = true;
                                                               },
                                                               [](const absl::Status&) {}}),
                            "OpenSession");
  v1::ReceiveRequest credit;
  credit.set_add_records(count + 1);
  credit.set_add_bytes(64 << 20);
  Must(session->OnRequest(credit), "credit");
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (static_cast<int>(shipments.size()) < count && absl::Now() < deadline) {
    auto batch = Must(session->Next(), "Next");
    if (!batch) {
      absl::MutexLock lock(&mutex);
      mutex.AwaitWithTimeout(absl::Condition(&ready), absl::Milliseconds(20));
      ready = false;
      continue;
    }
    batch->pass.Release();
    v1::ReceiveRequest acknowledge;
    for (const v1::DeliveredRecord& record : batch->response->records()) {
      EXPECT_TRUE(shipments.emplace_back().ParseFromString(record.record().data()));
      v1::DeliveryRange* range = acknowledge.add_acknowledged();
      range->set_first(record.delivery());
      range->set_last(record.delivery());
    }
    Must(session->OnRequest(acknowledge), "acknowledge");
  }
  session->End();
  return shipments;
}

v1::DisclosureState World::StateOf(const std::string& disclosure) {
  v1::GetDisclosureRequest request;
  request.set_name(disclosure);
  return Must(core_->reader->Get(request), "GetDisclosure").state();
}

void World::SetConsent(int person, bool granted) {
  v1::SetConsentRequest request;
  *request.mutable_subject() = Person(person);
  request.mutable_scope()->set_category(kCategory);
  request.set_granted(granted);
  Must(core_->subjects->SetConsent(shop_, request), "SetConsent");
}

void World::SetRestricted(int person, bool restricted) {
  v1::SetRestrictionRequest request;
  *request.mutable_subject() = Person(person);
  request.mutable_scope()->set_purpose("delivery");
  request.set_restricted(restricted);
  request.set_ground(v1::Restriction::GROUND_OBJECTION);
  Must(core_->subjects->SetRestriction(shop_, request), "SetRestriction");
}

void World::CloseAfterSales(int order) {
  v1::ReportOrderEventRequest request;
  request.set_order_id(absl::StrCat("order-R-", order));
  request.set_event(v1::ORDER_EVENT_AFTER_SALES_CLOSED);
  registry::SetTime(now_, request.mutable_event_time());
  Must(core_->reader->ReportOrderEvent(shop_, request), "ReportOrderEvent");
}

v1::SubjectRequest World::Erase(int person) {
  v1::CreateSubjectRequestRequest create;
  *create.mutable_subject() = Person(person);
  create.set_kind(v1::SubjectRequest::KIND_ERASURE);
  create.set_request_id(Must(ids_.Next(now_), "Next").ToString());
  create.mutable_verification()->set_method("account login");
  const v1::SubjectRequest created = Must(core_->requests->Create(shop_, create), "CreateSubjectRequest");
  v1::RunSubjectRequestRequest run;
  run.set_name(created.name());
  return Must(core_->requests->Run(shop_, run), "RunSubjectRequest");
}

void World::ComeBack(int person) {
  v1::LiftSuppressionRequest request;
  *request.mutable_subject() = Person(person);
  request.set_evidence("a new account");
  Must(core_->subjects->LiftSuppression(shop_, request), "LiftSuppression");
}

v1::Subject World::Describe(int person) {
  v1::DescribeSubjectRequest request;
  *request.mutable_subject() = Person(person);
  return Must(core_->subjects->Describe(request), "DescribeSubject");
}

void World::RunBackground() {
  Must(core_->requests->RunOnce(), "requests");
  Must(retention_->Run("gateway"), "retention");
  Must(core_->campaigns->RunOnce(), "campaigns");
  Must(core_->statistics_counter->RunOnce(), "statistics");
}

std::vector<std::string> World::AnswerNotices() {
  Must(core_->campaigns->RunOnce(), "campaigns");
  std::vector<std::string> handles;
  for (;;) {
    v1::ListDeletionNoticesRequest list;
    list.set_open_only(true);
    const v1::ListDeletionNoticesResponse page = Must(core_->notices->ListDeletionNotices(carrier_, list), "notices");
    if (page.notices().empty()) return handles;
    for (const v1::DeletionNotice& notice : page.notices()) {
      v1::DeletionNoticeStatement asked;
      EXPECT_TRUE(asked.ParseFromString(notice.envelope().payload()));
      v1::DeletionAttestationStatement statement;
      statement.set_notice(notice.name());
      statement.set_notice_digest(notice.digest());
      statement.set_partner(asked.partner());
      registry::SetTime(now_, statement.mutable_attest_time());
      for (const auto& item : asked.items()) {
        v1::DeletionAttestationStatement::HandleOutcome& outcome = *statement.add_outcomes();
        outcome.set_handle(item.handle());
        outcome.set_result(v1::DeletionAttestationStatement::RESULT_DELETED);
        handles.push_back(item.handle());
      }
      v1::AttestDeletionRequest attest;
      attest.set_name(notice.name());
      const crypto::PrivateKey* const signers[] = {&attestation_key_};
      *attest.mutable_attestation() = revocation::ToProto(
          *crypto::DsseSign(revocation::kAttestationPayloadType, statement.SerializeAsString(), signers));
      Must(core_->attestations->AttestDeletion(carrier_, attest), "AttestDeletion");
    }
  }
}

int64_t World::OrdersOver() {
  return Must(retention_->Report(), "report").totals().closed_count();
}

int64_t World::Counted(const std::string& category) {
  int64_t counted = 0;
  for (const storage::StatisticsCellRow& row : Must(core_->store->ListStatistics({}, 100'000), "statistics")) {
    if (row.key.category == category) counted += row.tally.disclosure_count();
  }
  return counted;
}

}  // namespace postern::lifecycle
