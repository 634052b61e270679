// A notice that cannot be answered says why, and keeps none of the others.
#include "client/partner/deletion_responder.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

namespace postern::client {
namespace {

constexpr char kPartner[] = "partners/swift-parcel";

std::string Drain(BIO* memory) {
  char* text = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(memory, &text));
  std::string content(text, size);
  BIO_free(memory);
  return content;
}

struct KeyPair {
  KeyPair() {
    EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    private_pem = Drain(out);
    out = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(out, key);
    public_pem = Drain(out);
    EVP_PKEY_free(key);
  }
  std::string private_pem;
  std::string public_pem;
};

std::string Sign(const std::string& private_pem, const std::string& payload) {
  const std::string type(kNoticePayloadType);
  const std::string message =
      "DSSEv1 " + std::to_string(type.size()) + " " + type + " " + std::to_string(payload.size()) + " " + payload;
  BIO* in = BIO_new_mem_buf(private_pem.data(), static_cast<int>(private_pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::string signature(64, '\0');
  size_t size = signature.size();
  EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key);
  EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                 reinterpret_cast<const unsigned char*>(message.data()), message.size());
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  BIO_free(in);
  return signature;
}

// Has the notices that the test gives it, and notes what was answered.
class FakeGateway final : public v1::PartnerService::Service {
 public:
  FakeGateway() {
    grpc::ServerBuilder builder;
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeGateway() override { server_->Shutdown(std::chrono::system_clock::now()); }
  std::shared_ptr<grpc::Channel> Channel() { return server_->InProcessChannel(grpc::ChannelArguments()); }

  void AddNotice(const std::string& name, const std::string& partner, const std::string& private_pem) {
    v1::DeletionNoticeStatement statement;
    statement.set_notice(name);
    statement.set_partner(partner);
    statement.add_items()->set_handle("handle");
    v1::DeletionNotice& notice = *notices.add_notices();
    notice.set_name(name);
    notice.mutable_envelope()->set_payload_type(std::string(kNoticePayloadType));
    notice.mutable_envelope()->set_payload(statement.SerializeAsString());
    notice.mutable_envelope()->add_signatures()->set_signature(Sign(private_pem, notice.envelope().payload()));
  }

  v1::ListDeletionNoticesResponse notices;
  std::vector<std::string> acknowledged;
  std::vector<std::string> attested;
  v1::SignedEnvelope last;  // attestation

 private:
  grpc::Status ListDeletionNotices(grpc::ServerContext*, const v1::ListDeletionNoticesRequest*,
                                   v1::ListDeletionNoticesResponse* response) override {
    *response = notices;
    return grpc::Status::OK;
  }
  grpc::Status AcknowledgeDeletionNotice(grpc::ServerContext*, const v1::AcknowledgeDeletionNoticeRequest* request,
                                         v1::AcknowledgeDeletionNoticeResponse*) override {
    acknowledged.push_back(request->name());
    return grpc::Status::OK;
  }
  grpc::Status AttestDeletion(grpc::ServerContext*, const v1::AttestDeletionRequest* request,
                              v1::AttestDeletionResponse*) override {
    attested.push_back(request->name());
    last = request->attestation();
    return grpc::Status::OK;
  }

  std::unique_ptr<grpc::Server> server_;
};

TEST(DeletionResponderTest, SaysWhyANoticeStaysOpenAndAnswersTheOthers) {
  const KeyPair gateway_key;
  const KeyPair partner_key;
  FakeGateway gateway;
  gateway.AddNotice("notices/forged", kPartner, partner_key.private_pem);
  gateway.AddNotice("notices/foreign", "partners/nordic-freight", gateway_key.private_pem);
  gateway.AddNotice("notices/sound", kPartner, gateway_key.private_pem);
  int deleted = 0;
  DeletionResponder responder(gateway.Channel(), kPartner, *verify::PublicKey::FromPem(gateway_key.public_pem),
                              *AttestationSigner::Create("2026", partner_key.private_pem), [&deleted](const auto&) {
                                ++deleted;
                                return DeletionResult{v1::DeletionAttestationStatement::RESULT_DELETED, "", {}};
                              });
  const auto progress = responder.AnswerOpenNotices();
  ASSERT_TRUE(progress.ok()) << progress.status();
  EXPECT_EQ(deleted, 1);
  EXPECT_EQ(gateway.acknowledged, std::vector<std::string>{"notices/sound"});
  EXPECT_EQ(gateway.attested, std::vector<std::string>{"notices/sound"});
  EXPECT_EQ(progress->notices, 1);
  ASSERT_EQ(progress->open.size(), 2u);
  EXPECT_EQ(progress->open.at("notices/forged").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(progress->open.at("notices/foreign").message(), "the notice is for another name or partner");
}

TEST(DeletionResponderTest, AmendsWhatIsNotKeptAnyMore) {
  const KeyPair gateway_key;
  FakeGateway gateway;
  gateway.AddNotice("notices/kept", kPartner, gateway_key.private_pem);
  gateway.AddNotice("notices/done", kPartner, gateway_key.private_pem);
  using Attestation = v1::DeletionAttestationStatement;
  const absl::Time until = absl::FromUnixSeconds(1'900'000'000);
  DeletionResult now{Attestation::RESULT_EXEMPTED, "customs law", until};
  DeletionResponder responder(gateway.Channel(), kPartner, *verify::PublicKey::FromPem(gateway_key.public_pem),
                              *AttestationSigner::Create("2026", KeyPair().private_pem),
                              [&now](const auto&) { return now; });
  Attestation before;
  auto& outcome = *before.add_outcomes();
  outcome.set_handle("handle");
  outcome.set_result(Attestation::RESULT_DELETED);
  gateway.notices.mutable_notices(1)->mutable_attestation()->set_payload(before.SerializeAsString());
  outcome.set_result(Attestation::RESULT_EXEMPTED);
  outcome.set_ground("customs law");
  outcome.mutable_until()->set_seconds(absl::ToUnixSeconds(until));
  gateway.notices.mutable_notices(0)->mutable_attestation()->set_payload(before.SerializeAsString());

  auto progress = responder.AmendExemptions();
  ASSERT_TRUE(progress.ok()) << progress.status();
  EXPECT_TRUE(gateway.attested.empty()) << "nothing has changed";

  now = DeletionResult{Attestation::RESULT_NOT_FOUND, "", {}};
  progress = responder.AmendExemptions();
  ASSERT_TRUE(progress.ok()) << progress.status();
  EXPECT_EQ(gateway.attested, std::vector<std::string>{"notices/kept"});
  EXPECT_EQ(progress->handles, 1);
  Attestation amended;
  ASSERT_TRUE(amended.ParseFromString(gateway.last.payload()));
  EXPECT_EQ(amended.amends().size(), 32u);
  ASSERT_EQ(amended.outcomes_size(), 1);
  EXPECT_EQ(amended.outcomes(0).result(), Attestation::RESULT_DELETED) << "what was kept and is gone was deleted";
  EXPECT_FALSE(amended.outcomes(0).has_until());
}

TEST(DeletionResponderTest, AHandlerThatFailsLeavesTheNoticeOpenWithItsReason) {
  const KeyPair gateway_key;
  FakeGateway gateway;
  gateway.AddNotice("notices/sound", kPartner, gateway_key.private_pem);
  DeletionResponder responder(
      gateway.Channel(), kPartner, *verify::PublicKey::FromPem(gateway_key.public_pem),
      *AttestationSigner::Create("2026", KeyPair().private_pem),
      [](const auto&) -> absl::StatusOr<DeletionResult> { return absl::UnavailableError("the warehouse is closed"); });
  const auto progress = responder.AnswerOpenNotices();
  ASSERT_TRUE(progress.ok()) << progress.status();
  EXPECT_EQ(progress->open.at("notices/sound"), absl::UnavailableError("the warehouse is closed"));
  EXPECT_TRUE(gateway.attested.empty());
}

}  // namespace
}  // namespace postern::client
