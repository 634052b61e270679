#include "tests/integration/rights/rights_fixture.h"

#include <csignal>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "server/crypto/dsse.h"
#include "server/registry/times.h"
#include "server/revocation/notice.h"
#include "tests/support/retail_bundle.h"

namespace postern::testing {
namespace {

v1::SubjectRef Customer(const std::string& customer) {
  v1::SubjectRef ref;
  ref.set_id(customer);
  return ref;
}

}  // namespace

RightsTest::RightsTest(const std::string& extra_config)
    : gateway_(extra_config), attestation_key_(*crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEd25519)) {
  gateway_.Start();
  gateway_.CreatePartner(kCarrier, "logistics", attestation_key_.public_key().ToPem());
  gateway_.CreatePartner("nordic-freight", "logistics");
  gateway_.CreatePartner("clear-pay", "payment");
  gateway_.ApplyRetailBundle({kCarrier});
  Connect();
}

void RightsTest::Connect() {
  shop_ = v1::StorefrontService::NewStub(gateway_.Storefront());
  rights_ = v1::SubjectRightsService::NewStub(gateway_.Storefront());
  partner_ = v1::PartnerService::NewStub(gateway_.PartnerChannel(kCarrier));
}

void RightsTest::Restart(const std::string& failpoints) {
  if (gateway_.process().Wait(absl::ZeroDuration()) == -1) gateway_.process().Signal(SIGKILL);
  AwaitDeath();
  if (!failpoints.empty()) setenv("POSTERN_FAILPOINTS", failpoints.c_str(), 1);
  gateway_.Restart();
  unsetenv("POSTERN_FAILPOINTS");
  Connect();
}

void RightsTest::AwaitDeath() {
  EXPECT_EQ(gateway_.process().Wait(absl::Seconds(10)), 128 + SIGKILL);
}

v1::CreateDisclosureRequest RightsTest::Shipment(const std::string& reference, const std::string& customer,
                                                 uint64_t version) {
  v1::CreateDisclosureRequest request;
  v1::Record record = ShipmentRecord(reference, version, "canary");
  shop::v1::Shipment shipment;
  shipment.ParseFromString(record.data());
  shipment.set_customer_id(customer);
  shipment.mutable_recipient()->clear_phone();
  shipment.mutable_preferences()->set_alternative_recipient("Neighbour");
  *request.mutable_record() = std::move(record);
  request.mutable_record()->set_data(shipment.SerializeAsString());
  v1::DisclosureTarget* target = request.add_targets();
  target->set_partner(absl::StrCat("partners/", kCarrier));
  target->set_purpose("delivery");
  request.set_request_id(NewRequestId());
  return request;
}

std::string RightsTest::ReasonOf(const google::rpc::Status& status) {
  for (const auto& detail : status.details()) {
    google::rpc::ErrorInfo info;
    if (detail.UnpackTo(&info)) return info.reason();
  }
  return "";
}

RightsTest::Outcome RightsTest::Disclose(const v1::CreateDisclosureRequest& request) {
  v1::CreateDisclosureResponse response;
  const grpc::Status status = shop_->CreateDisclosure(Deadline().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  Outcome outcome;
  if (response.results_size() != 1) return outcome;
  outcome.disclosure = response.results(0).disclosure();
  if (response.results(0).has_error()) outcome.reason = ReasonOf(response.results(0).error());
  return outcome;
}

std::vector<shop::v1::Shipment> RightsTest::Receive(int count) {
  std::vector<shop::v1::Shipment> shipments;
  const auto context = Deadline(absl::Seconds(20));
  const auto stream = partner_->Receive(context.get());
  v1::ReceiveRequest credit;
  credit.set_add_records(count);
  credit.set_add_bytes(1 << 20);
  stream->Write(credit);
  v1::ReceiveResponse received;
  while (static_cast<int>(shipments.size()) < count && stream->Read(&received)) {
    v1::ReceiveRequest acknowledge;
    for (const v1::DeliveredRecord& record : received.records()) {
      EXPECT_TRUE(shipments.emplace_back().ParseFromString(record.record().data()));
      v1::DeliveryRange* range = acknowledge.add_acknowledged();
      range->set_first(record.delivery());
      range->set_last(record.delivery());
    }
    if (acknowledge.acknowledged_size() > 0) stream->Write(acknowledge);
  }
  stream->WritesDone();
  while (stream->Read(&received)) {
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(static_cast<int>(shipments.size()), count);
  // So that a test which fails can go on to index it.
  shipments.resize(count);
  return shipments;
}

v1::DisclosureState RightsTest::StateOf(const std::string& disclosure) {
  v1::GetDisclosureRequest request;
  request.set_name(disclosure);
  v1::Disclosure found;
  const grpc::Status status = shop_->GetDisclosure(Deadline().get(), request, &found);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return found.state();
}

void RightsTest::ReportOrder(const std::string& order, v1::OrderEvent event, absl::Time time) {
  v1::ReportOrderEventRequest request;
  request.set_order_id(order);
  request.set_event(event);
  registry::SetTime(time, request.mutable_event_time());
  v1::ReportOrderEventResponse response;
  const grpc::Status status = shop_->ReportOrderEvent(Deadline().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

v1::SetConsentResponse RightsTest::SetConsent(const std::string& customer, bool granted) {
  v1::SetConsentRequest request;
  *request.mutable_subject() = Customer(customer);
  request.mutable_scope()->set_category("alternative_recipient");
  request.set_granted(granted);
  v1::SetConsentResponse response;
  const grpc::Status status = rights_->SetConsent(Deadline().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

v1::SetRestrictionResponse RightsTest::Restrict(const std::string& customer, const std::string& purpose,
                                                bool restricted) {
  v1::SetRestrictionRequest request;
  *request.mutable_subject() = Customer(customer);
  request.mutable_scope()->set_purpose(purpose);
  request.set_restricted(restricted);
  request.set_ground(v1::Restriction::GROUND_OBJECTION);
  v1::SetRestrictionResponse response;
  const grpc::Status status = rights_->SetRestriction(Deadline().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

v1::SubjectRequest RightsTest::Ask(const std::string& customer, v1::SubjectRequest::Kind kind, bool verified) {
  v1::CreateSubjectRequestRequest request;
  *request.mutable_subject() = Customer(customer);
  request.set_kind(kind);
  request.set_request_id(NewRequestId());
  if (verified) request.mutable_verification()->set_method("account login and second factor");
  v1::SubjectRequest created;
  const grpc::Status status = rights_->CreateSubjectRequest(Deadline().get(), request, &created);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return created;
}

grpc::Status RightsTest::Run(const std::string& name, v1::SubjectRequest* request) {
  v1::RunSubjectRequestRequest run;
  run.set_name(name);
  return rights_->RunSubjectRequest(Deadline(absl::Seconds(20)).get(), run, request);
}

v1::SubjectRequest RightsTest::Get(const std::string& name) {
  v1::GetSubjectRequestRequest request;
  request.set_name(name);
  v1::SubjectRequest found;
  const grpc::Status status = rights_->GetSubjectRequest(Deadline().get(), request, &found);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return found;
}

v1::SubjectRequest RightsTest::Await(const std::string& name, v1::SubjectRequest::State state) {
  v1::SubjectRequest request = Get(name);
  for (int i = 0; i < 100 && request.state() != state; ++i) {
    absl::SleepFor(absl::Milliseconds(100));
    request = Get(name);
  }
  EXPECT_EQ(request.state(), state) << request.ShortDebugString();
  return request;
}

v1::SubjectRequest RightsTest::AwaitEffective(const std::string& name) {
  v1::SubjectRequest request = Get(name);
  for (int i = 0; i < 100 && !request.has_effective_time(); ++i) {
    absl::SleepFor(absl::Milliseconds(100));
    request = Get(name);
  }
  EXPECT_TRUE(request.has_effective_time()) << request.ShortDebugString();
  return request;
}

v1::ListDeletionNoticesResponse RightsTest::OpenNotices() {
  v1::ListDeletionNoticesRequest request;
  request.set_page_size(100);
  request.set_open_only(true);
  v1::ListDeletionNoticesResponse response;
  const grpc::Status status = partner_->ListDeletionNotices(Deadline().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

std::vector<v1::DeletionNoticeStatement> RightsTest::Notices() {
  const v1::ListDeletionNoticesResponse response = OpenNotices();
  std::vector<v1::DeletionNoticeStatement> statements;
  for (const v1::DeletionNotice& notice : response.notices()) {
    EXPECT_TRUE(statements.emplace_back().ParseFromString(notice.envelope().payload()));
  }
  return statements;
}

int RightsTest::AnswerNotices() {
  const v1::ListDeletionNoticesResponse response = OpenNotices();
  int handles = 0;
  for (const v1::DeletionNotice& notice : response.notices()) {
    v1::DeletionNoticeStatement asked;
    asked.ParseFromString(notice.envelope().payload());
    v1::DeletionAttestationStatement statement;
    statement.set_notice(notice.name());
    statement.set_notice_digest(notice.digest());
    statement.set_partner(asked.partner());
    registry::SetTime(absl::Now(), statement.mutable_attest_time());
    for (const auto& item : asked.items()) {
      v1::DeletionAttestationStatement::HandleOutcome& outcome = *statement.add_outcomes();
      outcome.set_handle(item.handle());
      outcome.set_result(v1::DeletionAttestationStatement::RESULT_DELETED);
      ++handles;
    }
    v1::AttestDeletionRequest attest;
    attest.set_name(notice.name());
    const crypto::PrivateKey* const signers[] = {&attestation_key_};
    *attest.mutable_attestation() = revocation::ToProto(
        *crypto::DsseSign(revocation::kAttestationPayloadType, statement.SerializeAsString(), signers));
    v1::AttestDeletionResponse attested;
    const grpc::Status status = partner_->AttestDeletion(Deadline().get(), attest, &attested);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  return handles;
}

}  // namespace postern::testing
