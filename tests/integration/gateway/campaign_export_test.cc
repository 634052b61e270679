// A terminated partner's campaign leaves the gateway as evidence and is verified without it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/partner/attestation_signer.h"
#include "client/partner/deletion_responder.h"
#include "proto/postern/v1/campaign_evidence.pb.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kIncomplete = 1;
constexpr int kNotVerified = 5;

class CampaignExportTest : public ::testing::Test {
 protected:
  CampaignExportTest() {
    shop_.Open();
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(shop_.Disclose(RecordOf(PlainShipment(absl::StrCat("canary-", i))), "swift-parcel", "delivery")
                      .has_disclosure());
    }
    shop_.Receive("swift-parcel", 3);
    campaign_ = shop_.Terminate("swift-parcel").campaign().name();
    shop_.Notices("swift-parcel");
    gateway().WritePair("otto", gateway().PersonPair("otto"));
    gateway().WritePair("vera", gateway().PersonPair("vera"));
    WriteWholeFile(gateway().Path("gateway-ca.crt"), gateway().pki().CaPem("gateway"));
    EXPECT_EQ(Shell(absl::StrCat("openssl pkey -in ", gateway().data_dir(), "/keys/notice-signing.pem -pubout -out ",
                                 NoticeKey())),
              0);
  }

  TestGateway& gateway() { return shop_.gateway(); }
  std::string NoticeKey() { return gateway().Path("notice.pub"); }
  std::string Folder() { return gateway().Path("evidence"); }

  int Shell(const std::string& command) {
    const std::string log = gateway().Path("shell.out");
    const int status = std::system(absl::StrCat(command, " >", log, " 2>&1").c_str());
    output_ = ReadWholeFile(log);
    return WEXITSTATUS(status);
  }
  // posternctl ARGUMENTS against the running gateway.
  int Online(const std::string& person, const std::string& arguments) {
    return Shell(absl::StrCat(POSTERN_POSTERNCTL, " ", arguments, " --address ",
                              gateway().process().Address("operators"), " --cert ", gateway().Path(person + ".crt"),
                              " --key ", gateway().Path(person + ".key"), " --ca ", gateway().Path("gateway-ca.crt")));
  }
  int Verify(const std::string& arguments) {
    return Shell(absl::StrCat(POSTERN_POSTERNCTL, " campaign verify ", Folder(), " ", arguments));
  }

  void Answer() {
    const auto key = client::verify::PublicKey::FromPem(ReadWholeFile(NoticeKey()));
    ASSERT_TRUE(key.ok()) << key.status();
    client::DeletionResponder responder(
        gateway().PartnerChannel("swift-parcel"), "partners/swift-parcel", *key,
        *client::AttestationSigner::Create("attestation-1", shop_.AttestationKey("swift-parcel").private_key),
        [](const v1::DeletionNoticeStatement::Item&) -> absl::StatusOr<client::DeletionResult> {
          client::DeletionResult result;
          result.result = v1::DeletionAttestationStatement::RESULT_DELETED;
          return result;
        });
    const auto progress = responder.AnswerOpenNotices();
    ASSERT_TRUE(progress.ok()) << progress.status();
    ASSERT_EQ(progress->handles, 3);
  }

  RetailShop shop_;
  std::string campaign_;
  std::string output_;
};

// Clause: P1.4e
TEST_F(CampaignExportTest, WhatWasSignedIsVerifiedWithoutAnyGateway) {
  ASSERT_EQ(Online("vera", absl::StrCat("campaign export ", campaign_, " ", Folder())), 0) << output_;
  EXPECT_EQ(Verify("--notice-key " + NoticeKey()), kIncomplete) << output_;
  EXPECT_THAT(output_, HasSubstr("verified"));

  Answer();
  absl::SleepFor(absl::Milliseconds(700));  // a checkpoint over the answer
  EXPECT_NE(Online("vera", absl::StrCat("campaign export --log ", campaign_, " ", Folder())), 0)
      << "the log is an auditor's";
  ASSERT_EQ(Online("otto", absl::StrCat("campaign export --log ", campaign_, " ", Folder())), 0) << output_;
  const std::string tiles = gateway().Path("tiles");
  ASSERT_EQ(Online("otto", "audit export " + tiles), 0) << output_;
  gateway().process().Signal(SIGKILL);

  const std::string keys = absl::StrCat("--notice-key ", NoticeKey(), " --log-key ", tiles, "/log.vkey");
  EXPECT_EQ(Verify(keys + " -o json"), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("\"complete\":true"));
  EXPECT_THAT(output_, HasSubstr("\"deleted\":3"));
  const std::string page = ReadWholeFile(Folder() + "/index.html");
  EXPECT_THAT(page, HasSubstr(campaign_));
  EXPECT_THAT(page, HasSubstr("notice.attested"));
  EXPECT_THAT(page, Not(HasSubstr("canary")));

  // Somebody else's key vouches for nothing, and nothing in it can be changed.
  ASSERT_EQ(Shell(absl::StrCat("openssl genpkey -algorithm ed25519 | openssl pkey -pubout -out ",
                               gateway().Path("other.pub"))),
            0);
  EXPECT_EQ(Verify("--notice-key " + gateway().Path("other.pub")), kNotVerified) << output_;
  v1::CampaignEvidence evidence;
  ASSERT_TRUE(evidence.ParseFromString(ReadWholeFile(Folder() + "/evidence.binpb")));
  evidence.mutable_notices(0)->mutable_attestation()->mutable_payload()->append("x");
  WriteWholeFile(Folder() + "/evidence.binpb", evidence.SerializeAsString());
  EXPECT_EQ(Verify(keys), kNotVerified) << output_;
}

}  // namespace
}  // namespace postern::testing
