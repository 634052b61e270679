// A webhook that is cut: the request under way is reset, with what the kernel still had of it.
#include "server/delivery/channel/http_poster.h"

#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "client/pki/authority.h"
#include "tests/unit/server/delivery/channel/stalled_relay.h"
#include "tests/unit/server/delivery/channel/tls_sink.h"

namespace postern::delivery {
namespace {

// Clause: P1.4e
TEST(HttpPosterTest, ACancelledRequestToASlowServerIsResetAndWhatWasQueuedIsGone) {
  const auto authority =
      client::Authority::Create("partner", absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(24));
  ASSERT_TRUE(authority.ok()) << authority.status();
  client::CertificateRequest request;
  request.names = {"pay.example"};
  request.server = true;
  request.not_before = absl::Now() - absl::Hours(1);
  request.not_after = absl::Now() + absl::Hours(1);
  const TlsSink server(*authority->Issue(request));
  StalledRelay relay(server.address());

  HttpPoster poster({});
  HttpPost post;
  post.address = relay.address();
  post.name = "pay.example";
  post.path = "/";
  post.trust_bundle_pem = authority->Pem()->certificate;
  post.body = std::string(8 << 20, 'x');
  post.timeout = absl::Seconds(30);
  post.allow_private = true;
  HttpAnswer answer;
  absl::Notification done;
  const HttpPoster::Token token = poster.Post(std::move(post), [&](HttpAnswer ended) {
    answer = std::move(ended);
    done.Notify();
  });
  for (int i = 0; i < 500 && relay.forwarded() < 100'000; ++i) absl::SleepFor(absl::Milliseconds(10));
  ASSERT_GE(relay.forwarded(), 100'000u) << "the request is under way";
  relay.Stall();
  absl::SleepFor(absl::Milliseconds(300));
  const absl::Time before = absl::Now();
  poster.Cancel(token);
  done.WaitForNotification();
  EXPECT_EQ(answer.fate, HttpAnswer::Fate::kLost);
  const StalledRelay::Rest rest = relay.Drain();
  EXPECT_LT(absl::Now() - before, absl::Seconds(1));
  EXPECT_TRUE(rest.reset);
  EXPECT_LT(rest.bytes, 40'000u) << "at most what its own small buffer had taken";
}

}  // namespace
}  // namespace postern::delivery
