// posternd on PostgreSQL, chosen by one line of its configuration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/e2e/audit_check.h"
#include "tests/postgres/postgres_server.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kCarrier[] = "swift-parcel";

std::string StoreLine(const PostgresServer& server) {
  return absl::StrCat("store { postgres: \"", server.Conninfo(), "\" }\n");
}

class PostgresGatewayTest : public ::testing::Test {
 protected:
  void SetUp() override { shop_.Open(); }

  v1::TargetResult Disclose(const std::string& reference) {
    return shop_.Disclose(RecordOf(PlainShipment(reference)), kCarrier, "delivery");
  }
  // Kills the gateway and starts it again on what it left.
  void KillAndRestart() {
    shop_.gateway().process().Signal(SIGKILL);
    shop_.gateway().process().Wait(absl::Seconds(10));
    shop_.gateway().Restart();
  }
  // The outcome of one disclosure, whatever it is; its reason, "" if it was authorised.
  std::string TryToDisclose(const v1::CreateDisclosureRequest& request) {
    v1::CreateDisclosureResponse response;
    const grpc::Status status = shop_.Storefront()->CreateDisclosure(Deadline().get(), request, &response);
    if (!status.ok()) return ReasonOf(status);
    if (response.results_size() != 1) return "no result";
    if (response.results(0).has_disclosure()) return "";
    return response.results(0).ShortDebugString();
  }

  PostgresServer server_;
  RetailShop shop_{StoreLine(server_)};
};

TEST_F(PostgresGatewayTest, ARecordGoesTheWholeWayThroughCrashes) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Disclose(absl::StrCat("before-", i)).has_disclosure());
  EXPECT_THAT(shop_.Receive(kCarrier, 3), SizeIs(3));
  // What is not settled yet when the gateway is killed is delivered again.
  for (int i = 0; i < 100 && shop_.Pending(kCarrier) != 2; ++i) absl::SleepFor(absl::Milliseconds(50));
  EXPECT_EQ(shop_.Pending(kCarrier), 2);
  KillAndRestart();
  EXPECT_THAT(shop_.Receive(kCarrier, 2), SizeIs(2));
  EXPECT_TRUE(shop_.Settles(kCarrier));
  EXPECT_TRUE(Disclose("after").has_disclosure());
  shop_.Terminate(kCarrier);
  EXPECT_FALSE(shop_.Notices(kCarrier).empty());
  KillAndRestart();
  EXPECT_FALSE(shop_.Notices(kCarrier).empty());
  EXPECT_EQ(CheckAuditLog(shop_), "");
  EXPECT_EQ(server_.Run("SELECT count(*) FROM postern.disclosure")[0], "6");
  EXPECT_EQ(server_.Run("SELECT count(*) FROM postern.pending")[0], "0");
  EXPECT_FALSE(std::filesystem::exists(shop_.gateway().data_dir() + "/ledger")) << "there is no second ledger";
}

TEST_F(PostgresGatewayTest, WithoutItsServerNothingLeavesAndItComesBackByItself) {
  EXPECT_TRUE(Disclose("before").has_disclosure());
  server_.Kill();
  const v1::CreateDisclosureRequest request =
      RetailShop::RequestFor(RecordOf(PlainShipment("meanwhile")), kCarrier, "delivery");
  EXPECT_THAT(TryToDisclose(request), HasSubstr("LEDGER_UNAVAILABLE"));
  server_.Start();
  std::string refusal = "not asked";
  for (int i = 0; i < 300 && !refusal.empty(); ++i) {
    refusal = TryToDisclose(request);
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_EQ(refusal, "");
  EXPECT_EQ(server_.Run("SELECT count(*) FROM postern.disclosure")[0], "2");
  EXPECT_THAT(shop_.Receive(kCarrier, 2), SizeIs(2));
  EXPECT_EQ(CheckAuditLog(shop_), "");
}

TEST_F(PostgresGatewayTest, ASecondGatewayOnTheSchemaDoesNotStart) {
  TestGateway second(StoreLine(server_));
  EXPECT_THAT(second.TryStart({}).ToString(), HasSubstr("in use by another gateway"));
}

TEST(PostgresConfigTest, CheckRefusesAPasswordAndDoesNotRepeatIt) {
  TestGateway gateway("store { postgres: \"host=/run/postgresql dbname=postern password=hunter2\" }\n");
  const Finished checked = GatewayProcess::Run({"--config", gateway.config_path(), "--check"});
  EXPECT_NE(checked.exit_code, 0);
  EXPECT_THAT(checked.output, HasSubstr("store.postgres: it must not have a password"));
  EXPECT_THAT(checked.output, Not(HasSubstr("hunter2")));
}

TEST(PostgresConfigTest, CheckTakesAConnectionString) {
  TestGateway gateway("store { postgres: \"host=/run/postgresql dbname=postern\" }\n");
  const Finished checked = GatewayProcess::Run({"--config", gateway.config_path(), "--check"});
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
}

}  // namespace
}  // namespace postern::testing
