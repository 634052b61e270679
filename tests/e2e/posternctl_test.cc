// posternctl against a running gateway: what it prints, what it changes, how it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/pki/authority.h"
#include "google/protobuf/text_format.h"
#include "tests/support/retail_bundle.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Runs a shell command to its end.
Finished Shell(const std::string& command) {
  Finished finished;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) finished.output.append(buffer, n);
  const int status = pclose(pipe);
  finished.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished;
}

class PosternctlTest : public ::testing::Test {
 protected:
  PosternctlTest() {
    for (const char* person : {"alice", "bob", "vera", "otto"}) {
      shop_.gateway().WritePair(person, shop_.gateway().PersonPair(person));
    }
    WriteWholeFile(Path("gateway-ca.crt"), shop_.gateway().pki().CaPem("gateway"));
  }
  std::string Path(const std::string& file) { return shop_.gateway().Path(file); }
  std::string Command(const std::string& person, const std::string& arguments, const std::string& address = "") {
    return absl::StrCat(POSTERN_POSTERNCTL, " --address ",
                        address.empty() ? shop_.gateway().process().Address("operators") : address, " --cert ",
                        Path(person + ".crt"), " --key ", Path(person + ".key"), " --ca ", Path("gateway-ca.crt"), " ",
                        arguments);
  }
  Finished Ctl(const std::string& person, const std::string& arguments) { return Shell(Command(person, arguments)); }
  // What a successful command prints.
  std::string Say(const std::string& person, const std::string& arguments) {
    const Finished finished = Ctl(person, arguments);
    EXPECT_EQ(finished.exit_code, 0) << arguments << "\n" << finished.output;
    return finished.output;
  }
  // Delivers one shipment to swift-parcel, which rejects it for good.
  void Reject(const std::string& reference) {
    ASSERT_TRUE(shop_.Disclose(RecordOf(PlainShipment(reference)), "swift-parcel", "delivery").has_disclosure());
    const auto stub = shop_.Partner("swift-parcel");
    const auto context = Deadline();
    const auto stream = stub->Receive(context.get());
    v1::ReceiveRequest request;
    request.set_add_records(1);
    request.set_add_bytes(1 << 20);
    stream->Write(request);
    v1::ReceiveResponse response;
    ASSERT_TRUE(stream->Read(&response));
    v1::ReceiveRequest reject;
    reject.add_rejected()->set_delivery(response.records(0).delivery());
    reject.mutable_rejected(0)->set_action(v1::DeliveryRejection::ACTION_REJECT);
    stream->Write(reject);
    stream->WritesDone();
    while (stream->Read(&response)) {
    }
    EXPECT_TRUE(stream->Finish().ok());
  }
  // The name of swift-parcel's dead letter, once there is one.
  std::string DeadLetter() {
    std::string list;
    for (int i = 0; i < 50 && list.find("disclosures/") == std::string::npos; ++i) {
      list = Say("vera", "dead-letter list swift-parcel");
    }
    return Word(list, "partners/swift-parcel/disclosures/");
  }
  // The first word of the output that begins so.
  static std::string Word(const std::string& output, const std::string& prefix) {
    for (absl::string_view word : absl::StrSplit(output, absl::ByAnyChar(" \n\","), absl::SkipEmpty())) {
      if (word.rfind(prefix, 0) == 0) return std::string(word);
    }
    ADD_FAILURE() << prefix << " is not in: " << output;
    return "";
  }

  RetailShop shop_;
};

TEST_F(PosternctlTest, ShowsPartnersAndWatchesWhatBecomesOfThem) {
  shop_.Open();
  EXPECT_THAT(Say("vera", "get partners"), HasSubstr("partners/swift-parcel"));
  EXPECT_THAT(Say("vera", "get revisions swift-parcel"), HasSubstr("active"));
  EXPECT_THAT(Say("vera", "get bundle"), HasSubstr("2026-01"));
  EXPECT_THAT(Say("vera", "describe swift-parcel"), HasSubstr("spiffe://swift-parcel.test/client"));

  const std::string seen = Path("watch.json");
  std::thread watcher([&] { Shell("timeout 8 " + Command("vera", "watch -o json > " + seen)); });
  const auto watched = [&](const std::string& what) {
    for (int i = 0; i < 60; ++i) {
      if (ReadWholeFile(seen).find(what) != std::string::npos) return true;
      absl::SleepFor(absl::Milliseconds(50));
    }
    return false;
  };
  EXPECT_THAT(Say("alice", "suspend swift-parcel --dry-run"), HasSubstr("nothing was changed"));
  // Suspends until the watcher, which starts meanwhile, has seen it.
  for (int i = 0; i < 10 && !watched("partner.suspended"); ++i) {
    Say("alice", "suspend swift-parcel --reason check");
    Say("alice", "resume swift-parcel");
  }
  EXPECT_THAT(ReadWholeFile(seen), HasSubstr("partner.suspended"));
  EXPECT_TRUE(watched("partner.resumed"));
  watcher.join();
  EXPECT_THAT(Say("otto", "audit verify"), HasSubstr("verified"));
}

TEST_F(PosternctlTest, EndsWithTheDocumentedCodes) {
  shop_.Open();
  EXPECT_EQ(Ctl("alice", "terminate swift-parcel").exit_code, 2) << "without --confirm";
  EXPECT_EQ(Ctl("alice", "describe nobody").exit_code, 3);
  const Finished denied = Ctl("vera", "suspend swift-parcel");
  EXPECT_EQ(denied.exit_code, 3);
  EXPECT_THAT(denied.output, HasSubstr("ROLE_DENIED"));
  const Finished wrong = Ctl("alice", "terminate swift-parcel --confirm=nordic-freight");
  EXPECT_EQ(wrong.exit_code, 3);
  EXPECT_THAT(wrong.output, HasSubstr("CONFIRMATION_REQUIRED"));
  WriteWholeFile(Path("other.key"), "shop.test/postern+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
  EXPECT_NE(Ctl("otto", "audit verify --key-file " + Path("other.key")).exit_code, 0) << "whose log it is matters";
  EXPECT_EQ(Shell(Command("alice", "get partners --timeout 1", "127.0.0.1:1")).exit_code, 4);
  const Finished completed = Shell(absl::StrCat(
      "bash -c 'source <(", POSTERN_POSTERNCTL,
      " completion); COMP_WORDS=(posternctl campaign att); COMP_CWORD=2; _posternctl; echo ${COMPREPLY[@]}'"));
  EXPECT_EQ(completed.output, "attest-document\n");
}

// What waits for a second person is told by the exit code and by name; what only takes away is done at once.
TEST_F(PosternctlTest, ApplySaysWhatWaitsForASecondPerson) {
  shop_.Open();
  const std::string folder = Path("folder");
  std::filesystem::create_directories(folder);
  v1::PolicyBundle bundle = RetailBundle();
  WriteWholeFile(folder + "/catalogue.binpb", bundle.descriptor_set());
  for (const v1::PolicyBundle::SourceFile& file : bundle.files()) {
    const std::string path = absl::StrCat(folder, "/", file.name());
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    WriteWholeFile(path, file.text());
  }
  const auto partner = [&](const std::vector<std::string>& names) {
    std::string text;
    v1::Partner written;
    for (const std::string& name : names) {
      v1::PartnerIdentity* identity = written.add_identities();
      identity->set_trust_bundle_pem(shop_.gateway().pki().CaPem("swift-parcel"));
      identity->set_spiffe_id(name);
    }
    v1::GetPartnerRequest get;
    get.set_name("partners/swift-parcel");
    v1::Partner now;
    EXPECT_TRUE(shop_.Operator("vera")->GetPartner(Deadline().get(), get, &now).ok());
    written.set_name(now.name());
    written.set_legal_entity(now.legal_entity());
    written.set_kind(now.kind());
    *written.mutable_attestation_keys() = now.attestation_keys();
    google::protobuf::TextFormat::PrintToString(written, &text);
    WriteWholeFile(folder + "/swift-parcel.partner.txtpb", "# proto-message: postern.v1.Partner\n" + text);
  };
  const std::string client = "spiffe://swift-parcel.test/client";
  partner({client, "spiffe://swift-parcel.test/second"});
  const Finished waits = Ctl("alice", "apply -o json -f " + folder);
  EXPECT_EQ(waits.exit_code, 6) << waits.output;
  EXPECT_THAT(waits.output, HasSubstr("\"waiting_partners\""));
  EXPECT_THAT(waits.output, HasSubstr("partners/swift-parcel"));
  EXPECT_THAT(Say("vera", "describe swift-parcel"), HasSubstr("identities: + spiffe://swift-parcel.test/second"));
  EXPECT_EQ(Ctl("bob", "apply -f " + folder).exit_code, 0);
  EXPECT_THAT(Say("vera", "describe swift-parcel"), HasSubstr("spiffe://swift-parcel.test/second"));

  // One goes at once, and the new one waits.
  partner({client, "spiffe://swift-parcel.test/third"});
  EXPECT_EQ(Ctl("alice", "apply -f " + folder).exit_code, 2) << "without --remove-identities";
  EXPECT_EQ(Ctl("alice", "apply --remove-identities -f " + folder).exit_code, 6);
  v1::GetPartnerRequest get;
  get.set_name("partners/swift-parcel");
  v1::Partner now;
  ASSERT_TRUE(shop_.Operator("vera")->GetPartner(Deadline().get(), get, &now).ok());
  ASSERT_EQ(now.identities_size(), 1) << now.DebugString();
  EXPECT_EQ(now.identities(0).spiffe_id(), client);
  ASSERT_EQ(now.pending_update().identities_size(), 2);
}

TEST_F(PosternctlTest, InAnEmergencyOneCommandIsEnough) {
  shop_.Open();
  EXPECT_EQ(Ctl("alice", "suspend").exit_code, 2) << "whom?";
  EXPECT_EQ(Ctl("alice", "suspend swift-parcel --all").exit_code, 2) << "one, or all";
  EXPECT_THAT(Say("alice", "suspend --all --dry-run"), HasSubstr("nothing was changed"));
  EXPECT_THAT(Say("vera", "describe swift-parcel"), HasSubstr("active"));
  EXPECT_THAT(Say("alice", "suspend --all --reason incident"), HasSubstr("partners/swift-parcel"));
  EXPECT_THAT(Say("vera", "describe swift-parcel"), HasSubstr("suspended (incident)"));
  EXPECT_THAT(Say("vera", "describe clear-pay"), HasSubstr("suspended (incident)"));

  EXPECT_EQ(Ctl("alice", "terminate --all-of-kind logistics").exit_code, 2) << "without --confirm";
  EXPECT_THAT(Ctl("alice", "terminate --all-of-kind logistics --confirm=payment").output,
              HasSubstr("CONFIRMATION_REQUIRED"));
  EXPECT_THAT(Say("alice", "terminate --all-of-kind logistics --confirm=logistics"),
              HasSubstr("partners/swift-parcel/deletionCampaigns/"));
  EXPECT_THAT(Say("vera", "describe clear-pay"), HasSubstr("suspended")) << "another kind";
}

TEST_F(PosternctlTest, EndpointsAreEnabledAndGivenSecrets) {
  v1::PartnerEndpoint endpoint;
  endpoint.set_id("authorize");
  endpoint.set_address("127.0.0.1:1");
  endpoint.set_trust_bundle_pem(shop_.gateway().pki().CaPem("clear-pay"));
  endpoint.set_server_san("localhost");
  shop_.Open(nullptr, {endpoint});
  const std::string secret = Word(Say("alice", "endpoint webhook-secret clear-pay authorize"), "whsec_");
  const std::string next = Say("alice", "endpoint webhook-secret clear-pay authorize");
  EXPECT_THAT(next, Not(HasSubstr(secret))) << "a new one each time";
  EXPECT_THAT(Say("vera", "describe clear-pay"), HasSubstr("authorize, not proven, secret 2"));
  EXPECT_THAT(Say("vera", "describe clear-pay"), Not(HasSubstr("whsec_")));
  EXPECT_THAT(ReadWholeFile(Path("posternd.log")), Not(HasSubstr("whsec_")));
  EXPECT_THAT(Ctl("vera", "endpoint webhook-secret clear-pay authorize").output, HasSubstr("ROLE_DENIED"));
  EXPECT_EQ(Ctl("alice", "endpoint enable clear-pay another").exit_code, 3);
  Say("alice", "endpoint enable clear-pay authorize");
}

TEST_F(PosternctlTest, EnrolsAPartnerThatBringsItsOwnKey) {
  shop_.Open();
  const auto request = client::NewEnrolmentRequest("spiffe://swift-parcel.test/enrolled").value();
  WriteWholeFile(Path("swift.csr"), request.certificate_request);
  const std::string enrol = absl::StrCat("enrol swift-parcel --csr ", Path("swift.csr"), " --out ", Path("swift.crt"));
  const Finished alone = Ctl("alice", enrol);
  EXPECT_EQ(alone.exit_code, 3);
  EXPECT_THAT(alone.output, HasSubstr("SECOND_PERSON_REQUIRED"))
      << "who speaks for an active partner is not one person's choice";
  EXPECT_THAT(Say("vera", "describe swift-parcel"), HasSubstr("identities: + spiffe://swift-parcel.test/enrolled"));
  Say("bob", enrol);
  const auto channel = shop_.gateway().Channel("partners", {ReadWholeFile(Path("swift.crt")), request.private_key});
  v1::GetStandingResponse standing;
  const grpc::Status status =
      v1::PartnerService::NewStub(channel)->GetStanding(Deadline().get(), v1::GetStandingRequest(), &standing);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(standing.partner(), "partners/swift-parcel");
  WriteWholeFile(Path("bad.csr"), "-----BEGIN CERTIFICATE REQUEST-----\n");
  EXPECT_EQ(Ctl("alice", "enrol swift-parcel --csr " + Path("bad.csr")).exit_code, 3);
}

TEST_F(PosternctlTest, DeadLettersAreListedReplayedAndDropped) {
  shop_.Open();
  Reject("L-1");
  const std::string letter = DeadLetter();
  EXPECT_EQ(Ctl("vera", "dead-letter replay " + letter).exit_code, 3) << "a viewer changes nothing";
  Say("alice", "dead-letter replay " + letter);
  EXPECT_EQ(shop_.Receive("swift-parcel", 1).at(0).disclosure(), letter);
  EXPECT_THAT(Say("vera", "dead-letter list swift-parcel"), Not(HasSubstr(letter)));

  Reject("L-2");
  const std::string given_up = DeadLetter();
  Say("alice", "dead-letter drop " + given_up);
  EXPECT_THAT(Say("vera", "dead-letter list swift-parcel"), Not(HasSubstr(given_up)));
  EXPECT_EQ(Ctl("alice", "dead-letter drop " + given_up).exit_code, 3) << "gone";
}

TEST_F(PosternctlTest, ADocumentStandsForAnAttestationWhenTwoPersonsSaySo) {
  shop_.Open([](v1::PolicyBundle* bundle) {
    EditFile(bundle, "contracts/swift-parcel.txtpb", "attestation: PARTNER_KEY", "attestation: DOCUMENT");
  });
  ASSERT_TRUE(shop_.Disclose(RecordOf(PlainShipment("W-1")), "swift-parcel", "delivery").has_disclosure());
  shop_.Receive("swift-parcel", 1);
  EXPECT_THAT(Say("alice", "terminate swift-parcel --dry-run"), HasSubstr("nothing was changed"));
  const std::string terminated = Say("alice", "terminate swift-parcel --confirm=swift-parcel --reason test -o json");
  const std::string campaign = Word(terminated, "partners/swift-parcel/deletionCampaigns/");
  EXPECT_EQ(Ctl("alice", "campaign wait --seconds 1 " + campaign).exit_code, 1) << "nobody has answered";
  EXPECT_THAT(Say("vera", "campaign list swift-parcel"), HasSubstr(campaign));
  const std::string notice = Word(Say("vera", "campaign notices " + campaign), campaign + "/notices/");
  const std::string record =
      absl::StrCat("campaign attest-document ", notice, " --sha256 ", std::string(64, 'b'), " --signed-on ",
                   absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone()));
  EXPECT_THAT(Ctl("bob", record).output, HasSubstr("ROLE_DENIED")) << "first the privacy officer";
  Say("alice", record);
  EXPECT_THAT(Ctl("alice", record).output, HasSubstr("SECOND_PERSON_REQUIRED"));
  EXPECT_THAT(Say("bob", record), HasSubstr("attested_by_document"));
  EXPECT_THAT(Say("vera", "campaign wait --seconds 5 " + campaign), HasSubstr("closed"));
}

// Clause: P1.5a, P1.5c, P1.5d
TEST_F(PosternctlTest, APersonIsServedFromTheQuestionToTheCertificate) {
  shop_.Open();
  shop::v1::Shipment shipment = PlainShipment("S-1");
  shipment.set_customer_id("anna");
  ASSERT_TRUE(shop_.Disclose(RecordOf(shipment), "swift-parcel", "delivery").has_disclosure());
  shop_.Receive("swift-parcel", 1);

  // What is on record, and what anna closes.
  EXPECT_THAT(Say("bob", "subject consent id:anna --category alternative_recipient --evidence form-7"),
              HasSubstr("given"));
  EXPECT_THAT(Say("bob", "subject restrict id:anna --purpose delivery --objection"),
              HasSubstr("purpose delivery by objection"));
  EXPECT_THAT(Say("vera", "subject show id:anna"), HasSubstr("category alternative_recipient given"));
  shipment.set_version(2);
  EXPECT_FALSE(shop_.Disclose(RecordOf(shipment), "swift-parcel", "delivery").has_disclosure());
  EXPECT_THAT(Ctl("vera", "subject restrict id:anna --purpose delivery --lift").output, HasSubstr("ROLE_DENIED"));
  Say("bob", "subject restrict id:anna --purpose delivery --lift");
  EXPECT_THAT(Ctl("bob", "subject restrict id:anna --purpose delivry").output, HasSubstr("not declared"));

  // The report.
  const std::string access = Word(Say("bob", "subject request create id:anna --kind access"), "subjectRequests/");
  EXPECT_THAT(Ctl("bob", "subject request run " + access).output, HasSubstr("IDENTITY_UNVERIFIED"));
  Say("bob", "subject request verify " + access + " --verified-by 'account login'");
  EXPECT_THAT(Say("bob", "subject request run " + access), HasSubstr("fulfilled"));
  EXPECT_EQ(Ctl("vera", "subject request report " + access).exit_code, 3) << "a viewer reads no report";
  const std::string report = Say("alice", "subject request report " + access);
  EXPECT_THAT(report, HasSubstr("swift-parcel"));
  EXPECT_THAT(report, HasSubstr("delivery_name: recipient.name"));
  EXPECT_THAT(report, Not(HasSubstr("anna"))) << "the report says what was told, and repeats nothing of it";

  // The erasure waits for the order and is then followed to its end.
  const std::string create = "subject request create id:anna --kind erasure --verified-by 'account login'";
  EXPECT_THAT(Say("bob", create + " --dry-run"), HasSubstr("order_open"));
  const std::string erasure = Word(Say("bob", create), "subjectRequests/");
  EXPECT_THAT(Say("bob", "subject request run " + erasure), HasSubstr("scheduled"));
  EXPECT_THAT(Say("vera", "subject request list --open"), HasSubstr(erasure));
  EXPECT_THAT(Say("bob", "subject request cancel " + erasure), HasSubstr("cancelled"));
  EXPECT_EQ(Ctl("bob", "subject request run " + erasure).exit_code, 3);
  EXPECT_EQ(Ctl("bob", "subject request certificate " + erasure).exit_code, 3);
  const std::string other =
      Word(Say("bob", "subject request create contact:+41445550102 --kind erasure"), "subjectRequests/");
  EXPECT_THAT(Say("bob", "subject request deny " + other + " --reason identity_not_verified"),
              HasSubstr("denied/identity_not_verified"));
}

TEST_F(PosternctlTest, RetentionIsPlannedRunAndReported) {
  shop_.Open();
  EXPECT_THAT(Say("vera", "retention plan --days 365"), HasSubstr("0 closed"));
  EXPECT_THAT(Say("vera", "retention report"), HasSubstr("Due:       0 orders"));
  EXPECT_THAT(Ctl("vera", "retention run").output, HasSubstr("ROLE_DENIED"));
  EXPECT_THAT(Ctl("alice", "retention run").output, HasSubstr("CLOCK_UNSETTLED")) << "the gateway has just started";
  EXPECT_EQ(Ctl("vera", "retention plan --days 100000").exit_code, 3);
}

}  // namespace
}  // namespace postern::testing
