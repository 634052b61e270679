// The conformance kit: partners that do it right pass, and a bad one is found, whatever it does wrong.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/conformance/pull_courier.h"
#include "client/conformance/push_courier.h"
#include "client/conformance/scenario.h"
#include "client/partner/push_receiver.h"
#include "client/pki/authority.h"
#include "tests/integration/conformance/sample_partner.h"

namespace postern::testing {
namespace {

using client::conformance::Check;
using client::conformance::GatewaySide;
using client::conformance::Report;
using Verdict = Check::Verdict;

constexpr char kPartner[] = "partners/swift-parcel";

std::string Describe(const Report& report) {
  std::string text;
  for (const Check& check : report.checks()) {
    absl::StrAppend(&text, check.what, ": ", client::conformance::NameOf(check.verdict), " ", check.detail, "\n");
  }
  return text;
}

class ConformanceTest : public ::testing::Test {
 protected:
  ConformanceTest()
      : authority_(*client::Authority::Create("test", absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(24))),
        notice_key_(*client::NewSigningKey(client::SigningAlgorithm::kEd25519)),
        attestation_key_(*client::NewSigningKey(client::SigningAlgorithm::kEd25519)),
        folder_(std::filesystem::temp_directory_path() / absl::StrCat("postern-conformance-", getpid())) {
    std::filesystem::create_directories(folder_);
    const client::KeyPairPem server = Issue("localhost");
    client::conformance::GatewaySideOptions options;
    options.partner = kPartner;
    options.certificate_chain = server.certificate;
    options.private_key = server.private_key;
    options.partner_trust_bundle = authority_.Pem()->certificate;
    options.attestation_keys = {*client::verify::PublicKey::FromPem(attestation_key_.public_key)};
    side_ = *GatewaySide::Start(options);
    script_.partner = kPartner;
    script_.record_type = "shop.v1.Shipment";
    script_.notice_key_pem = notice_key_.private_key;
    script_.patience = absl::Seconds(5);
  }
  ~ConformanceTest() override { std::filesystem::remove_all(folder_); }

  client::KeyPairPem Issue(const std::string& name) {
    client::CertificateRequest request;
    request.names = {name};
    request.server = true;
    request.client = true;
    request.not_before = absl::Now() - absl::Hours(1);
    request.not_after = absl::Now() + absl::Hours(1);
    return *authority_.Issue(request);
  }
  std::shared_ptr<grpc::Channel> Channel(int port, const std::string& name) {
    const client::KeyPairPem own = Issue(name);
    grpc::SslCredentialsOptions tls{authority_.Pem()->certificate, own.private_key, own.certificate};
    return grpc::CreateChannel(absl::StrCat("localhost:", port), grpc::SslCredentials(tls));
  }
  void Write(const std::string& name, const std::string& content) { std::ofstream(folder_ / name) << content; }

  std::unique_ptr<SamplePartner> Start(SampleStore* store, Habits habits, bool fetches = true) {
    script_.copies = [store](const std::string& handle) { return store->Copies(handle); };
    return std::make_unique<SamplePartner>(
        Channel(side_->port(), "spiffe://carrier.test/client"), kPartner,
        *client::verify::PublicKey::FromPem(notice_key_.public_key),
        *client::AttestationSigner::Create("attestation-1", attestation_key_.private_key), store, habits, fetches);
  }
  // The report on a partner of the C++ SDK that fetches its records.
  Report Pull(Habits habits) {
    SampleStore store(habits);
    const auto partner = Start(&store, habits);
    client::conformance::PullCourier courier(side_.get());
    return client::conformance::RunScenario(script_, courier, *side_);
  }
  static Verdict VerdictOn(const Report& report, const std::string& what) {
    const Check* check = report.Find(what);
    EXPECT_NE(check, nullptr) << what << " is not in\n" << Describe(report);
    return check == nullptr ? Verdict::kNotLookedAt : check->verdict;
  }

  const client::Authority authority_;
  const client::SigningKeyPem notice_key_;
  const client::SigningKeyPem attestation_key_;
  const std::filesystem::path folder_;
  std::unique_ptr<GatewaySide> side_;
  client::conformance::ScenarioOptions script_;
};

TEST_F(ConformanceTest, TheSdksPartnerPasses) {
  const Report report = Pull({});
  EXPECT_EQ(report.wrong(), 0) << Describe(report);
  for (const char* what :
       {"connects", "delivery.acknowledged", "delivery.stored", "duplicate.acknowledged", "duplicate.stored_once",
        "reconnect", "redelivery.acknowledged", "redelivery.stored_once", "delivery.protocol", "notice.attested",
        "notice.acknowledged", "notice.repeated_after_lost_reply", "notice.honest", "notice.later_page",
        "notice.overdue_answered", "notice.deleted", "forged.not_attested", "forged.not_deleted"}) {
    EXPECT_EQ(VerdictOn(report, what), Verdict::kRight) << what;
  }
  EXPECT_EQ(VerdictOn(report, "notice.amended"), Verdict::kNotLookedAt) << "it kept nothing";
}

TEST_F(ConformanceTest, APartnerThatAsksAgainAndKeepsSomethingForAWhilePassesToo) {
  Habits habits;
  habits.retries_once = true;
  habits.keeps = absl::Seconds(4);
  const Report report = Pull(habits);
  EXPECT_EQ(report.wrong(), 0) << Describe(report);
  EXPECT_EQ(VerdictOn(report, "redelivery.after_refusal"), Verdict::kRight);
  EXPECT_EQ(VerdictOn(report, "notice.amended"), Verdict::kRight);
}

TEST_F(ConformanceTest, WhoAcknowledgesBeforeStoringIsFound) {
  Habits habits;
  habits.acknowledges_first = true;
  const Report report = Pull(habits);
  EXPECT_EQ(VerdictOn(report, "delivery.stored"), Verdict::kWrong) << Describe(report);
}

TEST_F(ConformanceTest, WhoStoresTheSameTwiceIsFound) {
  Habits habits;
  habits.stores_again = true;
  const Report report = Pull(habits);
  EXPECT_EQ(VerdictOn(report, "duplicate.stored_once"), Verdict::kWrong) << Describe(report);
}

TEST_F(ConformanceTest, WhoOmitsAHandleIsFound) {
  Habits habits;
  habits.omits_a_handle = true;
  const Report report = Pull(habits);
  EXPECT_EQ(VerdictOn(report, "notice.attested"), Verdict::kWrong);
  ASSERT_NE(report.Find("notice.attested"), nullptr);
  EXPECT_THAT(report.Find("notice.attested")->detail, ::testing::HasSubstr("ATTESTATION_GAP"));
  EXPECT_EQ(VerdictOn(report, "notice.later_page"), Verdict::kNotLookedAt);
}

TEST_F(ConformanceTest, WhoSaysDeletedAndKeepsItIsFound) {
  Habits habits;
  habits.deletes_nothing = true;
  const Report report = Pull(habits);
  EXPECT_EQ(VerdictOn(report, "notice.deleted"), Verdict::kWrong) << Describe(report);
}

TEST_F(ConformanceTest, NobodyThereIsFound) {
  script_.patience = absl::Milliseconds(300);
  client::conformance::PullCourier courier(side_.get());
  const Report report = client::conformance::RunScenario(script_, courier, *side_);
  EXPECT_EQ(VerdictOn(report, "connects"), Verdict::kWrong);
  EXPECT_EQ(VerdictOn(report, "notice.attested"), Verdict::kWrong);
  EXPECT_THAT(report.ToJson(), ::testing::HasSubstr("{\"check\":\"connects\",\"verdict\":\"wrong\""));
}

TEST_F(ConformanceTest, TheSdksPushedPartnerPasses) {
  SampleStore store({});
  const auto partner = Start(&store, {}, /*fetches=*/false);
  const client::KeyPairPem server = Issue("localhost");
  client::PushReceiverOptions options;
  options.address = "localhost:0";
  options.partner = kPartner;
  options.endpoint = "orders";
  options.gateway_san = "spiffe://shop.test/gateway";
  options.certificate_chain = server.certificate;
  options.private_key = server.private_key;
  options.gateway_trust_bundle = authority_.Pem()->certificate;
  const auto receiver =
      client::PushReceiver::Start(options, [&store](const v1::DeliveredRecord& record) { return store.Take(record); });
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  client::conformance::PushCourier courier(Channel((*receiver)->port(), options.gateway_san), kPartner, "orders");
  const Report report = client::conformance::RunScenario(script_, courier, *side_);
  EXPECT_EQ(report.wrong(), 0) << Describe(report);
  EXPECT_EQ(VerdictOn(report, "delivery.stored"), Verdict::kRight);
}

TEST_F(ConformanceTest, TheNodePartnerPasses) {
  const client::KeyPairPem own = Issue("spiffe://carrier.test/client");
  Write("client.crt", own.certificate);
  Write("client.key", own.private_key);
  Write("ca.crt", authority_.Pem()->certificate);
  Write("attestation.pem", attestation_key_.private_key);
  Write("notice.pub", notice_key_.public_key);
  const std::filesystem::path cache = folder_ / "node" / "cache";
  script_.copies = [cache](const std::string& handle) {
    int copies = 0;
    std::error_code none;
    for (const auto& file : std::filesystem::directory_iterator(cache, none)) {
      copies += absl::StartsWith(file.path().filename().string(), handle) ? 1 : 0;
    }
    return copies;
  };
  const auto in = [this](const char* name) { return (folder_ / name).string(); };
  const std::vector<std::string> arguments = {"node",
                                              POSTERN_NODE_PARTNER,
                                              absl::StrCat("--address=localhost:", side_->port()),
                                              "--partner=swift-parcel",
                                              "--cert=" + in("client.crt"),
                                              "--key=" + in("client.key"),
                                              "--ca=" + in("ca.crt"),
                                              "--folder=" + in("node"),
                                              "--attestation-key=" + in("attestation.pem"),
                                              "--notice-key=" + in("notice.pub")};
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t node = fork();
  if (node == 0) {
    const int log = open(in("node.log").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(log, 1);
    dup2(log, 2);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  script_.patience = absl::Seconds(20);
  client::conformance::PullCourier courier(side_.get());
  const Report report = client::conformance::RunScenario(script_, courier, *side_);
  kill(node, SIGKILL);
  waitpid(node, nullptr, 0);
  std::ifstream log(in("node.log"));
  EXPECT_EQ(report.wrong(), 0) << Describe(report)
                               << std::string(std::istreambuf_iterator<char>(log), std::istreambuf_iterator<char>());
  EXPECT_EQ(VerdictOn(report, "delivery.stored"), Verdict::kRight);
}

}  // namespace
}  // namespace postern::testing
