#include "tests/integration/lifecycle/world.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "proto/errors/error.h"
#include "server/crypto/dsse.h"
#include "server/registry/times.h"
#include "server/revocation/notice.h"
#include "tests/support/retail_bundle.h"
#include "tests/support/retail_shop.h"

namespace postern::lifecycle {
namespace {

constexpr char kCarrier[] = "partners/swift-parcel";
constexpr char kCategory[] = "alternative_recipient";
// Stands in no policy.
constexpr char kNeighbour[] = "The people next door";

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

v1::SubjectRef GuardianOf(int person) {
  v1::SubjectRef ref;
  ref.set_id(absl::StrCat("guardian-", person));
  return ref;
}

std::string NameOfReason(const absl::Status& status) {
  return v1::ErrorReason_Name(postern::ReasonOf(status));
}

std::unique_ptr<testing::TestGateway> MakeFiles(World::Files files) {
  constexpr char kMemory[] = "/dev/shm";
  if (files == World::Files::kOnDisk || !std::filesystem::is_directory(kMemory)) {
    return std::make_unique<testing::TestGateway>();
  }
  const char* const before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  setenv("TMPDIR", kMemory, 1);
  auto made = std::make_unique<testing::TestGateway>();
  before == nullptr ? unsetenv("TMPDIR") : setenv("TMPDIR", kept.c_str(), 1);
  return made;
}

std::string ReasonOf(const google::rpc::Status& status) {
  for (const auto& detail : status.details()) {
    google::rpc::ErrorInfo info;
    if (detail.UnpackTo(&info)) return info.reason();
  }
  return "";
}

World::Disclosed DisclosedOf(const v1::TargetResult& result) {
  if (!result.has_disclosure()) return {"", "", ReasonOf(result.error())};
  return {result.disclosure().name(), result.disclosure().handle(), ""};
}

}  // namespace

World::World(Files files)
    : files_(MakeFiles(files)), attestation_key_(*crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEd25519)) {
  // Set up over the API, then taken over: from here on the clock is the test's.
  files_->Start();
  files_->CreatePartner("swift-parcel", "logistics", attestation_key_.public_key().ToPem());
  files_->CreatePartner("nordic-freight", "logistics");
  files_->CreatePartner("clear-pay", "payment");
  v1::PolicyBundle bundle = testing::RetailBundle();
  const char* const contract = "contracts/swift-parcel.txtpb";
  testing::EditFile(&bundle, contract, "expires_on: \"2028-12-31\"", "expires_on: \"2099-12-31\"");
  testing::EditFile(&bundle, contract, "expires_on: \"2028-06-30\"", "expires_on: \"2099-06-30\"");
  testing::EditFile(&bundle, contract, "max_pending_hours: 72", "max_pending_hours: 8760");
  files_->ApplyBundle(bundle, {"swift-parcel"});
  files_->process().Signal(SIGTERM);
  files_->process().Wait(absl::Seconds(20));
  config_ = Must(gateway::LoadConfig(files_->config_path()), "LoadConfig");
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

void World::CrashAt(const std::string& failpoint) {
  crashed_ = false;
  crash_.emplace(failpoint, [this] { return !crashed_.exchange(true); });
}

bool World::Crashed() {
  crash_.reset();
  return crashed_.exchange(false);
}

template <typename T>
std::optional<T> World::Value(absl::StatusOr<T> result, const char* what) {
  if (!result.ok() && crashed_) return std::nullopt;
  return Must(std::move(result), what);
}

bool World::Done(const absl::Status& status, const char* what) {
  if (!status.ok() && crashed_) return false;
  Must(status, what);
  return true;
}

v1::CreateDisclosureRequest World::RequestFor(int person, int order, uint64_t version) {
  shop::v1::Shipment shipment = testing::PlainShipment(absl::StrCat("R-", order));
  shipment.set_version(version);
  shipment.set_customer_id(absl::StrCat("person-", person));
  shipment.mutable_recipient()->clear_phone();
  shipment.mutable_recipient()->mutable_address()->set_street(absl::StrCat("Street ", version));
  shipment.mutable_preferences()->set_alternative_recipient(kNeighbour);
  v1::CreateDisclosureRequest request =
      testing::RetailShop::RequestFor(testing::RecordOf(shipment), "swift-parcel", "delivery");
  request.set_request_id(Must(ids_.Next(now_), "Next").ToString());
  return request;
}

World::Disclosed World::Disclose(int person, int order, uint64_t version) {
  const v1::CreateDisclosureRequest request = RequestFor(person, order, version);
  absl::StatusOr<v1::CreateDisclosureResponse> response;
  absl::Notification done;
  core_->discloser->Create(shop_, request, [&](absl::StatusOr<v1::CreateDisclosureResponse> answer) {
    response = std::move(answer);
    done.Notify();
  });
  done.WaitForNotification();
  return DisclosedOf(Must(std::move(response), "Create").results(0));
}

std::vector<World::Disclosed> World::DiscloseAll(const std::vector<Sale>& sales) {
  disclosure::Discloser::Requests requests;
  for (const Sale& sale : sales) *requests.Add() = RequestFor(sale.person, sale.order);
  absl::StatusOr<disclosure::BatchAnswers> answered;
  absl::Notification done;
  core_->discloser->CreateBatch(shop_, requests, [&](absl::StatusOr<disclosure::BatchAnswers> answers) {
    answered = std::move(answers);
    done.Notify();
  });
  done.WaitForNotification();
  const disclosure::BatchAnswers answers = Must(std::move(answered), "CreateBatch");
  std::vector<Disclosed> disclosed;
  for (const v1::DisclosureAnswer* answer : answers.answers) {
    disclosed.push_back(answer->results().empty() ? Disclosed{"", "", ReasonOf(answer->status())}
                                                  : DisclosedOf(answer->results(0)));
  }
  return disclosed;
}

World::Disclosed World::Rectify(int person, int order, uint64_t version) {
  if (!interrupted_) {
    const v1::CreateDisclosureRequest corrected = RequestFor(person, order, version);
    interrupted_.emplace();
    *interrupted_->mutable_record() = corrected.record();
    interrupted_->set_request_id(corrected.request_id());
  }
  const absl::StatusOr<v1::RectifyRecordResponse> response = core_->rectifier->Rectify(shop_, *interrupted_);
  if (!response.ok() && crashed_) return {};
  interrupted_.reset();
  if (!response.ok()) return {"", "", NameOfReason(response.status())};
  return DisclosedOf(response->results(0));
}

std::vector<World::Received> World::Receive(int count) {
  std::vector<Received> received;
  struct Ready {
    absl::Mutex mutex;
    bool now = false;
  };
  const auto ready = std::make_shared<Ready>();
  const auto session = Must(core_->hub->OpenSession(carrier_, {[ready] {
                                                                 absl::MutexLock lock(&ready->mutex);
                                                                 ready->now = true;
                                                               },
                                                               [](const absl::Status&) {}}),
                            "OpenSession");
  v1::ReceiveRequest credit;
  credit.set_add_records(count + 1);
  credit.set_add_bytes(int64_t{1} << 30);
  Must(session->OnRequest(credit), "credit");
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  for (;;) {
    auto batch = Must(session->Next(), "Next");
    if (!batch) {
      if (static_cast<int>(received.size()) >= count || absl::Now() > deadline) break;
      absl::MutexLock lock(&ready->mutex);
      ready->mutex.AwaitWithTimeout(absl::Condition(&ready->now), absl::Milliseconds(20));
      ready->now = false;
      continue;
    }
    batch->pass.Release();
    v1::ReceiveRequest acknowledge;
    for (const v1::DeliveredRecord& record : batch->response->records()) {
      shop::v1::Shipment shipment;
      EXPECT_TRUE(shipment.ParseFromString(record.record().data()));
      received.push_back({record.handle(), shipment.reference(), record.record_version(),
                          shipment.preferences().alternative_recipient() == kNeighbour});
      v1::DeliveryRange* range = acknowledge.add_acknowledged();
      range->set_first(record.delivery());
      range->set_last(record.delivery());
    }
    Must(session->OnRequest(acknowledge), "acknowledge");
  }
  session->End();
  Must(core_->hub->settler()->Flush(), "Flush");
  return received;
}

v1::DisclosureState World::StateOf(const std::string& disclosure) {
  v1::GetDisclosureRequest request;
  request.set_name(disclosure);
  return Must(core_->reader->Get(request), "GetDisclosure").state();
}

std::string World::SetConsent(int person, bool granted, bool by_guardian) {
  v1::SetConsentRequest request;
  *request.mutable_subject() = Person(person);
  if (by_guardian) *request.mutable_guardian() = GuardianOf(person);
  request.mutable_scope()->set_category(kCategory);
  request.set_granted(granted);
  const auto response = core_->subjects->SetConsent(shop_, request);
  return response.ok() || crashed_ ? "" : NameOfReason(response.status());
}

void World::SetRestricted(int person, bool restricted) {
  v1::SetRestrictionRequest request;
  *request.mutable_subject() = Person(person);
  request.mutable_scope()->set_purpose("delivery");
  request.set_restricted(restricted);
  request.set_ground(v1::Restriction::GROUND_OBJECTION);
  Value(core_->subjects->SetRestriction(shop_, request), "SetRestriction");
}

void World::LinkGuardian(int person, int days) {
  v1::SetGuardianRequest request;
  *request.mutable_subject() = Person(person);
  *request.mutable_guardian() = GuardianOf(person);
  request.set_evidence("family register");
  if (days > 0) request.set_until(absl::FormatCivilTime(registry::UtcDay(now_) + days));
  Value(core_->subjects->SetGuardian(shop_, request), "SetGuardian");
}

void World::PlaceHold(int person, absl::Duration duration) {
  v1::PlaceLegalHoldRequest request;
  *request.mutable_subject() = Person(person);
  request.mutable_legal_hold()->set_id("case");
  request.mutable_legal_hold()->set_ground("proceedings");
  registry::SetTime(absl::FromUnixSeconds(now()) + duration, request.mutable_legal_hold()->mutable_end_time());
  Value(core_->subjects->PlaceLegalHold(shop_, request), "PlaceLegalHold");
}

void World::ReleaseHold(int person) {
  v1::ReleaseLegalHoldRequest request;
  *request.mutable_subject() = Person(person);
  request.set_id("case");
  Value(core_->subjects->ReleaseLegalHold(shop_, request), "ReleaseLegalHold");
}

void World::CloseAfterSales(int order) {
  v1::ReportOrderEventRequest request;
  request.set_order_id(absl::StrCat("order-R-", order));
  request.set_event(v1::ORDER_EVENT_AFTER_SALES_CLOSED);
  registry::SetTime(now_, request.mutable_event_time());
  Must(core_->reader->ReportOrderEvent(shop_, request), "ReportOrderEvent");
}

World::Asked World::Erase(int person, bool by_guardian) {
  v1::CreateSubjectRequestRequest create;
  *create.mutable_subject() = Person(person);
  if (by_guardian) *create.mutable_guardian() = GuardianOf(person);
  create.set_kind(v1::SubjectRequest::KIND_ERASURE);
  create.set_request_id(Must(ids_.Next(now_), "Next").ToString());
  create.mutable_verification()->set_method("account login");
  const auto created = core_->requests->Create(shop_, create);
  if (!created.ok()) return {"", v1::SubjectRequest::STATE_UNSPECIFIED, NameOfReason(created.status())};
  v1::RunSubjectRequestRequest run;
  run.set_name(created->name());
  const auto ran = Value(core_->requests->Run(shop_, run), "RunSubjectRequest");
  return {created->name(), ran ? ran->state() : v1::SubjectRequest::STATE_UNSPECIFIED, ""};
}

v1::SubjectRequest::State World::StateOfRequest(const std::string& name) {
  v1::GetSubjectRequestRequest get;
  get.set_name(name);
  return Must(core_->requests->Get(get), "GetSubjectRequest").state();
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
  if (!Done(core_->requests->RunOnce(), "requests")) return;
  if (!Value(retention_->Run("gateway"), "retention")) return;
  if (!Value(core_->campaigns->RunOnce(), "campaigns")) return;
  Done(core_->statistics_counter->RunOnce(), "statistics");
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

bool World::FilesHold(const std::string& bytes) {
  for (const auto& file : std::filesystem::recursive_directory_iterator(files_->data_dir())) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    const std::string held{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (held.find(bytes) != std::string::npos) return true;
  }
  return false;
}

}  // namespace postern::lifecycle
