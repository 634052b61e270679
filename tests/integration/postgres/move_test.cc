// A gateway's ledger moves from SQLite into PostgreSQL, and the gateway goes on with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/e2e/audit_check.h"
#include "tests/postgres/postgres_server.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kCarrier[] = "swift-parcel";

class MoveTest : public ::testing::Test {
 protected:
  MoveTest() {
    shop_.Open();
    for (int i = 0; i < 4; ++i) Disclose(absl::StrCat("before-", i));
    EXPECT_THAT(shop_.Receive(kCarrier, 2), SizeIs(2));
    shop_.Terminate("nordic-freight");  // its keys are destroyed, and a campaign has notices
  }
  void Disclose(const std::string& reference) {
    const v1::TargetResult result = shop_.Disclose(RecordOf(PlainShipment(reference)), kCarrier, "delivery");
    EXPECT_TRUE(result.has_disclosure()) << result.DebugString();
  }
  void Stop() {
    shop_.gateway().process().Signal(SIGTERM);
    ASSERT_EQ(shop_.gateway().process().Wait(absl::Seconds(30)), 0);
  }
  // The gateway's configuration with the ledger in PostgreSQL.
  std::string NewConfig() {
    const std::string path = shop_.gateway().Path("new.txtpb");
    WriteWholeFile(path, absl::StrCat(ReadWholeFile(shop_.gateway().config_path()), "\nstore { postgres: \"",
                                      server_.Conninfo(), "\" }\n"));
    return path;
  }
  Finished Move(const std::string& from) {
    return GatewayProcess::Run({"--config", NewConfig(), "--move-store", from});
  }
  std::string Ledger() { return shop_.gateway().data_dir() + "/ledger"; }
  void ServeFromPostgres() {
    WriteWholeFile(shop_.gateway().config_path(), ReadWholeFile(NewConfig()));
    shop_.gateway().Restart();
  }

  PostgresServer server_;
  RetailShop shop_;
};

TEST_F(MoveTest, TheGatewayGoesOnWithTheSameLogAndQueues) {
  const std::vector<v1::DeletionNotice> notices = shop_.Notices("nordic-freight");
  const size_t entries = shop_.AuditEntries().size();
  // A state of the ledger in use is copied and verified, and served only once nobody writes to the ledger any more.
  const Finished early = Move(Ledger());
  EXPECT_EQ(early.exit_code, 1) << early.output;
  EXPECT_THAT(early.output, HasSubstr("copied and verified"));
  EXPECT_THAT(early.output, HasSubstr("stop it and move again"));
  Disclose("meanwhile");
  Stop();
  const Finished moved = Move(Ledger());
  ASSERT_EQ(moved.exit_code, 0) << moved.output;
  EXPECT_THAT(moved.output, HasSubstr("disclosure: 5"));
  EXPECT_FALSE(fs::exists(Ledger())) << "nobody goes on with both";
  ServeFromPostgres();
  EXPECT_FALSE(fs::exists(Ledger()));
  EXPECT_GT(shop_.AuditEntries().size(), entries);
  EXPECT_EQ(CheckAuditLog(shop_), "");
  EXPECT_THAT(shop_.Receive(kCarrier, 3), SizeIs(3));
  EXPECT_TRUE(shop_.Settles(kCarrier));
  Disclose("after");
  EXPECT_THAT(shop_.Notices("nordic-freight"), SizeIs(notices.size()));
  EXPECT_EQ(server_.Run("SELECT count(*) FROM postern.disclosure")[0], "6");
  // Who would go on with the old ledger finds that it is not the whole truth.
  Stop();
  for (const auto& entry : fs::directory_iterator(shop_.gateway().data_dir())) {
    if (entry.path().string().find("/ledger.moved-") != std::string::npos) fs::rename(entry.path(), Ledger());
  }
  ASSERT_TRUE(fs::exists(Ledger()));
  const std::string config = ReadWholeFile(shop_.gateway().config_path());
  WriteWholeFile(shop_.gateway().config_path(), config.substr(0, config.rfind("store {")));
  EXPECT_THAT(shop_.gateway().TryStart({}).ToString(), HasSubstr("were published"));
}

TEST_F(MoveTest, PosternctlMovesAndMigrates) {
  Stop();
  const std::string out = shop_.gateway().Path("posternctl.out");
  const auto run = [&](const std::string& arguments) {
    const int state =
        std::system(absl::StrCat(POSTERN_POSTERNCTL, " ", arguments, " >", out, " 2>&1").c_str());  // NOLINT
    return WEXITSTATUS(state);
  };
  const std::string old_config = absl::StrCat(" --gateway-config ", shop_.gateway().config_path());
  EXPECT_EQ(run("store migrate --dry-run" + old_config), 0) << ReadWholeFile(out);
  EXPECT_THAT(ReadWholeFile(out), HasSubstr("have version 4 already; nothing was changed"));
  EXPECT_EQ(run("store migrate" + old_config), 0) << ReadWholeFile(out);
  EXPECT_EQ(run(absl::StrCat("store move --from ", Ledger(), old_config)), 3) << "it names no PostgreSQL";
  const std::string config = absl::StrCat(" --gateway-config ", NewConfig());
  EXPECT_EQ(run("store migrate" + config), 3) << "there is no ledger yet";
  ASSERT_EQ(run(absl::StrCat("store move --from ", Ledger(), config)), 0) << ReadWholeFile(out);
  EXPECT_EQ(run("store migrate" + config), 0) << ReadWholeFile(out);
  EXPECT_THAT(ReadWholeFile(out), HasSubstr("have version 1 already"));
  ServeFromPostgres();
  Disclose("after");
}

}  // namespace
}  // namespace postern::testing
