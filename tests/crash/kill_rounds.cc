// kill -9 of a real posternd under traffic over its listeners: before and after the system calls that write, sync,
// rename or send, at named points of its code, and at random.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/postern/v1/audit_service.grpc.pb.h"
#include "tests/crash/boundary_control.h"
#include "tests/crash/load.h"
#include "tests/crash/rounds.h"

namespace postern::testing {
namespace {

// Named points that the traffic of a round passes. A start passes some of them too: `first` is beyond that.
struct Failpoint {
  const char* name;
  uint64_t first = 1;
  uint64_t span = 12;  // how many hits a round makes at least
};
constexpr Failpoint kFailpoints[] = {
    {"disclosure.keys_made"},    {"disclosure.before_commit"}, {"commit.before_fsync", 8}, {"commit.after", 8},
    {"disclosure.after_commit"}, {"dispatch.before", 1, 3},    {"dispatch.after", 1, 3},   {"settle.before", 1, 3},
    {"settle.after", 1, 3},      {"checkpoint.signed", 2, 3},  {"checkpoint.filed", 2, 3}};

class GrpcStream : public CarrierStream {
 public:
  explicit GrpcStream(std::shared_ptr<grpc::Channel> channel) : stub_(v1::PartnerService::NewStub(channel)) {
    stream_ = stub_->Receive(&context_);
  }
  bool Read(v1::ReceiveResponse* response) override { return stream_->Read(response); }
  bool Write(const v1::ReceiveRequest& request) override { return stream_->Write(request); }
  void Stop() override { context_.TryCancel(); }

 private:
  const std::unique_ptr<v1::PartnerService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ReceiveRequest, v1::ReceiveResponse>> stream_;
};

absl::Status FromGrpc(const grpc::Status& status) {
  return status.ok() ? absl::OkStatus() : absl::UnavailableError(status.error_message());
}

Endpoint EndpointOf(TestGateway& gateway) {
  const std::shared_ptr<v1::StorefrontService::Stub> shop = v1::StorefrontService::NewStub(gateway.Storefront());
  const std::shared_ptr<v1::AuditService::Stub> audit = v1::AuditService::NewStub(gateway.Person("otto"));
  Endpoint endpoint;
  endpoint.create = [shop](const v1::CreateDisclosureRequest& request) -> absl::StatusOr<v1::CreateDisclosureResponse> {
    v1::CreateDisclosureResponse response;
    if (absl::Status status = FromGrpc(shop->CreateDisclosure(Deadline().get(), request, &response)); !status.ok()) {
      return status;
    }
    return response;
  };
  endpoint.open_stream = [channel = gateway.PartnerChannel(kCrashCarrier)] {
    return std::make_shared<GrpcStream>(channel);
  };
  endpoint.checkpoint = [audit]() -> absl::StatusOr<std::pair<std::string, std::string>> {
    v1::GetCheckpointResponse response;
    if (absl::Status status = FromGrpc(audit->GetCheckpoint(Deadline().get(), {}, &response)); !status.ok()) {
      return status;
    }
    return std::make_pair(response.checkpoint(), response.verifier_key());
  };
  return endpoint;
}

// The test's side of the shared block.
class SharedControl {
 public:
  explicit SharedControl(const std::string& path) : path_(path) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(BoundaryControl)) != 0) std::abort();
    void* memory = mmap(nullptr, sizeof(BoundaryControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory == MAP_FAILED) std::abort();
    control_ = static_cast<BoundaryControl*>(memory);
  }
  ~SharedControl() { munmap(control_, sizeof(BoundaryControl)); }
  SharedControl(const SharedControl&) = delete;
  SharedControl& operator=(const SharedControl&) = delete;

  const std::string& path() const { return path_; }
  std::map<std::string, int64_t> Hits() const {
    std::map<std::string, int64_t> hits;
    for (int i = 0; i < control_->boundaries; ++i) {
      const BoundaryControl::Boundary& boundary = control_->boundary[static_cast<size_t>(i)];
      hits[boundary.name.data()] = boundary.hits;
    }
    return hits;
  }
  void NamePorts(const GatewayProcess& process) {
    size_t i = 0;
    for (const char* listener : {"shop", "partners", "operators"}) {
      const std::string& address = process.Address(listener);
      int port = 0;
      if (!absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port)) std::abort();
      std::snprintf(control_->ports[i].name.data(), sizeof(BoundaryControl::Name), "%s", listener);
      control_->ports[i++].port = port;
    }
  }
  void Arm(const std::string& boundary, bool after, int countdown) {
    std::snprintf(control_->target.data(), sizeof(BoundaryControl::Name), "%s", boundary.c_str());
    control_->after = after;
    control_->countdown = countdown;
  }
  void Disarm() { control_->countdown = 0; }
  // Of a process that was killed in the middle.
  void Release() { control_->lock = 0; }

 private:
  const std::string path_;
  BoundaryControl* control_ = nullptr;
};

class Kills {
 public:
  Kills(CrashSite& site, uint64_t seed, Report* report)
      : site_(site), random_(seed), report_(report), control_(site.gateway().Path("boundaries")) {}

  void RunGeneration(int rounds) {
    site_.Reset();
    Evidence evidence;
    for (int counted = 0, tried = 0; counted < rounds && tried < 2 * rounds + 10; ++tried) {
      counted += RunRound(evidence) ? 1 : 0;
      report_->verdict.Add(site_.Compare(evidence));
    }
    Deliver(evidence);
    report_->acknowledged += static_cast<int64_t>(evidence.acknowledged());
    report_->handed += static_cast<int64_t>(evidence.handed());
    report_->checkpoints += static_cast<int64_t>(evidence.published());
  }

 private:
  // What a round aims at. Empty: a random moment.
  struct Aim {
    std::string boundary;
    bool after = false;
    std::string failpoint;
    std::string Name() const {
      if (!failpoint.empty()) return absl::StrCat("failpoint:", failpoint);
      return boundary.empty() ? "random" : absl::StrCat(boundary, after ? ":after" : ":before");
    }
  };

  // The least tried one, so that in the end all have been.
  Aim Choose() {
    std::vector<Aim> aims;
    for (const auto& [boundary, hits] : hits_a_round_) {
      for (const bool after : {false, true}) aims.push_back({boundary, after, ""});
    }
    for (const Failpoint& failpoint : kFailpoints) aims.push_back({"", false, failpoint.name});
    std::shuffle(aims.begin(), aims.end(), random_);
    if (hits_a_round_.empty() || random_() % 8 == 0) return {};
    Aim aim = *std::min_element(aims.begin(), aims.end(),
                                [this](const Aim& a, const Aim& b) { return tried_[a.Name()] < tried_[b.Name()]; });
    ++tried_[aim.Name()];
    return aim;
  }

  // Which of the hits of a round, as far as one can tell from the rounds before.
  uint64_t HitFor(const Aim& aim) {
    for (const Failpoint& failpoint : kFailpoints) {
      if (aim.failpoint == failpoint.name) return failpoint.first + random_() % failpoint.span;
    }
    const auto seen = hits_a_round_.find(aim.boundary);
    const int64_t most = seen == hits_a_round_.end() ? 1 : seen->second / 2;
    return 1 + random_() % static_cast<uint64_t>(std::clamp<int64_t>(most, 1, 12));
  }

  std::vector<std::string> Environment(const Aim& aim) const {
    std::vector<std::string> environment = {absl::StrCat("LD_PRELOAD=", POSTERN_CRASH_PRELOAD),
                                            absl::StrCat(kControlVariable, "=", control_.path()),
                                            absl::StrCat(kRootVariable, "=", site_.gateway().data_dir())};
    if (!aim.failpoint.empty()) {
      environment.push_back(absl::StrCat("POSTERN_FAILPOINTS=", aim.failpoint, "=abort@", hit_));
    }
    return environment;
  }

  // True if calls were under way when it was killed.
  bool RunRound(Evidence& evidence) {
    const Aim aim = Choose();
    hit_ = HitFor(aim);
    control_.Disarm();
    control_.Release();
    const absl::Status started = site_.gateway().TryStart(Environment(aim));
    if (!started.ok() && !aim.failpoint.empty() && absl::StrContains(started.message(), "ended with 137")) {
      ++report_->boundaries[absl::StrCat(aim.Name(), ":at start")];
      ++report_->uncounted;
      return false;
    }
    if (!started.ok()) {
      std::fprintf(stderr, "posternd does not start: %s\n", started.ToString().c_str());
      ++report_->restarts_failed;
      return false;
    }
    GatewayProcess& process = site_.gateway().process();
    control_.NamePorts(process);
    Load load(EndpointOf(site_.gateway()), &evidence, random_());
    load.Start();
    const absl::Time begin = absl::Now();
    while (load.answers() < 3 && process.Wait(absl::Microseconds(200)) == -1 &&
           absl::Now() - begin < absl::Seconds(10)) {
    }
    const std::map<std::string, int64_t> before = control_.Hits();
    if (!aim.boundary.empty()) control_.Arm(aim.boundary, aim.after, static_cast<int>(hit_));
    const bool random = aim.boundary.empty() && aim.failpoint.empty();
    const absl::Duration patience = random ? absl::Microseconds(random_() % 150'000) : absl::Milliseconds(1200);
    bool as_aimed = process.Wait(patience) != -1 && !random;
    const bool with_server = site_.server() != nullptr && random_() % 2 == 0;
    if (with_server) site_.server()->Kill();
    if (process.Wait(absl::ZeroDuration()) == -1) process.Signal(SIGKILL);
    if (process.Wait(absl::Seconds(10)) != 128 + SIGKILL) {
      std::fprintf(stderr, "posternd ended by itself: %s\n", process.Log().c_str());
      ++report_->restarts_failed;
    }
    load.Stop();
    if (with_server) site_.server()->Start();
    for (const auto& [boundary, hits] : control_.Hits()) {
      const auto known = before.find(boundary);
      const int64_t fresh = hits - (known == before.end() ? 0 : known->second);
      if (fresh > 0) hits_a_round_[boundary] = std::max(hits_a_round_[boundary], fresh);
    }
    ++report_->boundaries[absl::StrCat(as_aimed ? aim.Name() : "random", with_server ? ", with its server" : "")];
    const bool in_flight = load.broken() > 0;
    ++(in_flight ? report_->rounds : report_->uncounted);
    return in_flight;
  }

  // The carrier gets all that was ever acknowledged, from a gateway that nobody disturbs.
  void Deliver(Evidence& evidence) {
    control_.Disarm();
    control_.Release();
    if (!site_.gateway().TryStart({}).ok()) {
      ++report_->restarts_failed;
      return;
    }
    Load load(EndpointOf(site_.gateway()), &evidence, random_(), /*callers=*/0);
    load.Start();
    for (int64_t handed = -1; handed != load.handed();) {
      handed = load.handed();
      absl::SleepFor(absl::Milliseconds(500));
    }
    load.Stop();
    site_.gateway().process().Signal(SIGTERM);
    if (site_.gateway().process().Wait(absl::Seconds(30)) != 0) ++report_->restarts_failed;
    const auto store = site_.OpenLedger();
    if (!store.ok()) {
      ++report_->restarts_failed;
      return;
    }
    const auto partners = (*store)->ListPartners();
    for (const storage::PartnerRow& partner : partners.ok() ? *partners : std::vector<storage::PartnerRow>()) {
      const auto counts = (*store)->CountBacklog(partner.id);
      if (counts.ok()) report_->undelivered += counts->total - counts->delivered;
    }
  }

  CrashSite& site_;
  std::mt19937_64 random_;
  Report* const report_;
  SharedControl control_;
  uint64_t hit_ = 1;
  std::map<std::string, int64_t> hits_a_round_;  // under traffic
  std::map<std::string, int64_t> tried_;
};

}  // namespace

void RunKills(CrashSite& site, int rounds, uint64_t seed, Report* report) {
  Kills kills(site, seed, report);
  for (int left = rounds; left > 0; left -= kRoundsAGeneration) kills.RunGeneration(std::min(left, kRoundsAGeneration));
}

}  // namespace postern::testing
