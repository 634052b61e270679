// The audit log leaves the gateway as tiles and is verified and asked without it.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <signal.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "tests/support/test_gateway.h"

namespace postern::testing {
namespace {

constexpr int kNotVerified = 5;

class AuditTilesTest : public ::testing::Test {
 protected:
  AuditTilesTest() {
    gateway_.Start();
    gateway_.CreatePartner("swift-parcel", "logistics");
    gateway_.WritePair("otto", gateway_.PersonPair("otto"));
    WriteWholeFile(gateway_.Path("gateway-ca.crt"), gateway_.pki().CaPem("gateway"));
  }

  // posternctl audit ARGUMENTS, as the auditor; its exit code, output in output_.
  int Audit(const std::vector<std::string>& arguments, bool online) {
    std::string command = absl::StrCat(POSTERN_POSTERNCTL, " audit ", absl::StrJoin(arguments, " "));
    if (online) {
      absl::StrAppend(&command, " --address ", gateway_.process().Address("operators"), " --cert ",
                      gateway_.Path("otto.crt"), " --key ", gateway_.Path("otto.key"), " --ca ",
                      gateway_.Path("gateway-ca.crt"));
    }
    const std::string log = gateway_.Path("posternctl.out");
    const int status = std::system(absl::StrCat(command, " >", log, " 2>&1").c_str());
    output_ = ReadWholeFile(log);
    return WEXITSTATUS(status);
  }

  TestGateway gateway_;
  std::string output_;
};

// Clause: P1.3c
TEST_F(AuditTilesTest, ExportVerifyAndProveOffline) {
  const std::string first = gateway_.Path("first");
  const std::string tiles = gateway_.Path("tiles");
  absl::SleepFor(absl::Milliseconds(500));  // a checkpoint over what was done
  ASSERT_EQ(Audit({"export", first}, true), 0) << output_;
  gateway_.CreatePartner("nordic-freight", "logistics");
  absl::SleepFor(absl::Milliseconds(500));
  ASSERT_EQ(Audit({"export", tiles}, true), 0) << output_;
  gateway_.process().Signal(SIGKILL);

  EXPECT_EQ(Audit({"verify", "--tiles", tiles, "-o", "json"}, false), 0) << output_;
  EXPECT_NE(output_.find("\"verified\":true"), std::string::npos) << output_;
  EXPECT_EQ(
      Audit({"verify", "--tiles", tiles, "--key-file", first + "/log.vkey", "--since", first + "/checkpoint"}, false),
      0)
      << output_;
  EXPECT_EQ(Audit({"verify", "--tiles", first, "--since", tiles + "/checkpoint"}, false), kNotVerified) << output_;
  EXPECT_EQ(Audit({"prove", "1", "--tiles", tiles}, false), 0) << output_;
  EXPECT_NE(Audit({"prove", "100000", "--tiles", tiles}, false), 0) << output_;

  // A byte of an entry.
  for (const auto& file : std::filesystem::directory_iterator(tiles + "/tile/entries")) {
    const std::string bundle =
        file.is_directory() ? std::filesystem::directory_iterator(file.path())->path().string() : file.path().string();
    std::string bytes = ReadWholeFile(bundle);
    bytes[40] = static_cast<char>(bytes[40] ^ 1);
    WriteWholeFile(bundle, bytes);
  }
  EXPECT_EQ(Audit({"verify", "--tiles", tiles}, false), kNotVerified) << output_;
  EXPECT_EQ(Audit({"prove", "0", "--tiles", tiles}, false), kNotVerified) << output_;
}

}  // namespace
}  // namespace postern::testing
