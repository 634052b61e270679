// Backups made while the gateway serves, and what happens when one is put back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/postern/v1/audit_service.grpc.pb.h"
#include "proto/postern/v1/maintenance_service.grpc.pb.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kCarrier[] = "partners/swift-parcel";

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() {
    const std::string config = shop_.gateway().config_path();
    WriteWholeFile(config, absl::StrCat(ReadWholeFile(config), "\nbackup_dir: \"backups\"\n"));
    mkdir(shop_.gateway().Path("backups").c_str(), 0700);
    Stop();
    shop_.gateway().Restart();
    shop_.Open();
  }

  void Stop() {
    shop_.gateway().process().Signal(SIGTERM);
    ASSERT_EQ(shop_.gateway().process().Wait(absl::Seconds(30)), 0);
  }
  std::unique_ptr<v1::MaintenanceService::Stub> Maintenance(const std::string& person) {
    return v1::MaintenanceService::NewStub(shop_.gateway().Person(person));
  }
  // Makes a backup as alice, by the API; its folder.
  std::string BackUp(v1::Backup::Kind kind) {
    v1::StartBackupRequest request;
    request.set_kind(kind);
    v1::StartBackupResponse started;
    const grpc::Status status = Maintenance("alice")->StartBackup(Deadline().get(), request, &started);
    EXPECT_TRUE(status.ok()) << status.error_message();
    v1::GetBackupResponse now;
    do {
      absl::SleepFor(absl::Milliseconds(10));
      EXPECT_TRUE(Maintenance("vera")->GetBackup(Deadline().get(), {}, &now).ok());
    } while (now.backup().state() == v1::Backup::STATE_RUNNING);
    EXPECT_EQ(now.backup().state(), v1::Backup::STATE_COMPLETE) << now.DebugString();
    return now.backup().directory();
  }
  Finished Posternd(const std::string& mode, const std::string& argument) {
    return GatewayProcess::Run({"--config", shop_.gateway().config_path(), mode, argument});
  }
  std::string Origin() {
    v1::GetCheckpointResponse response;
    // The first checkpoint comes a moment after the start.
    grpc::Status status = shop_.Auditor()->GetCheckpoint(Deadline().get(), {}, &response);
    for (int i = 0; i < 100 && !status.ok(); ++i) {
      absl::SleepFor(absl::Milliseconds(50));
      status = shop_.Auditor()->GetCheckpoint(Deadline().get(), {}, &response);
    }
    EXPECT_TRUE(status.ok()) << status.error_message();
    const std::string& note = response.checkpoint();
    return note.substr(0, note.find('\n'));
  }
  v1::Partner Carrier() {
    v1::GetPartnerRequest request;
    request.set_name(kCarrier);
    v1::Partner partner;
    const grpc::Status status = shop_.Operator("vera")->GetPartner(Deadline().get(), request, &partner);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return partner;
  }
  void Disclose(const std::string& reference) {
    const v1::TargetResult result = shop_.Disclose(RecordOf(PlainShipment(reference)), "swift-parcel", "delivery");
    EXPECT_TRUE(result.has_disclosure()) << result.DebugString();
  }

  RetailShop shop_;
};

// Clause: P1.3c
TEST_F(RecoveryTest, ABackupIsPrivateCompleteAndSealed) {
  Disclose("one");
  const std::string ledger = BackUp(v1::Backup::KIND_LEDGER);
  const std::string keys = BackUp(v1::Backup::KIND_KEYS);
  for (const std::string& folder : {ledger, keys}) {
    struct stat info {};
    ASSERT_EQ(stat(folder.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
    for (const auto& file : fs::directory_iterator(folder)) {
      ASSERT_EQ(stat(file.path().c_str(), &info), 0);
      EXPECT_EQ(info.st_mode & 0777, 0600u) << file.path();
      EXPECT_THAT(ReadWholeFile(file.path()), Not(HasSubstr("Seestrasse 1"))) << file.path();
    }
    EXPECT_THAT(ReadWholeFile(folder + "/manifest.txtpb"), HasSubstr(Origin()));
  }
  // Both were entered in the audit log before they were made.
  int entries = 0;
  for (const v1::AuditEntry& entry : shop_.AuditEntries()) {
    entries += entry.DebugString().find("backup.started") != std::string::npos;
  }
  EXPECT_EQ(entries, 2);
}

TEST_F(RecoveryTest, OnlyAnOperatorMakesOne) {
  v1::StartBackupRequest request;
  request.set_kind(v1::Backup::KIND_KEYS);
  v1::StartBackupResponse started;
  for (const char* person : {"vera", "otto"}) {
    EXPECT_EQ(ReasonOf(Maintenance(person)->StartBackup(Deadline().get(), request, &started)),
              "ERROR_REASON_ROLE_DENIED");
  }
  v1::GetBackupResponse none;
  EXPECT_EQ(ReasonOf(Maintenance("vera")->GetBackup(Deadline().get(), {}, &none)), "ERROR_REASON_NOT_FOUND");
  request.clear_kind();
  EXPECT_EQ(ReasonOf(Maintenance("alice")->StartBackup(Deadline().get(), request, &started)),
            "ERROR_REASON_INVALID_ARGUMENT");
  EXPECT_TRUE(fs::is_empty(shop_.gateway().Path("backups")));
}

// Clause: P1.5c
TEST_F(RecoveryTest, AKeyStoreFromABackupBringsNothingBack) {
  Disclose("one");
  const std::string keys = BackUp(v1::Backup::KIND_KEYS);
  shop_.Terminate("swift-parcel");  // its keys are destroyed
  Stop();
  const Finished restored = Posternd("--restore", keys);
  ASSERT_EQ(restored.exit_code, 0) << restored.output;
  shop_.gateway().Restart();
  EXPECT_THAT(shop_.gateway().process().Log(), HasSubstr("\"event\":\"keys.shredded_again\""));
  bool recorded = false;
  for (const v1::AuditEntry& entry : shop_.AuditEntries()) {
    recorded = recorded || entry.DebugString().find("key_store_brought_up_to_date") != std::string::npos;
  }
  EXPECT_TRUE(recorded);
  v1::RunSelfCheckRequest request;
  request.add_areas(v1::CheckFinding::AREA_KEYS);
  request.add_areas(v1::CheckFinding::AREA_INTEGRITY);
  v1::RunSelfCheckResponse checked;
  ASSERT_TRUE(Maintenance("vera")->RunSelfCheck(Deadline().get(), request, &checked).ok());
  EXPECT_EQ(checked.findings_size(), 0) << checked.DebugString();
}

// Clause: P1.5c
TEST_F(RecoveryTest, AKeyStoreBehindTheLedgerServesOnlyAfterItsLossWasAccepted) {
  Disclose("before");
  const std::string keys = BackUp(v1::Backup::KIND_KEYS);
  Disclose("after");
  Stop();
  ASSERT_EQ(Posternd("--restore", keys).exit_code, 0);
  const absl::Status behind = shop_.gateway().TryStart({});
  EXPECT_FALSE(behind.ok());
  EXPECT_THAT(behind.message(), HasSubstr("the key store lacks keys"));
  const Finished accepted = GatewayProcess::Run({"--config", shop_.gateway().config_path(), "--accept-key-loss"});
  ASSERT_EQ(accepted.exit_code, 0) << accepted.output;
  EXPECT_THAT(accepted.output, HasSubstr("3 keys count as destroyed")) << "the customer's, the order's and the recipient's";
  shop_.gateway().Restart();
  const auto received = shop_.Receive("swift-parcel", 1);
  ASSERT_EQ(received.size(), 1u);
  EXPECT_THAT(received[0].DebugString(), HasSubstr("before"));
  EXPECT_TRUE(shop_.Settles("swift-parcel")) << "what cannot be opened any more was withdrawn";
  const v1::TargetResult lost = shop_.Disclose(RecordOf(PlainShipment("after")), "swift-parcel", "delivery");
  EXPECT_FALSE(lost.has_disclosure()) << "no other key comes into the lost one's place";
  Disclose("another");
}

// Clause: P1.5c
TEST_F(RecoveryTest, WithoutItsTombstonesAKeyStoreDoesNotServe) {
  Stop();
  const std::string log = shop_.gateway().Path("data/keystore.db.tombstones");
  ASSERT_TRUE(fs::exists(log));
  fs::rename(log, log + ".away");
  const absl::Status started = shop_.gateway().TryStart({});
  EXPECT_FALSE(started.ok());
  EXPECT_THAT(started.message(), HasSubstr("tombstone log"));
  fs::rename(log + ".away", log);
  shop_.gateway().Restart();
}

// Clause: P1.3c
TEST_F(RecoveryTest, AnOldLedgerServesOnlyAfterItsLogWasGivenUp) {
  Disclose("before");
  const std::string ledger = BackUp(v1::Backup::KIND_LEDGER);
  const std::string keys = BackUp(v1::Backup::KIND_KEYS);
  const std::string old_origin = Origin();
  Disclose("after");
  Stop();
  ASSERT_EQ(Posternd("--restore", ledger).exit_code, 0);
  const absl::Status behind = shop_.gateway().TryStart({});
  EXPECT_FALSE(behind.ok());
  EXPECT_THAT(behind.message(), HasSubstr("were published"));

  EXPECT_NE(Posternd("--recover", old_origin + "x").exit_code, 0);
  EXPECT_NE(Posternd("--recover", "").exit_code, 0);
  const Finished recovered = Posternd("--recover", old_origin);
  ASSERT_EQ(recovered.exit_code, 0) << recovered.output;
  EXPECT_THAT(recovered.output, HasSubstr(absl::StrCat("suspended ", kCarrier)));
  shop_.gateway().Restart();
  EXPECT_NE(Origin(), old_origin);
  // The old log's last word is kept, for whoever has a receipt of it.
  EXPECT_THAT(ReadWholeFile(shop_.gateway().Path("data/checkpoint." + old_origin.substr(old_origin.rfind('/') + 1))),
              HasSubstr(old_origin));

  v1::Partner carrier = Carrier();
  EXPECT_EQ(carrier.state(), v1::PARTNER_STATE_SUSPENDED);
  EXPECT_EQ(carrier.state_reason(), "disaster_recovery");
  const v1::TargetResult held = shop_.Disclose(RecordOf(PlainShipment("held")), "swift-parcel", "delivery");
  EXPECT_FALSE(held.has_disclosure());

  v1::ResumePartnerRequest resume;
  resume.set_name(kCarrier);
  resume.set_etag(carrier.etag());
  v1::Partner resumed;
  const grpc::Status status = shop_.Operator("alice")->ResumePartner(Deadline().get(), resume, &resumed);
  ASSERT_TRUE(status.ok()) << status.error_message();
  Disclose("again");
  EXPECT_EQ(shop_.Receive("swift-parcel", 2).size(), 2u) << "what waited in the backup, and the new one";

  // A backup of the keys from before is of the same ledger, under its old name.
  Stop();
  ASSERT_EQ(Posternd("--restore", keys).exit_code, 0);
  EXPECT_THAT(shop_.gateway().TryStart({}).message(), HasSubstr("the key store lacks keys"));
}

TEST_F(RecoveryTest, ADamagedOrForeignBackupMovesNothing) {
  Disclose("one");
  const std::string ledger = BackUp(v1::Backup::KIND_LEDGER);
  EXPECT_NE(Posternd("--restore", ledger).exit_code, 0) << "the gateway runs";
  EXPECT_NE(Posternd("--recover", Origin()).exit_code, 0) << "the gateway runs";
  Stop();
  const auto files = [this] {
    std::vector<std::string> all;
    for (const auto& file : fs::directory_iterator(shop_.gateway().data_dir())) all.push_back(file.path());
    std::sort(all.begin(), all.end());
    return all;
  };
  const std::vector<std::string> before = files();
  EXPECT_NE(Posternd("--restore", shop_.gateway().Path("backups")).exit_code, 0);
  std::string copy = ReadWholeFile(ledger + "/ledger.db");
  copy[copy.size() / 2] = static_cast<char>(copy[copy.size() / 2] ^ 1);
  WriteWholeFile(ledger + "/ledger.db", copy);
  const Finished damaged = Posternd("--restore", ledger);
  EXPECT_NE(damaged.exit_code, 0);
  EXPECT_THAT(damaged.output, HasSubstr("is not what the manifest says"));
  EXPECT_EQ(files(), before);
  shop_.gateway().Restart();
}

TEST_F(RecoveryTest, PosternctlMakesBackups) {
  TestGateway& gateway = shop_.gateway();
  gateway.WritePair("alice", gateway.PersonPair("alice"));
  WriteWholeFile(gateway.Path("gateway-ca.crt"), gateway.pki().CaPem("gateway"));
  const std::string out = gateway.Path("posternctl.out");
  const auto run = [&](const std::string& arguments) {
    return WEXITSTATUS(std::system(absl::StrCat(POSTERN_POSTERNCTL, " ", arguments, " --address ",
                                                gateway.process().Address("operators"), " --cert ",
                                                gateway.Path("alice.crt"), " --key ", gateway.Path("alice.key"),
                                                " --ca ", gateway.Path("gateway-ca.crt"), " >", out, " 2>&1")
                                       .c_str()));
  };
  EXPECT_EQ(run("store backup"), 0) << ReadWholeFile(out);
  EXPECT_THAT(ReadWholeFile(out), HasSubstr("/ledger-"));
  EXPECT_EQ(run("store backup --keys"), 0) << ReadWholeFile(out);
  EXPECT_THAT(ReadWholeFile(out), HasSubstr("/keys-"));
}

}  // namespace
}  // namespace postern::testing
