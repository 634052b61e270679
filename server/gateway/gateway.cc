#include "server/gateway/gateway.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/gateway/atomic_file.h"
#include "server/gateway/metrics_sampler.h"
#include "server/rpc/tls.h"

namespace postern::gateway {
namespace {

constexpr absl::Duration kCertificateInterval = absl::Seconds(2);

// "127.0.0.1:0" with the port that was found.
std::string WithPort(const std::string& address, int port) {
  return absl::StrCat(address.substr(0, address.rfind(':') + 1), port);
}

}  // namespace

Gateway::Gateway(config::Config config, const base::Logger* log)
    : config_(std::move(config)), log_(log), clock_([] { return absl::Now(); }) {}

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Start(config::Config config, const base::Logger* log) {
  std::unique_ptr<Gateway> gateway(new Gateway(std::move(config), log));
  POSTERN_RETURN_IF_ERROR(gateway->Open());
  return gateway;
}

Gateway::~Gateway() {
  Drain();
}

absl::Status Gateway::Open() {
  POSTERN_RETURN_IF_ERROR(rpc::RequireTls13());
  POSTERN_ASSIGN_OR_RETURN(core_, OpenCore(config_, clock_, log_, &serving_, &metrics_));
  // What a run that crashed left names listeners that are gone. Usually there is nothing; and not before the stores are
  // this process's, the file could be another's.
  unlink(ListenersFile().c_str());
  POSTERN_RETURN_IF_ERROR(RecordLifecycle(*core_, clock_, "started"));
  StartCore(*core_);
  POSTERN_ASSIGN_OR_RETURN(front_, Front::Start(config_, clock_, *core_, &metrics_, &serving_));

  reloader_ = std::make_unique<CertificateReloader>(log_, kCertificateInterval);
  front_->WatchCertificates(reloader_.get());
  if (core_->caller != nullptr) {
    const config::KeyPair& pair = config_.client_certificate();
    reloader_->Watch(
        {"client_certificate", {pair.certificate_chain(), pair.private_key()}, [this, &pair]() -> absl::Status {
           POSTERN_ASSIGN_OR_RETURN(auto loaded, LoadClientCertificate(pair, clock_()));
           core_->caller->SetCertificate(loaded);
           core_->push_caller->SetCertificate(loaded);
           core_->poster->SetCertificate(std::move(loaded));
           return absl::OkStatus();
         }});
  }
  reloader_->Start();

  OperationsEndpoint::Content content;
  content.serving = [this] { return serving_.serving(); };
  content.metrics = [this] {
    SampleMetrics(config_, *core_, *front_, *reloader_, serving_.serving(), clock_(), &metrics_);
    return metrics_.Text();
  };
  POSTERN_ASSIGN_OR_RETURN(operations_, OperationsEndpoint::Start(config_.operations().address(), content));
  serving_.SetUp(true);
  POSTERN_RETURN_IF_ERROR(WriteListeners());
  log_->Info("gateway.started", {{"origin", base::PublicText::Setting(core_->origin)},
                                 {"shop_port", int64_t{front_->port(Front::kShop)}},
                                 {"partners_port", int64_t{front_->port(Front::kPartners)}},
                                 {"operators_port", int64_t{front_->port(Front::kOperators)}},
                                 {"operations_port", int64_t{operations_->port()}}});
  return absl::OkStatus();
}

std::string Gateway::ListenersFile() const {
  return absl::StrCat(config_.data_dir(), "/run/listeners.json");
}

absl::Status Gateway::WriteListeners() const {
  const std::string directory = absl::StrCat(config_.data_dir(), "/run");
  mkdir(directory.c_str(), 0700);  // an error shows at the next step
  const auto line = [](const char* name, const std::string& address, int port) {
    return absl::StrCat("  \"", name, "\": \"", WithPort(address, port), "\"");
  };
  const std::string json =
      absl::StrCat("{\n", line("shop", config_.shop().address(), front_->port(Front::kShop)), ",\n",
                   line("partners", config_.partners().address(), front_->port(Front::kPartners)), ",\n",
                   line("operators", config_.operators().address(), front_->port(Front::kOperators)), ",\n",
                   line("operations", config_.operations().address(), operations_->port()), "\n}\n");
  return WriteFileAtomically(ListenersFile(), json);
}

void Gateway::Reload() {
  reloader_->ReloadNow();
}

void Gateway::Drain() {
  if (drained_ || core_ == nullptr) return;
  drained_ = true;
  const absl::Time deadline = clock_() + absl::Seconds(config_.limits().drain_seconds());
  log_->Info("gateway.draining");
  serving_.SetUp(false);
  if (reloader_ != nullptr) reloader_->Stop();
  if (front_ != nullptr) front_->ShutdownShop(deadline);
  DrainCore(*core_);
  if (front_ != nullptr) front_->ShutdownOthers(deadline);
  CloseLog(*core_, clock_);
  operations_.reset();
  front_.reset();
  core_.reset();
  log_->Info("gateway.stopped");
}

}  // namespace postern::gateway
