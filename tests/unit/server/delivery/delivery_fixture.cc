#include "tests/unit/server/delivery/delivery_fixture.h"

#include <utility>

#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "policy/retail/shop/v1/shipment.pb.h"
#include "server/delivery/outcomes.h"
#include "server/disclosure/names.h"

namespace postern::delivery {

TestStream::TestStream(DeliveryHub* hub, const identity::Principal& principal) {
  ReceiveCallbacks callbacks;
  callbacks.on_ready = [] {};
  callbacks.on_end = [shared = shared_](absl::Status status) {
    absl::MutexLock lock(&shared->mutex);
    shared->ended = std::move(status);
  };
  auto session = hub->OpenSession(principal, callbacks);
  open_status_ = session.status();
  if (session.ok()) session_ = *std::move(session);
}

absl::Status TestStream::Credit(int records, int64_t bytes) {
  v1::ReceiveRequest request;
  request.set_add_records(records);
  request.set_add_bytes(bytes);
  return session_->OnRequest(request);
}

absl::StatusOr<std::vector<v1::DeliveredRecord>> TestStream::ReadNow() {
  auto batch = session_->Next();
  if (!batch.ok()) return batch.status();
  std::vector<v1::DeliveredRecord> records;
  if (batch->has_value()) {
    EXPECT_TRUE(static_cast<bool>((*batch)->pass));
    records.assign((*batch)->response->records().begin(), (*batch)->response->records().end());
  }
  return records;
}

std::vector<v1::DeliveredRecord> TestStream::Read(size_t count) {
  std::vector<v1::DeliveredRecord> all;
  const absl::Time give_up = absl::Now() + absl::Seconds(10);
  absl::Time quiet = absl::Now() + absl::Milliseconds(300);
  while (absl::Now() < give_up) {
    auto records = ReadNow();
    if (!records.ok()) break;
    if (!records->empty()) quiet = absl::Now() + absl::Milliseconds(300);
    all.insert(all.end(), records->begin(), records->end());
    // With enough read, a while longer shows that no more comes.
    if (all.size() >= count && absl::Now() > quiet) break;
    absl::SleepFor(absl::Milliseconds(2));
    if (all.size() >= count && count > 0 && records->empty() && absl::Now() > quiet - absl::Milliseconds(250)) break;
    if (count == 0 && absl::Now() > quiet) break;
  }
  return all;
}

absl::Status TestStream::Acknowledge(uint64_t first, uint64_t last) {
  v1::ReceiveRequest request;
  v1::DeliveryRange& range = *request.add_acknowledged();
  range.set_first(first);
  range.set_last(last);
  return session_->OnRequest(request);
}

absl::Status TestStream::Reject(uint64_t delivery, v1::DeliveryRejection::Action action) {
  v1::ReceiveRequest request;
  v1::DeliveryRejection& rejection = *request.add_rejected();
  rejection.set_delivery(delivery);
  rejection.set_action(action);
  return session_->OnRequest(request);
}

absl::Status TestStream::ended() const {
  absl::MutexLock lock(&shared_->mutex);
  return shared_->ended;
}

DeliveryFixture::DeliveryFixture(DeliveryHubOptions options,
                                 const std::vector<std::pair<std::string, std::string>>& edit)
    : options_(std::move(options)) {
  options_.tick = absl::Milliseconds(5);
  options_.settler.interval = absl::Milliseconds(1);
  options_.settler.retry = absl::Milliseconds(10);
  gateway = std::make_unique<GatewayFixture>([this](GatewayFixture& fixture) { return MakeHub(fixture); }, 8192, edit);
}

DeliveryFixture::~DeliveryFixture() {
  gateway->committer->Drain();
  hub.reset();
}

disclosure::ReleaseSink* DeliveryFixture::MakeHub(GatewayFixture& fixture) {
  DeliveryHubOptions options = options_;
  options.clock = fixture.clock();
  hub = std::make_unique<DeliveryHub>(&fixture.control->holder, fixture.store.get(), fixture.control->keys.get(),
                                      options);
  return hub.get();
}

void DeliveryFixture::Restart() {
  gateway->Restart([this] { hub.reset(); }, [this](GatewayFixture& fixture) { return MakeHub(fixture); });
}

storage::DisclosureRow DeliveryFixture::Row(const std::string& name) {
  const auto parsed = disclosure::ParseDisclosureName("name", name);
  EXPECT_TRUE(parsed.ok()) << name;
  const auto row = gateway->control->store->ReadDisclosure(parsed->id);
  EXPECT_TRUE(row.ok()) << row.status();
  return row.ok() ? *row : storage::DisclosureRow();
}

bool DeliveryFixture::Becomes(const std::string& name, v1::DisclosureState state) {
  for (int i = 0; i < 1000; ++i) {
    if (Row(name).state == state) return true;
    absl::SleepFor(absl::Milliseconds(5));
  }
  ADD_FAILURE() << name << " is " << v1::DisclosureState_Name(Row(name).state);
  return false;
}

std::vector<v1::Outcome> DeliveryFixture::Outcomes() {
  OutcomeFeed feed(&gateway->control->holder, gateway->store.get(), gateway->control->keys.get());
  auto watcher = feed.Watch("", [] {});
  EXPECT_TRUE(watcher.ok());
  auto response = (*watcher)->Next();
  EXPECT_TRUE(response.ok()) << response.status();
  return {response->outcomes().begin(), response->outcomes().end()};
}

std::string ReferenceOf(const v1::DeliveredRecord& record) {
  shop::v1::Shipment shipment;
  EXPECT_TRUE(shipment.ParseFromString(record.record().data()));
  return shipment.reference();
}

std::vector<std::string> ReferencesOf(const std::vector<v1::DeliveredRecord>& records) {
  std::vector<std::string> references;
  for (const v1::DeliveredRecord& record : records) references.push_back(ReferenceOf(record));
  return references;
}

}  // namespace postern::delivery
