#include "tests/integration/delivery/delivery_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "tests/support/retail_bundle.h"

namespace postern::testing {
namespace {

// A port that nothing listens on now.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(fd);
  return ntohs(address.sin_port);
}

}  // namespace

client::Handled Inbox::Take(const v1::DeliveredRecord& record) {
  const auto free = [this] {
    mutex_.AssertReaderHeld();
    return !hold_;
  };
  absl::MutexLock lock(&mutex_);
  records_.push_back(record);
  mutex_.Await(absl::Condition(&free));
  return handled_;
}

void Inbox::Answer(client::Handled handled) {
  absl::MutexLock lock(&mutex_);
  handled_ = handled;
}

void Inbox::Hold(bool hold) {
  absl::MutexLock lock(&mutex_);
  hold_ = hold;
}

std::vector<v1::DeliveredRecord> Inbox::records() const {
  absl::MutexLock lock(&mutex_);
  return records_;
}

std::vector<v1::DeliveredRecord> Inbox::Await(size_t count) const {
  const auto enough = [this, count] {
    mutex_.AssertReaderHeld();
    return records_.size() >= count;
  };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(20));
  return records_;
}

void OutboundFixture::Open(const std::string& channel, const std::string& encryption_key_pem) {
  gateway_.Start();
  port_ = FreePort();
  v1::PartnerEndpoint endpoint;
  endpoint.set_id("orders");
  endpoint.set_address(absl::StrCat("127.0.0.1:", port_));
  endpoint.set_trust_bundle_pem(gateway_.pki().CaPem(kCarrier));
  endpoint.set_server_san("localhost");
  gateway_.CreatePartner(kCarrier, "logistics", "", {endpoint});
  alice_ = v1::OperatorService::NewStub(gateway_.Person("alice"));
  if (!encryption_key_pem.empty()) {
    v1::UpdatePartnerRequest update;
    *update.mutable_partner() = Partner();
    v1::EncryptionKey& key = *update.mutable_partner()->add_encryption_keys();
    key.set_key_id("2026");
    key.set_public_key_pem(encryption_key_pem);
    v1::Partner updated;
    const grpc::Status status = alice_->UpdatePartner(Deadline().get(), update, &updated);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  gateway_.CreatePartner(kOther, "logistics");
  gateway_.CreatePartner("clear-pay", "payment");
  v1::PolicyBundle bundle = RetailBundle();
  for (v1::PolicyBundle::SourceFile& file : *bundle.mutable_files()) {
    if (file.text().find("partners/swift-parcel/contracts") == std::string::npos) continue;
    file.set_text(absl::StrReplaceAll(file.text(), {{"receive {}", channel}}));
  }
  gateway_.ApplyBundle(bundle, {kCarrier, kOther});
  shop_ = v1::StorefrontService::NewStub(gateway_.Storefront());
}

void OutboundFixture::Serve() {
  const KeyPairPem pair = gateway_.pki().Server(kCarrier);
  client::PushReceiverOptions options;
  options.address = absl::StrCat("127.0.0.1:", port_);
  options.partner = absl::StrCat("partners/", kCarrier);
  options.endpoint = "orders";
  options.gateway_san = "spiffe://shop.test/gateway";
  options.certificate_chain = pair.certificate;
  options.private_key = pair.private_key;
  options.gateway_trust_bundle = gateway_.pki().CaPem("gateway");
  auto receiver =
      client::PushReceiver::Start(options, [this](const v1::DeliveredRecord& record) { return inbox_.Take(record); });
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  receiver_ = *std::move(receiver);
}

std::string OutboundFixture::Disclose(const std::string& reference, uint64_t version) {
  v1::CreateDisclosureRequest request;
  *request.mutable_record() = ShipmentRecord(reference, version, "canary");
  v1::DisclosureTarget& target = *request.add_targets();
  target.set_partner(absl::StrCat("partners/", kCarrier));
  target.set_purpose("delivery");
  request.set_request_id(NewRequestId());
  v1::CreateDisclosureResponse response;
  const grpc::Status status = shop_->CreateDisclosure(Deadline().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(response.results_size() == 1 && response.results(0).has_disclosure()) << response.ShortDebugString();
  return response.results_size() == 1 ? response.results(0).disclosure().name() : "";
}

v1::Disclosure OutboundFixture::Get(const std::string& disclosure) {
  v1::GetDisclosureRequest request;
  request.set_name(disclosure);
  v1::Disclosure response;
  const grpc::Status status = shop_->GetDisclosure(Deadline().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

bool OutboundFixture::Becomes(const std::string& disclosure, v1::DisclosureState state) {
  for (int i = 0; i < 200; ++i) {
    if (Get(disclosure).state() == state) return true;
    absl::SleepFor(absl::Milliseconds(50));
  }
  ADD_FAILURE() << disclosure << " is " << v1::DisclosureState_Name(Get(disclosure).state());
  return false;
}

v1::TerminatePartnerResponse OutboundFixture::Terminate() {
  v1::TerminatePartnerRequest request;
  request.set_name(absl::StrCat("partners/", kCarrier));
  request.set_etag(Partner().etag());
  request.set_confirm(request.name());
  request.set_reason("operator");
  v1::TerminatePartnerResponse response;
  const grpc::Status status = alice_->TerminatePartner(Deadline().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

v1::Partner OutboundFixture::Partner() {
  v1::GetPartnerRequest request;
  request.set_name(absl::StrCat("partners/", kCarrier));
  v1::Partner partner;
  const grpc::Status status = alice_->GetPartner(Deadline().get(), request, &partner);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return partner;
}

}  // namespace postern::testing
