#include "tests/unit/server/disclosure/gateway_fixture.h"

#include <utility>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "policy/retail/shop/v1/payment.pb.h"
#include "policy/retail/shop/v1/shipment.pb.h"
#include "proto/errors/error.h"
#include "proto/errors/rpc_status.h"
#include "server/audit/leaf.h"

namespace postern::disclosure {

GatewayFixture::GatewayFixture(MakeSink make_sink, size_t max_queued_entries,
                               const std::vector<std::pair<std::string, std::string>>& edit)
    : max_queued_entries_(max_queued_entries) {
  control = std::make_unique<registry::ControlFixture>(directory.path());
  control->Serve(edit);
  Open(make_sink);
}

GatewayFixture::~GatewayFixture() {
  Close();
}

void GatewayFixture::Open(const MakeSink& make_sink) {
  store = std::make_unique<storage::FaultyStore>(control->store.get());
  RefusalRecorderOptions recorder;
  recorder.interval = absl::Hours(1);  // flushed by the tests
  recorder.clock = clock();
  refusals = std::make_unique<RefusalRecorder>(store.get(), recorder);
  CommitterOptions committing;
  committing.clock = clock();
  committing.max_queued_entries = max_queued_entries_;
  committing.probe_interval = absl::Milliseconds(10);
  committing.on_serving = [this](bool now_serving) { serving.push_back(now_serving); };
  ReleaseSink* sink = make_sink ? make_sink(*this) : nullptr;
  committer = std::make_unique<Committer>(store.get(), control->keys.get(), sink, committing);
  DiscloserOptions options;
  options.log_origin = "shop.example/log";
  options.compare_one_in = 1;
  options.clock = clock();
  options.on_finding = [this](const std::string& partner, const std::string& path) {
    if (on_finding) on_finding(partner, path);
  };
  discloser = std::make_unique<Discloser>(&control->holder, &standings, store.get(), control->keys.get(),
                                          committer.get(), refusals.get(), options);
}

void GatewayFixture::Close() {
  committer.reset();
  discloser.reset();
  refusals.reset();
}

void GatewayFixture::Restart(const std::function<void()>& close_sink, MakeSink make_sink) {
  Close();
  if (close_sink) close_sink();
  store.reset();
  viewed_.reset();
  control.reset();
  control = std::make_unique<registry::ControlFixture>(directory.path(), now());
  Open(make_sink);
}

std::string GatewayFixture::NewRequestId() {
  return ids_.Next(now())->ToString();
}

v1::CreateDisclosureRequest GatewayFixture::Shipment(absl::string_view reference, uint64_t version,
                                                     std::vector<std::string> partners) {
  shop::v1::Shipment shipment;
  shipment.set_reference(std::string(reference));
  shipment.set_version(version);
  shipment.set_order_number(absl::StrCat("order-", reference));
  shipment.set_customer_id("customer-1");
  shipment.set_account_email("account@customer.example");
  shop::v1::Recipient& recipient = *shipment.mutable_recipient();
  recipient.set_name("Rosa Beispiel");
  recipient.set_phone("+41 44 000 00 00");
  recipient.set_minor(false);
  recipient.mutable_address()->set_street("Lange Gasse 1");
  recipient.mutable_address()->set_city("Basel");
  recipient.mutable_address()->set_postcode("4051");
  recipient.mutable_address()->set_country("CH");
  shipment.mutable_sender()->set_country("CH");
  shipment.set_recommendation_slot("slot-7");

  v1::CreateDisclosureRequest request;
  request.set_request_id(NewRequestId());
  request.mutable_record()->set_type("shop.v1.Shipment");
  request.mutable_record()->set_data(shipment.SerializeAsString());
  for (const std::string& name : partners) {
    v1::DisclosureTarget& target = *request.add_targets();
    target.set_partner(name);
    target.set_purpose("delivery");
  }
  return request;
}

v1::ExchangeRequest GatewayFixture::Payment(absl::string_view reference) {
  shop::v1::PaymentRequest payment;
  payment.set_payment_reference(std::string(reference));
  payment.set_order_number(absl::StrCat("order-", reference));
  payment.set_customer_id("customer-1");
  payment.mutable_amount()->set_currency("CHF");
  payment.mutable_amount()->set_minor_units(1250);
  payment.set_payment_token("token");
  payment.set_payer_name("Rosa Beispiel");
  v1::ExchangeRequest request;
  request.set_request_id(NewRequestId());
  request.mutable_record()->set_type("shop.v1.PaymentRequest");
  request.mutable_record()->set_data(payment.SerializeAsString());
  request.mutable_target()->set_partner(std::string(kClearPay));
  request.mutable_target()->set_purpose("settlement");
  return request;
}

absl::StatusOr<v1::CreateDisclosureResponse> GatewayFixture::Create(const v1::CreateDisclosureRequest& request) {
  absl::StatusOr<v1::CreateDisclosureResponse> result;
  absl::Notification answered;
  discloser->Create(shop(), request, [&](absl::StatusOr<v1::CreateDisclosureResponse> response) {
    result = std::move(response);
    answered.Notify();
  });
  answered.WaitForNotification();
  return result;
}

std::string GatewayFixture::Disclose(absl::string_view reference, uint64_t version) {
  const auto response = Create(Shipment(reference, version));
  EXPECT_TRUE(response.ok()) << response.status();
  if (!response.ok()) return "";
  EXPECT_FALSE(response->results(0).has_error()) << response->results(0).error().message();
  return response->results(0).disclosure().name();
}

absl::StatusOr<std::vector<v1::DisclosureAnswer>> GatewayFixture::CreateBatch(
    const std::vector<v1::CreateDisclosureRequest>& requests) {
  Discloser::Requests batch;
  for (const v1::CreateDisclosureRequest& request : requests) *batch.Add() = request;
  absl::StatusOr<std::vector<v1::DisclosureAnswer>> result;
  absl::Notification answered;
  discloser->CreateBatch(shop(), batch, [&](absl::StatusOr<BatchAnswers> answers) {
    if (answers.ok()) {
      result.emplace();
      for (const v1::DisclosureAnswer* answer : answers->answers) result->push_back(*answer);
    } else {
      result = answers.status();
    }
    answered.Notify();
  });
  answered.WaitForNotification();
  return result;
}

v1::ErrorReason GatewayFixture::RefusalOf(const v1::CreateDisclosureRequest& request) {
  const auto response = Create(request);
  if (!response.ok()) return ReasonOf(response.status());
  return ReasonOf(FromRpcStatus(response->results(0).error()));
}

identity::Principal GatewayFixture::shop() const {
  identity::Principal principal;
  principal.name = "storefront/shop.example";
  principal.roles = {identity::Role::kStorefront};
  principal.not_after = absl::InfiniteFuture();
  return principal;
}

identity::Principal GatewayFixture::partner(absl::string_view name) const {
  identity::Principal principal;
  principal.name = std::string(name);
  principal.partner = std::string(name);
  principal.roles = {identity::Role::kPartner};
  principal.not_after = absl::InfiniteFuture();
  return principal;
}

storage::PartnerId GatewayFixture::IdOf(absl::string_view name) const {
  return control->holder.Get()->FindPartner(name)->id;
}

const registry::PartnerView& GatewayFixture::View(absl::string_view name) {
  viewed_ = control->holder.Get();
  return *viewed_->FindPartner(name);
}

std::vector<v1::AuditEntry> GatewayFixture::Audit(v1::AuditEntry::Kind kind) {
  std::vector<v1::AuditEntry> entries;
  const auto leaves = control->store->ReadLeaves(0, 100000);
  EXPECT_TRUE(leaves.ok()) << leaves.status();
  for (const std::string& bytes : *leaves) {
    const auto leaf = audit::DecodeLeaf(bytes);
    v1::AuditEntry entry;
    EXPECT_TRUE(leaf.ok() && entry.ParseFromString(leaf->metadata));
    if (entry.kind() == kind) entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace postern::disclosure
