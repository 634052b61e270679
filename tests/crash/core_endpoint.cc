#include "tests/crash/core_endpoint.h"

#include <atomic>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace postern::testing {
namespace {

constexpr absl::Duration kPoll = absl::Microseconds(300);

identity::Principal Shop() {
  identity::Principal principal;
  principal.name = "storefront/crash";
  principal.roles = {identity::Role::kStorefront};
  principal.not_after = absl::InfiniteFuture();
  return principal;
}

identity::Principal Carrier() {
  identity::Principal principal;
  principal.name = absl::StrCat("partners/", kCrashCarrier);
  principal.partner = principal.name;
  principal.roles = {identity::Role::kPartner};
  principal.not_after = absl::InfiniteFuture();
  return principal;
}

// The carrier's stream without a network: what Next gives has been sent.
class CoreStream : public CarrierStream {
 public:
  static std::shared_ptr<CarrierStream> Open(delivery::DeliveryHub& hub) {
    auto stream = std::make_shared<CoreStream>();
    delivery::ReceiveCallbacks callbacks;
    callbacks.on_ready = [] {};
    callbacks.on_end = [stop = stream->stop_](absl::Status) { *stop = true; };
    auto session = hub.OpenSession(Carrier(), callbacks);
    if (!session.ok()) return nullptr;
    stream->session_ = *std::move(session);
    return stream;
  }

  bool Read(v1::ReceiveResponse* response) override {
    while (!*stop_) {
      auto batch = session_->Next();
      if (!batch.ok()) return false;
      if (batch->has_value()) {
        *response = *(*batch)->response;
        return true;
      }
      absl::SleepFor(kPoll);
    }
    return false;
  }
  bool Write(const v1::ReceiveRequest& request) override { return session_->OnRequest(request).ok(); }
  void Stop() override { *stop_ = true; }

 private:
  const std::shared_ptr<std::atomic<bool>> stop_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<delivery::ReceiveSession> session_;
};

}  // namespace

Endpoint EndpointOfCore(gateway::Core& core) {
  Endpoint endpoint;
  endpoint.create = [&core](const v1::CreateDisclosureRequest& request) {
    absl::StatusOr<v1::CreateDisclosureResponse> result;
    absl::Notification answered;
    core.discloser->Create(Shop(), request, [&](absl::StatusOr<v1::CreateDisclosureResponse> response) {
      result = std::move(response);
      answered.Notify();
    });
    answered.WaitForNotification();
    return result;
  };
  endpoint.open_stream = [&core] { return CoreStream::Open(*core.hub); };
  endpoint.checkpoint = [&core]() -> absl::StatusOr<std::pair<std::string, std::string>> {
    // Also cuts the log to nothing under traffic, which otherwise only a shred does.
    core.store->RequestScrub();
    const absl::Status published = core.checkpoints->Publish();
    if (!published.ok()) return published;
    const auto checkpoint = core.store->ReadCheckpoint();
    if (!checkpoint.ok()) return checkpoint.status();
    return std::make_pair(*checkpoint, core.signer->VerifierKey());
  };
  return endpoint;
}

void CloseCore(std::unique_ptr<gateway::Core> core) {
  gateway::DrainCore(*core);
  gateway::CloseLog(*core, [] { return absl::Now(); });
}

}  // namespace postern::testing
