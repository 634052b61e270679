// Who gets in, through the real listeners.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <algorithm>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "proto/postern/v1/audit_service.grpc.pb.h"
#include "server/identity/role_table.h"
#include "tests/support/test_gateway.h"

namespace postern::testing {
namespace {

using identity::Listener;
using identity::Role;
using ::testing::HasSubstr;
using ::testing::Not;

// The status of a call with an empty request.
grpc::Status CallEmpty(const std::shared_ptr<grpc::Channel>& channel, const std::string& path) {
  grpc::GenericStub stub(channel);
  const auto context = Deadline(absl::Seconds(5));
  grpc::CompletionQueue queue;
  grpc::ByteBuffer request;
  const grpc::Slice empty;
  request = grpc::ByteBuffer(&empty, 1);
  grpc::ByteBuffer response;
  grpc::Status status;
  // Read as a stream: the first answer of a stream that was let in is enough.
  auto call = stub.PrepareCall(context.get(), path, &queue);
  void* tag = nullptr;
  bool ok = false;
  call->StartCall(reinterpret_cast<void*>(1));
  queue.Next(&tag, &ok);
  call->WriteLast(request, grpc::WriteOptions(), reinterpret_cast<void*>(2));
  queue.Next(&tag, &ok);
  call->Read(&response, reinterpret_cast<void*>(3));
  const auto soon = std::chrono::system_clock::now() + std::chrono::milliseconds(1500);
  if (queue.AsyncNext(&tag, &ok, soon) == grpc::CompletionQueue::TIMEOUT) {
    context->TryCancel();
    queue.Next(&tag, &ok);
  } else if (ok) {
    context->TryCancel();
  }
  call->Finish(&status, reinterpret_cast<void*>(4));
  queue.Next(&tag, &ok);
  queue.Shutdown();
  return status;
}

std::string Path(absl::string_view method) {
  const size_t dot = method.rfind('.');
  return absl::StrCat("/", method.substr(0, dot), "/", method.substr(dot + 1));
}

// Whether a listener has another method of the same service.
bool ServiceIsOn(Listener listener, absl::string_view method) {
  const absl::string_view service = method.substr(0, method.rfind('.') + 1);
  return std::any_of(identity::MethodRules().begin(), identity::MethodRules().end(), [&](const auto& rule) {
    return absl::StartsWith(rule.method, service) && (rule.listeners & identity::ListenerBit(listener)) != 0;
  });
}

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() { gateway_.Start(); }

  grpc::Status GetPartner(const std::shared_ptr<grpc::Channel>& channel) {
    v1::GetPartnerRequest request;
    request.set_name("partners/acme");
    v1::Partner response;
    return v1::OperatorService::NewStub(channel)->GetPartner(Deadline(absl::Seconds(3)).get(), request, &response);
  }

  TestGateway gateway_;
};

// Clause: P1.3b
TEST_F(IdentityTest, EveryMethodOnItsListenerForItsRolesAndNoOthers) {
  gateway_.CreatePartner("acme", "logistics");
  const struct {
    const char* listener;
    Listener kind;
    std::vector<Role> roles;
    std::shared_ptr<grpc::Channel> channel;
  } callers[] = {
      {"shop", Listener::kShop, {Role::kStorefront}, gateway_.Storefront()},
      {"partners", Listener::kPartners, {Role::kPartner}, gateway_.PartnerChannel("acme")},
      {"operators", Listener::kOperators, {Role::kOperator, Role::kPrivacyOfficer}, gateway_.Person("alice")},
      {"operators", Listener::kOperators, {Role::kOperator}, gateway_.Person("bob")},
      {"operators",
       Listener::kOperators,
       {Role::kOperator, Role::kPrivacyOfficer, Role::kMinorsOfficer},
       gateway_.Person("mia")},
      {"operators", Listener::kOperators, {Role::kViewer}, gateway_.Person("vera")},
      {"operators", Listener::kOperators, {Role::kAuditor}, gateway_.Person("otto")},
  };
  for (const auto& caller : callers) {
    for (const identity::MethodRule& rule : identity::MethodRules()) {
      const grpc::Status status = CallEmpty(caller.channel, Path(rule.method));
      if ((rule.listeners & identity::ListenerBit(caller.kind)) == 0 && ServiceIsOn(caller.kind, rule.method)) {
        EXPECT_EQ(ReasonOf(status), "ERROR_REASON_ROLE_DENIED") << caller.listener << " " << rule.method;
        continue;
      }
      if ((rule.listeners & identity::ListenerBit(caller.kind)) == 0) {
        // The service is not there at all; the refusal has a reason all the same.
        EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << caller.listener << " " << rule.method;
        EXPECT_EQ(ReasonOf(status), "ERROR_REASON_ROLE_DENIED") << caller.listener << " " << rule.method;
        continue;
      }
      bool allowed = false;
      for (const Role role : caller.roles) allowed |= (rule.roles & identity::RoleBit(role)) != 0;
      EXPECT_EQ(ReasonOf(status) != "ERROR_REASON_ROLE_DENIED", allowed)
          << caller.listener << " " << rule.method << ": " << status.error_message();
    }
  }
}

TEST_F(IdentityTest, WithoutACertificateThereIsNoHandshake) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = gateway_.pki().CaPem("gateway");
  for (const char* listener : {"shop", "partners", "operators"}) {
    const auto anonymous = grpc::CreateChannel(gateway_.process().Address(listener), grpc::SslCredentials(options));
    EXPECT_EQ(GetPartner(anonymous).error_code(), grpc::StatusCode::UNAVAILABLE) << listener;
    const auto plain = grpc::CreateChannel(gateway_.process().Address(listener), grpc::InsecureChannelCredentials());
    EXPECT_EQ(GetPartner(plain).error_code(), grpc::StatusCode::UNAVAILABLE) << listener;
  }
}

// Clause: P1.3a
TEST_F(IdentityTest, NothingOlderThanTls13IsSpoken) {
  gateway_.CreatePartner("acme", "logistics");
  gateway_.WritePair("storefront-client", gateway_.pki().Client("shop", {"spiffe://shop.test/storefront"}));
  gateway_.WritePair("partner-client", gateway_.PartnerPair("acme"));
  gateway_.WritePair("operator-client", gateway_.PersonPair("alice"));
  WriteWholeFile(gateway_.Path("gateway-ca.crt"), gateway_.pki().CaPem("gateway"));
  const auto shake = [this](const std::string& listener, const std::string& client, const std::string& version) {
    const std::string pair = gateway_.Path(client);
    const std::string output = gateway_.Path("s_client.out");
    const std::string command = absl::StrCat(
        "openssl s_client -connect ", gateway_.process().Address(listener), " ", version, " -alpn h2 -brief -cert ",
        pair, ".crt -key ", pair, ".key -CAfile ", gateway_.Path("gateway-ca.crt"), " </dev/null >", output, " 2>&1");
    (void)std::system(command.c_str());
    return ReadWholeFile(output);
  };
  const std::pair<const char*, const char*> callers[] = {
      {"shop", "storefront-client"}, {"partners", "partner-client"}, {"operators", "operator-client"}};
  for (const auto& [listener, client] : callers) {
    EXPECT_THAT(shake(listener, client, "-tls1_2"), Not(HasSubstr("CONNECTION ESTABLISHED"))) << listener;
    EXPECT_THAT(shake(listener, client, "-tls1_3"), HasSubstr("Protocol version: TLSv1.3")) << listener;
  }
}

TEST_F(IdentityTest, AStrangersCertificateIsRefusedInTheHandshake) {
  const auto stranger = gateway_.pki().Client("stranger", {"spiffe://shop.test/people/alice"});
  for (const char* listener : {"shop", "partners", "operators"}) {
    EXPECT_EQ(GetPartner(gateway_.Channel(listener, stranger)).error_code(), grpc::StatusCode::UNAVAILABLE) << listener;
  }
  // Another listener's own people are strangers too.
  EXPECT_EQ(GetPartner(gateway_.Channel("shop", gateway_.PersonPair("alice"))).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(IdentityTest, AnExpiredCertificateIsRefusedInTheHandshake) {
  const auto expired = gateway_.pki().ClientUntil("operators", {"spiffe://shop.test/people/alice"},
                                                  absl::Now() - absl::Hours(2), absl::Now() - absl::Minutes(1));
  EXPECT_EQ(GetPartner(gateway_.Channel("operators", expired)).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(IdentityTest, ACertificateThatEndsWhileConnectedEndsTheCalls) {
  const auto brief = gateway_.pki().ClientUntil("operators", {"spiffe://shop.test/people/alice"},
                                                absl::Now() - absl::Hours(1), absl::Now() + absl::Seconds(3));
  const auto channel = gateway_.Channel("operators", brief);
  const auto stub = v1::OperatorService::NewStub(channel);
  EXPECT_EQ(ReasonOf(GetPartner(channel)), "ERROR_REASON_PARTNER_UNKNOWN");
  const auto context = Deadline();
  const auto events = stub->WatchEvents(context.get(), v1::WatchEventsRequest());
  v1::WatchEventsResponse event;
  while (events->Read(&event)) {
  }
  EXPECT_EQ(ReasonOf(events->Finish()), "ERROR_REASON_CREDENTIAL_EXPIRED");
  EXPECT_EQ(ReasonOf(GetPartner(channel)), "ERROR_REASON_CREDENTIAL_EXPIRED");
}

TEST_F(IdentityTest, NamesMustBeOneAndKnown) {
  const auto call = [this](const std::vector<std::string>& names) {
    return ReasonOf(GetPartner(gateway_.Channel("operators", gateway_.pki().Client("operators", names))));
  };
  EXPECT_EQ(call({"spiffe://shop.test/people/alice", "alice.shop.test"}), "ERROR_REASON_IDENTITY_AMBIGUOUS");
  EXPECT_EQ(call({"spiffe://shop.test/people/alice", "spiffe://shop.test/people/bob"}),
            "ERROR_REASON_IDENTITY_AMBIGUOUS");
  EXPECT_EQ(call({"spiffe://shop.test/people/mallory"}), "ERROR_REASON_UNAUTHENTICATED");
}

// Clause: W3b
TEST_F(IdentityTest, APersonWithoutAnAgreementInForceHasNoRole) {
  EXPECT_EQ(ReasonOf(GetPartner(gateway_.Person("eve"))), "ERROR_REASON_ROLE_DENIED");
}

TEST_F(IdentityTest, APartnersIdentityCountsFromTheMomentItIsRegistered) {
  const auto standing = [this](const KeyPairPem& pair) {
    v1::GetStandingResponse response;
    return v1::PartnerService::NewStub(gateway_.Channel("partners", pair))
        ->GetStanding(Deadline(absl::Seconds(3)).get(), v1::GetStandingRequest(), &response);
  };
  EXPECT_EQ(standing(gateway_.PartnerPair("acme")).error_code(), grpc::StatusCode::UNAVAILABLE);
  gateway_.CreatePartner("acme", "logistics");
  EXPECT_TRUE(standing(gateway_.PartnerPair("acme")).ok());
  gateway_.CreatePartner("bolt", "logistics");
  // Bolt's CA vouches for bolt alone.
  EXPECT_EQ(ReasonOf(standing(gateway_.pki().Client("bolt", {"spiffe://acme.test/client"}))),
            "ERROR_REASON_UNAUTHENTICATED");
  // Nor does a second name beside the right one.
  for (const char* second : {"spiffe://bolt.test/other", "bolt.test"}) {
    EXPECT_EQ(ReasonOf(standing(gateway_.pki().Client("bolt", {"spiffe://bolt.test/client", second}))),
              "ERROR_REASON_IDENTITY_AMBIGUOUS")
        << second;
  }
  EXPECT_EQ(ReasonOf(standing(gateway_.pki().Client("bolt", {"spiffe://bolt.test/another"}))),
            "ERROR_REASON_UNAUTHENTICATED");
}

TEST(CallRateTest, APartnerThatAsksTooOftenIsRefusedAndDisturbsNobody) {
  TestGateway gateway("limits { partner_calls_per_second: 5 }\n");
  gateway.Start();
  gateway.CreatePartner("acme", "logistics");
  gateway.CreatePartner("bolt", "logistics");
  const auto acme = v1::PartnerService::NewStub(gateway.PartnerChannel("acme"));
  v1::AttestDeletionRequest bad;
  bad.set_name("partners/acme/deletionCampaigns/none/notices/1");
  bad.mutable_attestation()->set_payload("not an attestation");
  grpc::Status refused;
  const absl::Time end = absl::Now() + absl::Seconds(10);
  while (ReasonOf(refused) != "ERROR_REASON_OVERLOADED" && absl::Now() < end) {
    v1::AttestDeletionResponse response;
    refused = acme->AttestDeletion(Deadline(absl::Seconds(3)).get(), bad, &response);
  }
  EXPECT_EQ(ReasonOf(refused), "ERROR_REASON_OVERLOADED");
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  v1::GetStandingResponse standing;
  EXPECT_TRUE(v1::PartnerService::NewStub(gateway.PartnerChannel("bolt"))
                  ->GetStanding(Deadline(absl::Seconds(3)).get(), v1::GetStandingRequest(), &standing)
                  .ok());
  absl::SleepFor(absl::Milliseconds(500));
  EXPECT_TRUE(acme->GetStanding(Deadline(absl::Seconds(3)).get(), v1::GetStandingRequest(), &standing).ok());
}

TEST_F(IdentityTest, ANewEnrolmentCaSignsWithoutARestart) {
  gateway_.CreatePartner("acme", "logistics");
  const auto vouching = [this](const std::string& name) {
    const auto request = client::NewEnrolmentRequest(name).value();
    v1::EnrolPartnerRequest enrol;
    enrol.set_name("partners/acme");
    enrol.set_certificate_request_pem(request.certificate_request);
    v1::EnrolPartnerResponse enrolled;
    const grpc::Status status =
        v1::OperatorService::NewStub(gateway_.Person("alice"))->EnrolPartner(Deadline().get(), enrol, &enrolled);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return enrolled.partner().identities(enrolled.partner().identities_size() - 1).trust_bundle_pem();
  };
  EXPECT_EQ(vouching("spiffe://acme.test/one"), gateway_.pki().CaPem("enrolment"));
  gateway_.WritePair("enrolment-ca", gateway_.pki().CaPair("new enrolment"));
  gateway_.process().Signal(SIGHUP);
  for (int i = 0; i < 500 && gateway_.process().Log().find("certificate.reloaded") == std::string::npos; ++i) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_EQ(vouching("spiffe://acme.test/two"), gateway_.pki().CaPem("new enrolment"));
}

TEST_F(IdentityTest, APartnerEnrolsAKeyOfItsOwn) {
  gateway_.CreatePartner("acme", "logistics");
  const auto request = client::NewEnrolmentRequest("spiffe://acme.test/enrolled").value();
  v1::EnrolPartnerRequest enrol;
  enrol.set_name("partners/acme");
  enrol.set_certificate_request_pem(request.certificate_request);
  v1::EnrolPartnerResponse enrolled;
  const grpc::Status status =
      v1::OperatorService::NewStub(gateway_.Person("alice"))->EnrolPartner(Deadline().get(), enrol, &enrolled);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(enrolled.partner().identities_size(), 2);
  const auto channel = gateway_.Channel("partners", {enrolled.certificate_chain_pem(), request.private_key});
  v1::GetStandingResponse standing;
  const grpc::Status called =
      v1::PartnerService::NewStub(channel)->GetStanding(Deadline().get(), v1::GetStandingRequest(), &standing);
  EXPECT_TRUE(called.ok()) << called.error_message();
  EXPECT_EQ(standing.partner(), "partners/acme");

  v1::ListEntriesRequest list;
  list.set_limit(1000);
  v1::ListEntriesResponse entries;
  ASSERT_TRUE(v1::AuditService::NewStub(gateway_.Person("otto"))->ListEntries(Deadline().get(), list, &entries).ok());
  int issued = 0;
  for (const std::string& leaf : entries.leaves()) {
    issued += leaf.find("certificate.issued") != std::string::npos &&
                      leaf.find("spiffe://acme.test/enrolled") != std::string::npos &&
                      leaf.find("operators/spiffe://shop.test/people/alice") != std::string::npos
                  ? 1
                  : 0;
  }
  EXPECT_EQ(issued, 1);
}

}  // namespace
}  // namespace postern::testing
