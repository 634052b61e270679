// Health, metrics, reflection, certificates that change, signals.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/descriptor_database.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"
#include "proto/grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "proto/postern/v1/audit_service.grpc.pb.h"
#include "server/identity/role_table.h"
#include "tests/support/test_gateway.h"

namespace postern::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A unary call with raw bytes.
grpc::Status RawCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& path, const std::string& request,
                     std::string* response) {
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub(channel);
  const auto context = Deadline(absl::Seconds(5));
  grpc::CompletionQueue queue;
  const grpc::Slice slice(request);
  const grpc::ByteBuffer sent(&slice, 1);
  grpc::ByteBuffer received;
  grpc::Status status;
  const auto call = stub.PrepareUnaryCall(context.get(), path, sent, &queue);
  call->StartCall();
  call->Finish(&received, &status, reinterpret_cast<void*>(1));
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  std::vector<grpc::Slice> slices;
  if (status.ok() && received.Dump(&slices).ok()) {
    response->clear();
    for (const grpc::Slice& part : slices) response->append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  queue.Shutdown();
  return status;
}

// grpc.health.v1.HealthCheckResponse{status: SERVING}.
constexpr char kServing[] = "\x08\x01";

class OperationTest : public ::testing::Test {
 protected:
  OperationTest() { gateway_.Start(); }

  // The end of the certificate that a listener shows to a new connection, via the subject's name: "" if there is no
  // handshake.
  bool Answers() {
    v1::ListPartnersResponse response;
    return v1::OperatorService::NewStub(gateway_.Person("alice"))
        ->ListPartners(Deadline(absl::Seconds(2)).get(), v1::ListPartnersRequest(), &response)
        .ok();
  }
  // Waits until the log holds `text`.
  bool Logs(const std::string& text) {
    for (int i = 0; i < 100; ++i) {
      if (gateway_.process().Log().find(text) != std::string::npos) return true;
      absl::SleepFor(absl::Milliseconds(100));
    }
    return false;
  }

  TestGateway gateway_;
};

TEST_F(OperationTest, HealthIsOnEveryListenerAndOnTheOperationsPort) {
  gateway_.CreatePartner("swift-parcel", "logistics");
  std::string response;
  EXPECT_EQ(ReasonOf(RawCall(gateway_.PartnerChannel("swift-parcel"), "/grpc.health.v1.Health/Check", "", &response)),
            "ERROR_REASON_PARTNER_NOT_ACTIVE")
      << "like every other call";
  gateway_.CreatePartner("nordic-freight", "logistics");
  gateway_.CreatePartner("clear-pay", "payment");
  gateway_.ApplyRetailBundle({"swift-parcel"});
  for (const auto& channel :
       {gateway_.Storefront(), gateway_.PartnerChannel("swift-parcel"), gateway_.Person("vera")}) {
    const grpc::Status status = RawCall(channel, "/grpc.health.v1.Health/Check", "", &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response, kServing);
  }
  EXPECT_THAT(HttpGet(gateway_.process().Address("operations"), "/healthz"), HasSubstr("200 OK"));
  EXPECT_THAT(HttpGet(gateway_.process().Address("operations"), "/anything"), HasSubstr("404"));
}

TEST_F(OperationTest, HealthTellsWatchersAndKnowsItsServices) {
  const auto health = grpc::health::v1::Health::NewStub(gateway_.Person("vera"));
  grpc::health::v1::HealthCheckRequest request;
  grpc::health::v1::HealthCheckResponse response;
  for (const char* known : {"postern.v1.OperatorService", "postern.v1.AuditService", "postern.v1.MaintenanceService",
                            "grpc.health.v1.Health"}) {
    request.set_service(known);
    EXPECT_TRUE(health->Check(Deadline().get(), request, &response).ok()) << known;
    EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  }
  request.set_service("postern.v1.PartnerService");
  EXPECT_EQ(ReasonOf(health->Check(Deadline().get(), request, &response)), "ERROR_REASON_NOT_FOUND")
      << "another listener's";

  const auto context = Deadline(absl::Seconds(20));
  const auto watch = health->Watch(context.get(), grpc::health::v1::HealthCheckRequest());
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  gateway_.process().Signal(SIGTERM);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(ReasonOf(watch->Finish()), "ERROR_REASON_DRAINING");
}

// Clause: P1.3b
TEST_F(OperationTest, HealthAndReflectionAreForCallersWithARole) {
  const auto eve = gateway_.Person("eve");  // a valid certificate, and no role
  grpc::health::v1::HealthCheckResponse response;
  const auto health = grpc::health::v1::Health::NewStub(eve);
  EXPECT_EQ(ReasonOf(health->Check(Deadline().get(), grpc::health::v1::HealthCheckRequest(), &response)),
            "ERROR_REASON_ROLE_DENIED");
  const auto watch_context = Deadline();
  const auto watch = health->Watch(watch_context.get(), grpc::health::v1::HealthCheckRequest());
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(ReasonOf(watch->Finish()), "ERROR_REASON_ROLE_DENIED");
  const auto context = Deadline();
  const auto reflection =
      grpc::reflection::v1alpha::ServerReflection::NewStub(eve)->ServerReflectionInfo(context.get());
  grpc::reflection::v1alpha::ServerReflectionResponse answer;
  EXPECT_FALSE(reflection->Read(&answer));
  EXPECT_EQ(ReasonOf(reflection->Finish()), "ERROR_REASON_ROLE_DENIED");
}

// Towards: P1.3d
TEST_F(OperationTest, MetricsCountRefusals) {
  EXPECT_EQ(ReasonOf([&] {
              v1::Partner partner;
              return v1::OperatorService::NewStub(gateway_.Person("vera"))
                  ->CreatePartner(Deadline().get(), v1::CreatePartnerRequest(), &partner);
            }()),
            "ERROR_REASON_ROLE_DENIED");
  const std::string metrics = HttpGet(gateway_.process().Address("operations"), "/metrics");
  EXPECT_THAT(metrics, HasSubstr("postern_refused_calls_total{result=\"role_denied\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("postern_serving 1"));
  EXPECT_THAT(metrics, HasSubstr("postern_certificate_days_left{certificate=\"shop\"} 0.9"));
  EXPECT_THAT(metrics, HasSubstr("postern_key_age_days{key=\"root\"} "));
}

TEST_F(OperationTest, ReflectionIsOnTheOperatorsListenerOnly) {
  const std::string path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  const auto reflects = [&path](const std::shared_ptr<grpc::Channel>& channel) {
    std::string response;
    // ServerReflectionRequest{list_services: "*"}
    return RawCall(channel, path, "\x3a\x01*", &response).error_code() != grpc::StatusCode::UNIMPLEMENTED;
  };
  gateway_.CreatePartner("acme", "logistics");
  EXPECT_TRUE(reflects(gateway_.Person("vera")));
  EXPECT_FALSE(reflects(gateway_.Storefront()));
  EXPECT_FALSE(reflects(gateway_.PartnerChannel("acme")));
}

TEST_F(OperationTest, ReflectionHoldsTheSchemaOfEveryServiceItLists) {
  const auto context = Deadline();
  const auto stream = grpc::reflection::v1alpha::ServerReflection::NewStub(gateway_.Person("vera"))
                          ->ServerReflectionInfo(context.get());
  const auto ask = [&stream](const grpc::reflection::v1alpha::ServerReflectionRequest& request) {
    grpc::reflection::v1alpha::ServerReflectionResponse response;
    EXPECT_TRUE(stream->Write(request) && stream->Read(&response));
    return response;
  };
  grpc::reflection::v1alpha::ServerReflectionRequest request;
  request.set_list_services("");
  const auto listed = ask(request);
  std::vector<std::string> names;
  for (const auto& service : listed.list_services_response().service()) names.push_back(service.name());
  EXPECT_THAT(names,
              ::testing::UnorderedElementsAre("postern.v1.OperatorService", "postern.v1.AuditService",
                                              "postern.v1.SubjectRightsService", "postern.v1.RetentionService",
                                              "postern.v1.StatisticsService", "postern.v1.InvestigationService",
                                              "postern.v1.SupervisionService", "postern.v1.MaintenanceService",
                                              "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"));
  for (const std::string& name : names) {
    request.set_file_containing_symbol(name);
    const auto found = ask(request);
    google::protobuf::SimpleDescriptorDatabase files;
    for (const std::string& bytes : found.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      ASSERT_TRUE(file.ParseFromString(bytes));
      files.Add(file);
    }
    const google::protobuf::DescriptorPool pool(&files);
    const google::protobuf::ServiceDescriptor* service = pool.FindServiceByName(name);
    ASSERT_NE(service, nullptr) << name;
    for (int i = 0; i < service->method_count(); ++i) {
      EXPECT_NE(identity::FindRule(service->method(i)->full_name()), nullptr) << service->method(i)->full_name();
    }
  }
  request.set_file_by_filename("no/such.proto");
  EXPECT_EQ(ask(request).error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(OperationTest, ANewCertificateIsShownWithoutARestart) {
  // The new pair is of another CA: only who sees it can tell.
  gateway_.WritePair("server", gateway_.pki().Server("new gateway"));
  gateway_.process().Signal(SIGHUP);
  ASSERT_TRUE(Logs("certificate.reloaded"));
  bool old_refused = false;
  for (int i = 0; i < 50 && !old_refused; ++i) {
    old_refused = !Answers();
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_TRUE(old_refused) << "clients that trust the old CA only still connect";
}

TEST_F(OperationTest, ABadCertificateKeepsTheOldOneAndSaysSo) {
  WriteWholeFile(gateway_.Path("server.key"), gateway_.pki().Server("gateway").private_key);
  ASSERT_TRUE(Logs("certificate.rejected")) << "noticed without a signal";
  absl::SleepFor(absl::Milliseconds(1500));
  EXPECT_TRUE(Answers());
  EXPECT_THAT(HttpGet(gateway_.process().Address("operations"), "/metrics"),
              HasSubstr("postern_certificate_failures_total 3"));
  WriteWholeFile(gateway_.Path("server.crt"), "-----BEGIN CERTIFICATE-----\n");
  gateway_.process().Signal(SIGHUP);
  absl::SleepFor(absl::Milliseconds(1500));
  EXPECT_TRUE(Answers());
}

TEST_F(OperationTest, SigtermDrains) {
  const auto stub = v1::OperatorService::NewStub(gateway_.Person("alice"));
  const auto context = Deadline(absl::Seconds(30));
  const auto events = stub->WatchEvents(context.get(), v1::WatchEventsRequest());
  events->WaitForInitialMetadata();
  gateway_.process().Signal(SIGTERM);
  v1::WatchEventsResponse event;
  while (events->Read(&event)) {
  }
  EXPECT_EQ(ReasonOf(events->Finish()), "ERROR_REASON_DRAINING");
  EXPECT_EQ(gateway_.process().Wait(absl::Seconds(10)), 0) << gateway_.process().Log();
  EXPECT_THAT(gateway_.process().Log(), HasSubstr("\"event\":\"gateway.stopped\""));
  EXPECT_TRUE(std::filesystem::exists(gateway_.Path("data/checkpoint")));
}

TEST_F(OperationTest, ALedgerThatIsNotThePublishedOneIsNotServed) {
  gateway_.process().Signal(SIGTERM);
  ASSERT_EQ(gateway_.process().Wait(absl::Seconds(10)), 0);
  std::filesystem::remove_all(gateway_.Path("data/ledger"));
  const auto started = GatewayProcess::Start(gateway_.config_path(), gateway_.data_dir(), gateway_.Path("second.log"));
  ASSERT_FALSE(started.ok()) << "an empty ledger was served in place of the published one";
  EXPECT_THAT(std::string(started.status().message()), HasSubstr("was not signed for this ledger"));
}

TEST_F(OperationTest, ALostKeyStoreIsNotReplacedByAnEmptyOne) {
  gateway_.process().Signal(SIGTERM);
  ASSERT_EQ(gateway_.process().Wait(absl::Seconds(10)), 0);
  const std::string key_store = gateway_.Path("data/keystore.db");
  std::filesystem::rename(key_store, key_store + ".away");
  const auto lost = GatewayProcess::Start(gateway_.config_path(), gateway_.data_dir(), gateway_.Path("second.log"));
  ASSERT_FALSE(lost.ok()) << "every key of the ledger is gone, and it serves";
  EXPECT_THAT(std::string(lost.status().message()), HasSubstr("data/keystore.db is missing"));
  EXPECT_FALSE(std::filesystem::exists(key_store));

  std::filesystem::rename(key_store + ".away", key_store);
  gateway_.Restart();
}

TEST_F(OperationTest, TheKeyStoreOfAnotherLedgerIsNotUsed) {
  gateway_.process().Signal(SIGTERM);
  ASSERT_EQ(gateway_.process().Wait(absl::Seconds(10)), 0);
  // As after a restore that mixed two gateways' files up: a ledger that was never published, keys that were used.
  std::filesystem::remove_all(gateway_.Path("data/ledger"));
  std::filesystem::remove(gateway_.Path("data/checkpoint"));
  const auto started = GatewayProcess::Start(gateway_.config_path(), gateway_.data_dir(), gateway_.Path("second.log"));
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(std::string(started.status().message()), HasSubstr("is the key store of another ledger"));
}

// Clause: P1.3d
TEST_F(OperationTest, TheLogTellsWhatHappensToPartners) {
  gateway_.CreatePartner("swift-parcel", "logistics");
  gateway_.CreatePartner("nordic-freight", "logistics");
  gateway_.CreatePartner("clear-pay", "payment");
  gateway_.ApplyRetailBundle({"swift-parcel"});
  EXPECT_TRUE(Logs("\"event\":\"bundle.applied\""));
  EXPECT_TRUE(Logs("\"event\":\"partner.activated\""));
  v1::SuspendPartnerRequest suspend;
  suspend.set_name("partners/swift-parcel");
  suspend.set_reason("late_answers");
  v1::SuspendPartnerResponse suspended;
  ASSERT_TRUE(v1::OperatorService::NewStub(gateway_.Person("alice"))
                  ->SuspendPartner(Deadline().get(), suspend, &suspended)
                  .ok());
  EXPECT_TRUE(
      Logs("\"event\":\"partner.suspended\",\"resource\":\"partners/swift-parcel\",\"reason\":\"late_answers\""))
      << gateway_.process().Log();
  EXPECT_THAT(gateway_.process().Log(), Not(HasSubstr("alice"))) << "who did it is in the audit log";

  const std::string metrics = HttpGet(gateway_.process().Address("operations"), "/metrics");
  EXPECT_THAT(metrics, HasSubstr("postern_contract_days_left{contract=\"partners/swift-parcel/contracts/"));
  EXPECT_THAT(metrics, HasSubstr("# TYPE postern_committed_entries_total counter"));
  EXPECT_THAT(metrics, HasSubstr("# TYPE postern_partner_backlog_records gauge"));
  EXPECT_THAT(metrics, HasSubstr("postern_partner_acknowledged_records_total{partner=\"swift-parcel\"} 0"));
  EXPECT_THAT(metrics, Not(HasSubstr("_total gauge")));
}

TEST_F(OperationTest, BytesThatAreNoTextAreNotQuotedInTheLog) {
  std::string response;
  // A Partner name that is not UTF-8: CreatePartnerRequest{partner{name}}.
  EXPECT_FALSE(RawCall(gateway_.Person("alice"), "/postern.v1.OperatorService/CreatePartner",
                       std::string("\x0a\x04\x0a\x02\xff\xfe", 6), &response)
                   .ok());
  EXPECT_TRUE(Logs("\"event\":\"protobuf.message\""));
  EXPECT_THAT(gateway_.process().Log(), Not(HasSubstr("[libprotobuf")));
}

TEST_F(OperationTest, StrangersThatOnlyConnectDoNotLockPartnersOut) {
  gateway_.CreatePartner("acme", "logistics");
  const std::string address = gateway_.process().Address("partners");
  std::vector<int> strangers;
  for (int i = 0; i < 1100; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) break;
    strangers.push_back(fd);
  }
  ASSERT_GT(strangers.size(), 1024u);
  v1::GetStandingResponse standing;
  const auto context = Deadline(absl::Seconds(8));
  context->set_wait_for_ready(true);
  const grpc::Status status = v1::PartnerService::NewStub(gateway_.PartnerChannel("acme"))
                                  ->GetStanding(context.get(), v1::GetStandingRequest(), &standing);
  EXPECT_TRUE(status.ok()) << status.error_message();
  for (const int fd : strangers) close(fd);
}

TEST_F(OperationTest, TheAuditLogProvesWhatItHolds) {
  gateway_.CreatePartner("acme", "logistics");
  const auto stub = v1::AuditService::NewStub(gateway_.Person("otto"));
  v1::ListEntriesRequest list;
  list.set_limit(1000);
  v1::ListEntriesResponse entries;
  ASSERT_TRUE(stub->ListEntries(Deadline().get(), list, &entries).ok());
  ASSERT_GT(entries.leaves_size(), 1);
  v1::GetCheckpointResponse checkpoint;
  v1::GetInclusionProofRequest ask;
  ask.set_leaf_index(static_cast<uint64_t>(entries.leaves_size() - 1));
  v1::GetInclusionProofResponse proof;
  bool proven = false;
  for (int i = 0; i < 50 && !proven; ++i) {  // the next checkpoint comes within a fifth of a second
    absl::SleepFor(absl::Milliseconds(50));
    proven = stub->GetInclusionProof(Deadline().get(), ask, &proof).ok();
  }
  EXPECT_TRUE(proven);
  EXPECT_EQ(proof.leaf_hash().size(), 32u);
  ASSERT_TRUE(stub->GetCheckpoint(Deadline().get(), v1::GetCheckpointRequest(), &checkpoint).ok());
  EXPECT_THAT(checkpoint.checkpoint(), HasSubstr("shop.test/postern/"));
  EXPECT_THAT(checkpoint.verifier_key(), HasSubstr("shop.test/postern/"));
}

// Clause: P1.3c
TEST_F(OperationTest, ReadsAreInTheAuditLog) {
  gateway_.CreatePartner("acme", "logistics");
  v1::GetPartnerRequest get;
  get.set_name("partners/acme");
  v1::Partner partner;
  ASSERT_TRUE(v1::OperatorService::NewStub(gateway_.Person("vera"))->GetPartner(Deadline().get(), get, &partner).ok());
  v1::ListEntriesRequest list;
  list.set_limit(1000);
  v1::ListEntriesResponse entries;
  ASSERT_TRUE(v1::AuditService::NewStub(gateway_.Person("otto"))->ListEntries(Deadline().get(), list, &entries).ok());
  bool found = false;
  for (const std::string& leaf : entries.leaves()) {
    found |= leaf.find("operators/spiffe://shop.test/people/vera") != std::string::npos &&
             leaf.find("postern.v1.OperatorService.GetPartner") != std::string::npos &&
             leaf.find("partners/acme") != std::string::npos;
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace postern::testing
