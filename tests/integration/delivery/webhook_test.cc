// Webhooks from a running gateway to the example partner in Node.js, which verifies them with the public package
// "standardwebhooks".
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/integration/delivery/delivery_fixture.h"

namespace postern::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::string Channel(const std::string& signature) {
  return absl::StrCat("webhook { endpoint: \"orders\" path: \"/postern/in?v=1\" timeout_ms: 3000 signature: ",
                      signature, " allow_private_addresses: true }");
}

class WebhookTest : public OutboundFixture {
 protected:
  ~WebhookTest() override {
    if (node_ <= 0) return;
    kill(node_, SIGKILL);
    waitpid(node_, nullptr, 0);
  }

  v1::IssueWebhookSecretResponse IssueSecret() {
    v1::IssueWebhookSecretRequest request;
    request.set_name(absl::StrCat("partners/", kCarrier));
    request.set_endpoint("orders");
    v1::IssueWebhookSecretResponse response;
    const grpc::Status status = alice_->IssueWebhookSecret(Deadline().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  // The partner's server, with a certificate of this CA. It lets in nobody but the gateway.
  void StartNode(const std::string& ca = kCarrier) {
    gateway_.WritePair("webhook", gateway_.pki().Server(ca));
    WriteWholeFile(gateway_.Path("gateway-ca.crt"), gateway_.pki().CaPem("gateway"));
    std::vector<std::string> arguments = {"node",
                                          POSTERN_NODE_WEBHOOK,
                                          absl::StrCat("--port=", port_),
                                          "--cert=" + gateway_.Path("webhook.crt"),
                                          "--key=" + gateway_.Path("webhook.key"),
                                          absl::StrCat("--partner=partners/", kCarrier),
                                          "--folder=" + Folder(),
                                          "--secret-file=" + gateway_.Path("secret"),
                                          "--gateway-ca=" + gateway_.Path("gateway-ca.crt"),
                                          "--rehearsal-file=" + gateway_.Path("rehearsal")};
    if (!decryption_key_.empty()) arguments.push_back("--decryption-key=" + decryption_key_);
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const std::string log = gateway_.Path("node.log");
    node_ = fork();
    if (node_ == 0) {
      const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      dup2(fd, 1);
      dup2(fd, 2);
      execvp(argv[0], argv.data());
      _exit(127);
    }
    const absl::Time until = absl::Now() + absl::Seconds(20);
    while (absl::Now() < until && (!std::filesystem::exists(log) || ReadWholeFile(log).empty())) {
      absl::SleepFor(absl::Milliseconds(50));
    }
    ASSERT_THAT(ReadWholeFile(log), HasSubstr("listening"))
        << "is client/node installed (npm ci --prefix client/node)?";
  }
  void SetSecret(const std::string& secret) { WriteWholeFile(gateway_.Path("secret"), secret); }
  // A P-256 key of the partner's, whose private half its server gets; the public half.
  std::string MakeEncryptionKey() {
    decryption_key_ = gateway_.Path("decryption.key");
    const std::string make =
        absl::StrCat("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ", decryption_key_,
                     " && openssl pkey -pubout -in ", decryption_key_, " -out ", decryption_key_, ".pub");
    EXPECT_EQ(std::system(make.c_str()), 0);
    return ReadWholeFile(decryption_key_ + ".pub");
  }
  // What the server answers from now on, as client/node/webhook.js has it.
  void Rehearse(const std::string& what) { WriteWholeFile(gateway_.Path("rehearsal"), what); }

  std::string Folder() { return gateway_.Path("received"); }
  // What the server wrote down, a line for every request.
  std::vector<std::string> Log() {
    const std::string file = Folder() + "/log.jsonl";
    if (!std::filesystem::exists(file)) return {};
    return absl::StrSplit(ReadWholeFile(file), '\n', absl::SkipEmpty());
  }
  std::vector<std::string> AwaitLog(size_t count) {
    for (int i = 0; i < 400 && Log().size() < count; ++i) absl::SleepFor(absl::Milliseconds(50));
    return Log();
  }

 private:
  pid_t node_ = 0;
  std::string decryption_key_;  // file; empty: bodies are plain
};

// Clause: P1.1a
TEST_F(WebhookTest, ThePublicLibraryAcceptsTheSignatureAndTheRecordIsPlainJson) {
  Open(Channel("HMAC_SHA256"));
  SetSecret(IssueSecret().secret());
  StartNode();
  const std::string name = Disclose("W-1");
  EXPECT_TRUE(Becomes(name, v1::DISCLOSURE_STATE_DELIVERED));
  const std::vector<std::string> log = Log();
  ASSERT_THAT(log, SizeIs(2)) << ReadWholeFile(gateway_.Path("node.log"));
  EXPECT_THAT(log[0], HasSubstr("\"type\":\"endpoint.challenge\""));
  EXPECT_THAT(log[1], AllOf(HasSubstr("\"type\":\"record.delivered\""), HasSubstr("\"path\":\"/postern/in?v=1\""),
                            HasSubstr(absl::StrCat("\"webhook-id\":\"", name, "\"")),
                            HasSubstr("\"@type\":\"type.googleapis.com/shop.v1.Shipment\""),
                            HasSubstr("\"reference\":\"W-1\""), HasSubstr("Recipient canary")));
  EXPECT_THAT(log[1], Not(HasSubstr("account"))) << "the account's address is granted to no carrier";
  const std::string handle = absl::BytesToHexString(Get(name).handle());
  EXPECT_TRUE(std::filesystem::exists(absl::StrCat(Folder(), "/", handle, "-", name.substr(name.rfind('/') + 1))));
}

TEST_F(WebhookTest, Ed25519SignaturesVerifyUnderThePublicKey) {
  Open(Channel("ED25519"));
  SetSecret(IssueSecret().public_key());
  StartNode();
  EXPECT_TRUE(Becomes(Disclose("W-1"), v1::DISCLOSURE_STATE_DELIVERED));
  EXPECT_THAT(Log().back(), HasSubstr("\"webhook-signature\":\"v1a,"));
}

// Clause: P1.3a
TEST_F(WebhookTest, AnEncryptedBodyIsOpenedWithThePublicLibraryAndTheSignatureIsOverWhatIsSent) {
  const std::string encrypted =
      absl::StrReplaceAll(Channel("HMAC_SHA256"), {{"signature:", "encryption_key: \"2026\" signature:"}});
  Open(encrypted, MakeEncryptionKey());
  SetSecret(IssueSecret().secret());
  StartNode();
  const std::string name = Disclose("W-1");
  EXPECT_TRUE(Becomes(name, v1::DISCLOSURE_STATE_DELIVERED)) << ReadWholeFile(gateway_.Path("node.log"));
  const std::vector<std::string> log = Log();
  ASSERT_THAT(log, SizeIs(2));
  for (const std::string& line : log) EXPECT_THAT(line, HasSubstr("\"content-type\":\"application/jose\""));
  EXPECT_THAT(log[0], HasSubstr("\"type\":\"endpoint.challenge\""));
  EXPECT_THAT(log[1], AllOf(HasSubstr("\"reference\":\"W-1\""), HasSubstr("Recipient canary")));
  // What went over the wire is five parts, of which the first says how to open the fourth.
  const size_t body = log[1].find("\"body\":\"") + 8;
  const std::vector<std::string> parts = absl::StrSplit(log[1].substr(body, log[1].find('"', body) - body), '.');
  ASSERT_THAT(parts, SizeIs(5));
  std::string header;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(parts[0], &header));
  EXPECT_THAT(header, AllOf(HasSubstr("\"kid\":\"2026\""), HasSubstr("ECDH-ES"), HasSubstr("A256GCM")));

  // The key that a contract in force encrypts to is not taken away.
  v1::UpdatePartnerRequest update;
  *update.mutable_partner() = Partner();
  update.mutable_partner()->clear_encryption_keys();
  v1::Partner updated;
  EXPECT_EQ(ReasonOf(alice_->UpdatePartner(Deadline().get(), update, &updated)), "ERROR_REASON_INVALID_ARGUMENT");
  // Another key under the same name takes two people.
  *update.mutable_partner() = Partner();
  update.mutable_partner()->mutable_encryption_keys(0)->set_public_key_pem(MakeEncryptionKey());
  EXPECT_EQ(ReasonOf(alice_->UpdatePartner(Deadline().get(), update, &updated)), "ERROR_REASON_SECOND_PERSON_REQUIRED");
  update.mutable_partner()->set_etag(Partner().etag());
  const auto bob = v1::OperatorService::NewStub(gateway_.Person("bob"));
  ASSERT_TRUE(bob->UpdatePartner(Deadline().get(), update, &updated).ok());
  EXPECT_TRUE(Becomes(Disclose("W-2"), v1::DISCLOSURE_STATE_DELIVERED)) << "with the new key at once";
}

TEST_F(WebhookTest, AnOlderSecretIsGoodForAnotherDayAndAnyOtherIsNot) {
  Open(Channel("HMAC_SHA256"));
  const std::string name = Disclose("W-0");
  absl::SleepFor(absl::Seconds(1));
  EXPECT_EQ(Get(name).state(), v1::DISCLOSURE_STATE_PENDING) << "no secret was issued yet";
  const v1::IssueWebhookSecretResponse first = IssueSecret();
  EXPECT_EQ(first.generation(), 1);
  SetSecret(absl::StrCat("whsec_", absl::Base64Escape(std::string(32, 'x'))));
  StartNode();
  ASSERT_THAT(AwaitLog(1), Contains(HasSubstr("No matching signature found")));
  EXPECT_EQ(Partner().endpoint_standings(0).state(), v1::EndpointStanding::STATE_UNSPECIFIED);

  SetSecret(first.secret());
  const v1::IssueWebhookSecretResponse second = IssueSecret();
  EXPECT_EQ(second.generation(), 2);
  EXPECT_NE(second.secret(), first.secret());
  EXPECT_TRUE(Becomes(name, v1::DISCLOSURE_STATE_DELIVERED)) << "by the first secret";
  SetSecret(second.secret());
  EXPECT_TRUE(Becomes(Disclose("W-1"), v1::DISCLOSURE_STATE_DELIVERED));
}

TEST_F(WebhookTest, AServerInMaintenanceGetsTheRecordAgainWhenItAsksForIt) {
  Open(Channel("HMAC_SHA256"));
  SetSecret(IssueSecret().secret());
  Rehearse("503 7");
  StartNode();
  const std::string name = Disclose("W-1");
  ASSERT_THAT(AwaitLog(2), SizeIs(2));
  const absl::Time refused = absl::Now();
  Rehearse("200");
  EXPECT_TRUE(Becomes(name, v1::DISCLOSURE_STATE_DELIVERED));
  EXPECT_GE(absl::Now() - refused, absl::Seconds(6)) << "Retry-After, not the schedule's five seconds";
  ASSERT_THAT(Log(), SizeIs(3));
  EXPECT_THAT(Log()[2], HasSubstr(absl::StrCat("\"webhook-id\":\"", name, "\""))) << "the same over repetitions";
}

TEST_F(WebhookTest, AServerThatIsGoneIsLeftAloneUntilAnOperatorEnablesIt) {
  Open(Channel("HMAC_SHA256"));
  SetSecret(IssueSecret().secret());
  Rehearse("410");
  StartNode();
  const std::string name = Disclose("W-1");
  ASSERT_THAT(AwaitLog(2), SizeIs(2));
  const auto disabled = [this] {
    return Partner().endpoint_standings(0).state() == v1::EndpointStanding::STATE_DISABLED;
  };
  for (int i = 0; i < 100 && !disabled(); ++i) absl::SleepFor(absl::Milliseconds(50));
  ASSERT_TRUE(disabled());
  Rehearse("200");
  absl::SleepFor(absl::Seconds(3));
  EXPECT_THAT(Log(), SizeIs(2));

  v1::EnablePartnerEndpointRequest enable;
  enable.set_name(absl::StrCat("partners/", kCarrier));
  enable.set_endpoint("orders");
  v1::Partner enabled;
  ASSERT_TRUE(alice_->EnablePartnerEndpoint(Deadline().get(), enable, &enabled).ok());
  EXPECT_TRUE(Becomes(name, v1::DISCLOSURE_STATE_DELIVERED));
}

// Clause: P1.4e
TEST_F(WebhookTest, ATerminationCutsTheRequestUnderWayAndNothingIsPostedAfterIt) {
  Open(Channel("HMAC_SHA256"));
  SetSecret(IssueSecret().secret());
  StartNode();
  EXPECT_TRUE(Becomes(Disclose("W-0"), v1::DISCLOSURE_STATE_DELIVERED));
  Rehearse("0");
  const std::string under_way = Disclose("W-1");
  ASSERT_THAT(AwaitLog(3), SizeIs(3));
  const absl::Time before = absl::Now();
  const v1::TerminatePartnerResponse terminated = Terminate();
  EXPECT_LT(absl::Now() - before, absl::Seconds(2)) << "it does not wait for the partner's answer";
  EXPECT_EQ(terminated.effect().possibly_held_count(), 1);
  EXPECT_EQ(terminated.effect().handle_count(), 2);
  Rehearse("200");
  absl::SleepFor(absl::Seconds(2));
  EXPECT_THAT(Log(), SizeIs(3));
  EXPECT_EQ(Get(under_way).state(), v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN) << "what the shop is told";
}

TEST_F(WebhookTest, AServerUnderAnotherCaGetsNothing) {
  Open(Channel("HMAC_SHA256"));
  SetSecret(IssueSecret().secret());
  StartNode("somebody-else");
  const std::string name = Disclose("W-1");
  absl::SleepFor(absl::Seconds(3));
  EXPECT_THAT(Log(), IsEmpty());
  EXPECT_EQ(Get(name).state(), v1::DISCLOSURE_STATE_PENDING);
}

}  // namespace
}  // namespace postern::testing
