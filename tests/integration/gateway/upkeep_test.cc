// The gateway looks after itself: the self-check and the keys' generations, through the API and posternctl.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/postern/v1/maintenance_service.grpc.pb.h"
#include "tests/support/test_gateway.h"

namespace postern::testing {
namespace {

using ::testing::HasSubstr;

class UpkeepTest : public ::testing::Test {
 protected:
  UpkeepTest() { gateway_.Start(); }

  static v1::RunSelfCheckRequest Areas(const std::vector<v1::CheckFinding::Area>& areas) {
    v1::RunSelfCheckRequest request;
    for (const v1::CheckFinding::Area area : areas) request.add_areas(area);
    return request;
  }
  v1::RunSelfCheckResponse Check(const v1::RunSelfCheckRequest& request = {}) {
    v1::RunSelfCheckResponse response;
    const grpc::Status status = Stub("vera")->RunSelfCheck(Deadline().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  // The one finding about `subject`; its severity is UNSPECIFIED if there is none.
  static v1::CheckFinding About(const std::string& subject, const v1::RunSelfCheckResponse& response) {
    for (const v1::CheckFinding& finding : response.findings()) {
      if (finding.subject() == subject) return finding;
    }
    return {};
  }
  std::unique_ptr<v1::MaintenanceService::Stub> Stub(const std::string& person) {
    return v1::MaintenanceService::NewStub(gateway_.Person(person));
  }
  // As vera; the exit code.
  int Posternctl(const std::string& arguments) {
    gateway_.WritePair("vera", gateway_.PersonPair("vera"));
    WriteWholeFile(gateway_.Path("gateway-ca.crt"), gateway_.pki().CaPem("gateway"));
    const std::string log = gateway_.Path("posternctl.out");
    const int status = std::system(absl::StrCat(POSTERN_POSTERNCTL, " ", arguments, " --address ",
                                                gateway_.process().Address("operators"), " --cert ",
                                                gateway_.Path("vera.crt"), " --key ", gateway_.Path("vera.key"),
                                                " --ca ", gateway_.Path("gateway-ca.crt"), " >", log, " 2>&1")
                                       .c_str());
    output_ = ReadWholeFile(log);
    return WEXITSTATUS(status);
  }
  bool Logs(const std::string& text) {
    for (int i = 0; i < 500; ++i) {
      if (gateway_.process().Log().find(text) != std::string::npos) return true;
      absl::SleepFor(absl::Milliseconds(10));
    }
    return false;
  }

  TestGateway gateway_;
  std::string output_;
};

// Clause: W3a
TEST_F(UpkeepTest, ASoundGatewayHasNothingToFindButTheAgreementThatEnded) {
  const v1::RunSelfCheckResponse all = Check();
  ASSERT_EQ(all.findings_size(), 1) << all.DebugString();
  EXPECT_EQ(all.findings(0).area(), v1::CheckFinding::AREA_EXPIRY);
  EXPECT_EQ(all.findings(0).severity(), v1::CheckFinding::SEVERITY_WARNING);
  EXPECT_EQ(all.findings(0).subject(), "people");
  EXPECT_TRUE(Logs("\"event\":\"self_check.finding\""));
  const std::string metrics = HttpGet(gateway_.process().Address("operations"), "/metrics");
  EXPECT_THAT(metrics, HasSubstr("postern_self_check_errors 0"));
  EXPECT_THAT(metrics, HasSubstr("postern_self_check_warnings 1"));
  EXPECT_THAT(metrics, ::testing::Not(HasSubstr("postern_self_check_time_seconds 0")));
}

// Clause: W3a
TEST_F(UpkeepTest, ItChecksItselfUnasked) {
  gateway_.process().Signal(SIGKILL);
  ASSERT_NE(gateway_.process().Wait(absl::Seconds(10)), -1);
  ASSERT_TRUE(gateway_.TryStart({"POSTERN_FAILPOINTS=self_check.wait=skip"}).ok()) << "the first run is due at once";
  EXPECT_TRUE(Logs("\"event\":\"self_check.finding\""));
}

// Clause: W3a
TEST_F(UpkeepTest, DamageAndNeglectAreFound) {
  absl::SleepFor(absl::Milliseconds(500));  // the checkpoint over the start is written
  WriteWholeFile(gateway_.Path("data/checkpoint"), "not a checkpoint\n");
  EXPECT_EQ(About("checkpoint", Check(Areas({v1::CheckFinding::AREA_INTEGRITY}))).severity(),
            v1::CheckFinding::SEVERITY_ERROR);

  const std::string root = gateway_.Path("data/keys/root.keyset");
  std::filesystem::rename(root, root + ".away");
  EXPECT_EQ(About("keys.root_keyset", Check(Areas({v1::CheckFinding::AREA_KEYS}))).severity(),
            v1::CheckFinding::SEVERITY_ERROR);
  std::filesystem::rename(root + ".away", root);
  EXPECT_EQ(Check(Areas({v1::CheckFinding::AREA_KEYS})).findings_size(), 0);

  const absl::Time now = absl::Now();
  const auto show = [&](absl::Duration left) {
    gateway_.WritePair("gateway-client", gateway_.pki().ClientUntil("gateway", {"spiffe://shop.test/gateway"},
                                                                    now - absl::Hours(24 * 60), now + left));
    return About("client_certificate", Check(Areas({v1::CheckFinding::AREA_EXPIRY}))).severity();
  };
  EXPECT_EQ(show(absl::Hours(24 * 40)), v1::CheckFinding::SEVERITY_UNSPECIFIED);
  EXPECT_EQ(show(absl::Hours(24 * 20)), v1::CheckFinding::SEVERITY_WARNING);
  EXPECT_EQ(show(absl::Hours(24 * 2)), v1::CheckFinding::SEVERITY_ERROR);
}

// Clause: W3a
TEST_F(UpkeepTest, PosternctlTellsFindingsByItsExitCode) {
  EXPECT_EQ(Posternctl("store check"), 0) << output_;
  EXPECT_EQ(Posternctl("keys check"), 0) << output_;
  EXPECT_EQ(Posternctl("check"), 1) << output_;
  EXPECT_THAT(output_, HasSubstr("a confidentiality agreement has ended"));
  EXPECT_EQ(Posternctl("keys list"), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("GENERATION"));
  EXPECT_EQ(Posternctl("keys rotate"), 3) << "a viewer may not: " << output_;
}

TEST_F(UpkeepTest, AGenerationIsStartedByHandAndWrapsWhatLives) {
  gateway_.CreatePartner("swift-parcel", "logistics");
  v1::RotateKeysResponse rotated;
  EXPECT_EQ(ReasonOf(Stub("otto")->RotateKeys(Deadline().get(), {}, &rotated)), "ERROR_REASON_ROLE_DENIED");
  ASSERT_TRUE(Stub("alice")->RotateKeys(Deadline().get(), {}, &rotated).ok());
  EXPECT_EQ(rotated.generation().number(), 2);
  EXPECT_TRUE(Logs("\"event\":\"keys.rewrapped\""));
  v1::ListKeyGenerationsResponse list;
  ASSERT_TRUE(Stub("vera")->ListKeyGenerations(Deadline().get(), {}, &list).ok());
  ASSERT_EQ(list.generations_size(), 2);
  EXPECT_EQ(list.generations(0).number(), 2);
  EXPECT_FALSE(list.generations(1).has_destroy_time()) << "backups of the last weeks can still be used";
  EXPECT_EQ(Check(Areas({v1::CheckFinding::AREA_KEYS})).findings_size(), 0);

  gateway_.process().Signal(SIGKILL);
  ASSERT_NE(gateway_.process().Wait(absl::Seconds(10)), -1);
  gateway_.Restart();
  EXPECT_EQ(Check(Areas({v1::CheckFinding::AREA_KEYS, v1::CheckFinding::AREA_INTEGRITY})).findings_size(), 0);
}

}  // namespace
}  // namespace postern::testing
