#include "tests/crash/load.h"

#include <cstdio>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/transport/request_id.h"
#include "proto/errors/rpc_status.h"
#include "tests/support/retail_bundle.h"

namespace postern::testing {
namespace {

constexpr int kWindow = 64;
constexpr absl::Duration kAuditInterval = absl::Milliseconds(15);

// Few digits: more would look like a card number, and a record with one is refused.
std::string Reference(uint64_t seed, int caller, uint64_t number) {
  return absl::StrCat("R", absl::Hex(seed & 0xffffff), "-", caller, "-", number);
}

}  // namespace

Load::Load(Endpoint endpoint, Evidence* evidence, uint64_t seed, int callers)
    : endpoint_(std::move(endpoint)), evidence_(evidence), seed_(seed), callers_(callers) {}

Load::~Load() {
  Stop();
}

void Load::Start() {
  stream_ = endpoint_.open_stream();
  for (int i = 0; i < callers_; ++i) threads_.emplace_back([this, i] { Call(i); });
  if (stream_ != nullptr) threads_.emplace_back([this] { Receive(); });
  threads_.emplace_back([this] { Audit(); });
}

void Load::Stop() {
  stop_ = true;
  if (stream_ != nullptr) stream_->Stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  stream_.reset();
}

v1::CreateDisclosureRequest Load::Next(int caller, uint64_t number) {
  // First what an earlier crash left open, and now and then a repeat of what was answered.
  if (std::optional<v1::CreateDisclosureRequest> open = evidence_->TakeUncertain()) return *open;
  if (number % 8 == 7) {
    if (std::optional<v1::CreateDisclosureRequest> known = evidence_->AnyAnswered(number * 31)) return *known;
  }
  v1::CreateDisclosureRequest request;
  *request.mutable_record() = ShipmentRecord(Reference(seed_, caller, number), 1, "crash");
  v1::DisclosureTarget* target = request.add_targets();
  target->set_partner(absl::StrCat("partners/", kCrashCarrier));
  target->set_purpose("delivery");
  request.set_request_id(client::NewRequestId(absl::Now()));
  return request;
}

void Load::Call(int caller) {
  for (uint64_t number = 0; !stop_; ++number) {
    const v1::CreateDisclosureRequest request = Next(caller, number);
    evidence_->Asked(request);
    ++in_flight_;
    const absl::StatusOr<v1::CreateDisclosureResponse> response = endpoint_.create(request);
    --in_flight_;
    if (response.ok() && response->results_size() == 1 && response->results(0).has_disclosure()) {
      ++answers_;
      evidence_->Answered(request, *response);
      continue;
    }
    ++broken_;
    // The ledger or the process is gone, and this load does not come back.
    const absl::Status status = response.ok() ? FromRpcStatus(response->results(0).error()) : response.status();
    if (absl::IsUnavailable(status)) return;
    std::fprintf(stderr, "a request that may not be refused was: %s\n", status.ToString().c_str());
    evidence_->Refused(request);
  }
}

void Load::Receive() {
  v1::ReceiveRequest credit;
  credit.set_add_records(kWindow);
  credit.set_add_bytes(1 << 20);
  if (!stream_->Write(credit)) return;
  v1::ReceiveResponse response;
  while (stream_->Read(&response)) {
    if (response.records().empty()) continue;
    v1::ReceiveRequest acknowledge;
    int64_t bytes = 0;
    for (const v1::DeliveredRecord& record : response.records()) {
      evidence_->Handed(record);
      ++handed_;
      bytes += static_cast<int64_t>(record.record().data().size());
    }
    v1::DeliveryRange* range = acknowledge.add_acknowledged();
    range->set_first(response.records(0).delivery());
    range->set_last(response.records(response.records_size() - 1).delivery());
    acknowledge.set_add_records(response.records_size());
    acknowledge.set_add_bytes(bytes);
    if (!stream_->Write(acknowledge)) return;
  }
}

void Load::Audit() {
  while (!stop_) {
    const auto checkpoint = endpoint_.checkpoint();
    if (checkpoint.ok() && !checkpoint->first.empty()) {
      evidence_->Published(checkpoint->first, checkpoint->second).IgnoreError();
    }
    absl::SleepFor(kAuditInterval);
  }
}

}  // namespace postern::testing
