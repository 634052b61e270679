#include "server/delivery/channel/grpc_partner_caller.h"

#include <atomic>
#include <fstream>
#include <memory>

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "client/pki/authority.h"
#include "policy/retail/clearpay/v1/payment_service.grpc.pb.h"
#include "proto/errors/error.h"
#include "tests/unit/server/delivery/channel/stalled_relay.h"

namespace postern::delivery {
namespace {

using client::Authority;
using client::KeyPairPem;
using Fate = CallResult::Fate;

constexpr char kMethod[] = "/clearpay.v1.PaymentService/Authorize";

Authority NewAuthority(const std::string& name) {
  auto authority = Authority::Create(name, absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(24));
  EXPECT_TRUE(authority.ok()) << authority.status();
  return *std::move(authority);
}

KeyPairPem Issue(const Authority& authority, std::vector<std::string> names, bool server,
                 absl::Duration valid = absl::Hours(1)) {
  client::CertificateRequest request;
  request.names = std::move(names);
  request.server = server;
  request.client = !server;
  request.not_before = absl::Now() - absl::Hours(1);
  request.not_after = absl::Now() + valid;
  auto pair = authority.Issue(request);
  EXPECT_TRUE(pair.ok()) << pair.status();
  return *std::move(pair);
}

// Does what the request's payment token says.
class PaymentPartner : public clearpay::v1::PaymentService::Service {
 public:
  grpc::Status Authorize(grpc::ServerContext* context, const shop::v1::PaymentRequest* request,
                         clearpay::v1::AuthorizeResponse* response) override {
    ++calls;
    if (request->payment_token() == "invalid") return {grpc::StatusCode::INVALID_ARGUMENT, "no"};
    if (request->payment_token() == "unavailable") return {grpc::StatusCode::UNAVAILABLE, "no"};
    while (request->payment_token() == "slow" && !context->IsCancelled()) absl::SleepFor(absl::Milliseconds(5));
    response->set_authorization_code("auth-1");
    return grpc::Status::OK;
  }
  std::atomic<int> calls{0};
};

// Connections of this machine to "127.0.0.1:port" that are established, as the kernel lists them.
int EstablishedTo(const std::string& address) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
  const std::string remote =
      absl::StrCat(":", absl::AsciiStrToUpper(absl::StrCat(absl::Hex(port, absl::kZeroPad4))), " 01 ");
  int count = 0;
  // gRPC reaches IPv4 addresses through IPv6 sockets.
  for (const char* const path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream table(path);
    for (std::string line; std::getline(table, line);) count += absl::StrContains(line, remote) ? 1 : 0;
  }
  return count;
}

class GrpcPartnerCallerTest : public testing::Test {
 protected:
  // A server with a certificate of `authority` for `names`, which takes clients of the gateway's authority only.
  v1::PartnerEndpoint Serve(const Authority& authority, std::vector<std::string> names, const std::string& address,
                            absl::Duration valid = absl::Hours(1)) {
    const KeyPairPem pair = Issue(authority, std::move(names), /*server=*/true, valid);
    grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = gateway_ca_.Pem()->certificate;
    options.pem_key_cert_pairs.push_back({pair.private_key, pair.certificate});
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address, grpc::SslServerCredentials(options), &port);
    builder.RegisterService(&partner_);
    server_ = builder.BuildAndStart();
    v1::PartnerEndpoint endpoint;
    endpoint.set_id("authorize");
    endpoint.set_address(absl::StrCat("127.0.0.1:", port));
    endpoint.set_trust_bundle_pem(partner_ca_.Pem()->certificate);
    endpoint.set_server_san("pay.example");
    return endpoint;
  }
  v1::PartnerEndpoint Serve() { return Serve(partner_ca_, {"pay.example"}, "127.0.0.1:0"); }

  absl::StatusOr<std::shared_ptr<PartnerCaller::Line>> Connect(const v1::PartnerEndpoint& endpoint,
                                                               absl::Duration timeout = absl::Seconds(10)) {
    absl::StatusOr<std::shared_ptr<PartnerCaller::Line>> result;
    absl::Notification done;
    caller_.Connect("partners/clear-pay", endpoint, absl::Now() + timeout,
                    [&](absl::StatusOr<std::shared_ptr<PartnerCaller::Line>> line) {
                      result = std::move(line);
                      done.Notify();
                    });
    done.WaitForNotification();
    return result;
  }
  CallResult Call(const std::shared_ptr<PartnerCaller::Line>& line, const std::string& token,
                  absl::Duration timeout = absl::Seconds(10), bool cancel = false) {
    shop::v1::PaymentRequest request;
    request.set_payment_token(token);
    CallResult result;
    absl::Notification done;
    const auto call = line->Start(kMethod, request.SerializeAsString(), absl::Now() + timeout, [&](CallResult ended) {
      result = std::move(ended);
      done.Notify();
    });
    if (cancel) {
      while (partner_.calls == 0) absl::SleepFor(absl::Milliseconds(1));
      call->Cancel();
      call->Cancel();
    }
    done.WaitForNotification();
    return result;
  }

  const Authority gateway_ca_ = NewAuthority("gateway");
  const Authority partner_ca_ = NewAuthority("partner");
  const KeyPairPem client_ = Issue(gateway_ca_, {"spiffe://shop.example/gateway"}, /*server=*/false);
  PaymentPartner partner_;
  std::unique_ptr<grpc::Server> server_;
  GrpcPartnerCaller caller_{{client_.certificate, client_.private_key}, {}};
};

TEST_F(GrpcPartnerCallerTest, CallsOverMutualTls) {
  const v1::PartnerEndpoint endpoint = Serve();
  const auto line = Connect(endpoint);
  ASSERT_TRUE(line.ok()) << line.status();
  const CallResult result = Call(*line, "good");
  ASSERT_EQ(result.fate, Fate::kAnswered) << result.status;
  clearpay::v1::AuthorizeResponse response;
  ASSERT_TRUE(response.ParseFromString(result.reply));
  EXPECT_EQ(response.authorization_code(), "auth-1");
}

TEST_F(GrpcPartnerCallerTest, SendsNothingToAServerThatIsNotTheEndpoint) {
  const Authority stranger = NewAuthority("stranger");
  struct Case {
    const char* what;
    const Authority* authority;
    std::vector<std::string> names;
  };
  const Case cases[] = {
      {"another name", &partner_ca_, {"other.example"}},
      {"two names", &partner_ca_, {"pay.example", "other.example"}},
      {"another authority", &stranger, {"pay.example"}},
  };
  for (const Case& c : cases) {
    const v1::PartnerEndpoint endpoint = Serve(*c.authority, c.names, "127.0.0.1:0");
    EXPECT_EQ(ReasonOf(Connect(endpoint, absl::Seconds(3)).status()), v1::ERROR_REASON_PARTNER_UNREACHABLE) << c.what;
    server_->Shutdown();
  }
  EXPECT_EQ(partner_.calls, 0);
}

TEST_F(GrpcPartnerCallerTest, SaysWhetherThePartnerAnswered) {
  const auto line = Connect(Serve());
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(Call(*line, "invalid").fate, Fate::kRefused);
  EXPECT_EQ(Call(*line, "unavailable").fate, Fate::kLost);
  EXPECT_EQ(Call(*line, "slow", absl::Milliseconds(200)).fate, Fate::kLost);
  // None of them was tried a second time.
  EXPECT_EQ(partner_.calls, 3);
}

TEST_F(GrpcPartnerCallerTest, ACancelledCallEndsAtOnce) {
  const auto line = Connect(Serve());
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(Call(*line, "slow", absl::Seconds(60), /*cancel=*/true).fate, Fate::kLost);
}

// Clause: P1.4e
TEST_F(GrpcPartnerCallerTest, AForgottenPartnersConnectionIsClosed) {
  const v1::PartnerEndpoint endpoint = Serve();
  {
    const auto line = Connect(endpoint);
    ASSERT_TRUE(line.ok()) << line.status();
    ASSERT_EQ(Call(*line, "good").fate, Fate::kAnswered);
  }
  EXPECT_EQ(EstablishedTo(endpoint.address()), 1) << "kept for the next call";
  caller_.Forget("partners/clear");
  EXPECT_EQ(EstablishedTo(endpoint.address()), 1) << "another partner's name";
  caller_.Forget("partners/clear-pay");
  int open = 1;
  for (int i = 0; i < 100 && open > 0; ++i) {
    absl::SleepFor(absl::Milliseconds(20));
    open = EstablishedTo(endpoint.address());
  }
  EXPECT_EQ(open, 0);
}

// Clause: P1.4e
TEST_F(GrpcPartnerCallerTest, AForgottenPartnerThatReadsSlowlyFindsAResetAndNotWhatWasQueued) {
  v1::PartnerEndpoint endpoint = Serve();
  StalledRelay relay(endpoint.address());
  endpoint.set_address(relay.address());
  const auto line = Connect(endpoint);
  ASSERT_TRUE(line.ok()) << line.status();
  ASSERT_EQ(Call(*line, "good").fate, Fate::kAnswered);
  relay.Stall();
  shop::v1::PaymentRequest request;
  request.set_payment_token(std::string(900'000, 'x'));
  absl::Notification ended;
  const auto call = (*line)->Start(kMethod, request.SerializeAsString(), absl::Now() + absl::Seconds(30),
                                   [&](const CallResult&) { ended.Notify(); });
  absl::SleepFor(absl::Milliseconds(300));  // what the flow control lets go is queued in the kernel by then
  const absl::Time before = absl::Now();
  call->Cancel();
  ended.WaitForNotification();
  caller_.Forget("partners/clear-pay");
  const StalledRelay::Rest rest = relay.Drain();
  EXPECT_LT(absl::Now() - before, absl::Seconds(1));
  EXPECT_TRUE(rest.reset);
  // At most what its own small buffer had taken.
  EXPECT_LT(rest.bytes, 40'000u);
}

TEST_F(GrpcPartnerCallerTest, AConnectionEndsWithTheCertificateThatOpenedIt) {
  const v1::PartnerEndpoint endpoint = Serve(partner_ca_, {"pay.example"}, "127.0.0.1:0", absl::Seconds(3));
  {
    const auto line = Connect(endpoint);
    ASSERT_TRUE(line.ok()) << line.status();
    ASSERT_EQ(Call(*line, "good").fate, Fate::kAnswered);
  }
  absl::SleepFor(absl::Seconds(4));
  EXPECT_EQ(ReasonOf(Connect(endpoint, absl::Seconds(3)).status()), v1::ERROR_REASON_PARTNER_UNREACHABLE);
  EXPECT_EQ(partner_.calls, 1);
}

TEST_F(GrpcPartnerCallerTest, ComesBackWhenThePartnerDoes) {
  const v1::PartnerEndpoint endpoint = Serve();
  ASSERT_TRUE(Connect(endpoint).ok());
  server_->Shutdown();
  server_.reset();
  EXPECT_EQ(ReasonOf(Connect(endpoint, absl::Milliseconds(500)).status()), v1::ERROR_REASON_PARTNER_UNREACHABLE);
  Serve(partner_ca_, {"pay.example"}, endpoint.address());
  const auto line = Connect(endpoint);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(Call(*line, "good").fate, Fate::kAnswered);
}

TEST_F(GrpcPartnerCallerTest, UsesTheNewCertificateForNewConnections) {
  const v1::PartnerEndpoint endpoint = Serve();
  const Authority stranger = NewAuthority("stranger");
  const KeyPairPem unknown = Issue(stranger, {"spiffe://shop.example/gateway"}, /*server=*/false);
  caller_.SetCertificate({unknown.certificate, unknown.private_key});
  const auto refused = Connect(endpoint, absl::Seconds(2));
  if (refused.ok()) {
    // TLS 1.3 lets a client believe that it is connected before the server has looked at its certificate.
    EXPECT_NE(Call(*refused, "good", absl::Seconds(5)).fate, Fate::kAnswered);
  }
  EXPECT_EQ(partner_.calls, 0);
  caller_.SetCertificate({client_.certificate, client_.private_key});
  const auto line = Connect(endpoint);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(Call(*line, "good").fate, Fate::kAnswered);
}

}  // namespace
}  // namespace postern::delivery
