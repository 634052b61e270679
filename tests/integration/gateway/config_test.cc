// posternd's command line and its configuration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "tests/support/test_gateway.h"

namespace postern::testing {
namespace {

using ::testing::HasSubstr;

class ConfigTest : public ::testing::Test {
 protected:
  // What --check says after one edit of a good configuration.
  Finished CheckWith(const std::string& from, const std::string& to) {
    const std::string good = ReadWholeFile(gateway_.config_path());
    const std::string bad = absl::StrReplaceAll(good, {{from, to}});
    EXPECT_NE(good, bad) << "the edit did nothing: " << from;
    WriteWholeFile(gateway_.config_path(), bad);
    Finished finished = Check();
    WriteWholeFile(gateway_.config_path(), good);
    return finished;
  }
  Finished Check() { return GatewayProcess::Run({"--config", gateway_.config_path(), "--check"}); }

  TestGateway gateway_;
};

TEST_F(ConfigTest, AGoodConfigurationPasses) {
  const Finished finished = Check();
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_EQ(finished.output, "");
}

TEST_F(ConfigTest, UsageIsItsOwnExitCode) {
  EXPECT_EQ(GatewayProcess::Run({}).exit_code, 2);
  EXPECT_EQ(GatewayProcess::Run({"--config", gateway_.config_path(), "--insecure"}).exit_code, 2);
  EXPECT_EQ(GatewayProcess::Run({"--help"}).exit_code, 0);
}

TEST_F(ConfigTest, UnknownKeysFailWithTheirPlace) {
  const Finished finished = CheckWith("audit_origin:", "audit_origins:");
  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_THAT(finished.output, HasSubstr("postern.txtpb:3:"));
  EXPECT_THAT(finished.output, HasSubstr("audit_origins"));
}

TEST_F(ConfigTest, EveryFindingNamesItsField) {
  const struct {
    const char* from;
    const char* to;
    const char* finding;
  } cases[] = {
      {"data_dir: \"data\"", "data_dir: \"nowhere\"", "data_dir: "},
      {"audit_origin: \"shop.test/postern\"", "audit_origin: \"shop test\"", "audit_origin: "},
      {"shop-ca.crt", "missing.crt", "shop.client_trust_bundle: "},
      {"shop-ca.crt", "server.key", "shop.client_trust_bundle: "},
      {"private_key: \"server.key\"", "private_key: \"gateway-client.key\"", "partners.key_pair: "},
      {"address: \"127.0.0.1:0\"", "address: \"localhost:0\"", "operators.address: "},
      {"operations { address: \"127.0.0.1:0\" }", "operations { address: \"0.0.0.0:0\" }", "operations.address: "},
      {"storefronts { san: \"spiffe://shop.test/storefront\" }", "", "storefronts: "},
      {"people/bob", "people/alice", "people.san: "},
      {"roles: ROLE_VIEWER", "", "people.roles: "},
      {"signed_on: \"2020-01-01\"", "signed_on: \"2020-13-01\"", "people.confidentiality_agreement: "},
      {"\"enrolment-ca.", "\"server.", "enrolment_ca: "},
  };
  for (const auto& broken : cases) {
    const Finished finished = CheckWith(broken.from, broken.to);
    EXPECT_EQ(finished.exit_code, 3) << broken.to;
    EXPECT_THAT(finished.output, HasSubstr(broken.finding)) << broken.to;
  }
}

TEST_F(ConfigTest, KeysThatOthersMayReadAreRefused) {
  for (const char* file : {"server.key", "data/keys/root.keyset", "data/keys/audit-signing.pem"}) {
    chmod(gateway_.Path(file).c_str(), 0640);
    const Finished finished = Check();
    EXPECT_EQ(finished.exit_code, 3) << file;
    EXPECT_THAT(finished.output, HasSubstr(file));
    chmod(gateway_.Path(file).c_str(), 0600);
  }
  chmod(gateway_.data_dir().c_str(), 0755);
  EXPECT_THAT(Check().output, HasSubstr("data_dir: "));
}

TEST_F(ConfigTest, TheSameKeyInTwoFilesIsRefused) {
  const struct {
    const char* from;
    const char* to;
    const char* finding;
  } cases[] = {
      {"data/keys/root.keyset", "data/keys/minors-root.keyset", "keys.minors_root_keyset: "},
      {"data/keys/audit-signing.pem", "data/keys/notice-signing.pem", "keys.notice_signing_key: "},
  };
  for (const auto& same : cases) {
    const std::string good = ReadWholeFile(gateway_.Path(same.to));
    WriteWholeFile(gateway_.Path(same.to), ReadWholeFile(gateway_.Path(same.from)));
    EXPECT_THAT(Check().output, HasSubstr(same.finding));
    WriteWholeFile(gateway_.Path(same.to), good);
  }
}

TEST_F(ConfigTest, ACertificateThatHasEndedIsRefused) {
  gateway_.WritePair("server", gateway_.pki().ClientUntil("gateway", {"localhost"}, absl::Now() - absl::Hours(3),
                                                          absl::Now() - absl::Hours(1)));
  EXPECT_EQ(Check().exit_code, 3);
}

TEST_F(ConfigTest, InitKeysMakesWhatIsMissingAndNothingElse) {
  const std::string audit_key = gateway_.Path("data/keys/audit-signing.pem");
  const std::string before = ReadWholeFile(gateway_.Path("data/keys/root.keyset"));
  std::filesystem::remove(audit_key);
  const Finished finished = GatewayProcess::Run({"--config", gateway_.config_path(), "--init-keys"});
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_EQ(finished.output, absl::StrCat("made ", audit_key, "\n"));
  EXPECT_EQ(ReadWholeFile(gateway_.Path("data/keys/root.keyset")), before);
  struct stat info {};
  ASSERT_EQ(stat(audit_key.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

}  // namespace
}  // namespace postern::testing
