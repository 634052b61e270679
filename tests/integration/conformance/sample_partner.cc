#include "tests/integration/conformance/sample_partner.h"

#include <utility>

#include <grpcpp/client_context.h>

#include "absl/strings/escaping.h"
#include "absl/time/clock.h"

namespace postern::testing {

using Statement = v1::DeletionAttestationStatement;

SampleStore::~SampleStore() {
  std::vector<std::thread> late;
  {
    absl::MutexLock lock(&mutex_);
    late.swap(late_);
  }
  for (std::thread& thread : late) thread.join();
}

void SampleStore::Store(const v1::DeliveredRecord& record) {
  absl::MutexLock lock(&mutex_);
  if (!habits_.stores_again) {
    for (auto [it, end] = copies_.equal_range(record.handle()); it != end; ++it) {
      if (it->second == record.disclosure()) return;
    }
  }
  copies_.emplace(record.handle(), record.disclosure());
}

client::Handled SampleStore::Take(const v1::DeliveredRecord& record) {
  {
    absl::MutexLock lock(&mutex_);
    if (habits_.retries_once && !std::exchange(retried_, true)) return client::Handled::kRetryLater;
    if (habits_.acknowledges_first) {
      late_.emplace_back([this, record] {
        absl::SleepFor(absl::Milliseconds(150));
        Store(record);
      });
      return client::Handled::kStored;
    }
  }
  Store(record);
  return client::Handled::kStored;
}

absl::StatusOr<client::DeletionResult> SampleStore::Delete(const v1::DeletionNoticeStatement::Item& item) {
  absl::MutexLock lock(&mutex_);
  client::DeletionResult result;
  result.result = copies_.count(item.handle()) == 0 ? Statement::RESULT_NOT_FOUND : Statement::RESULT_DELETED;
  if (result.result == Statement::RESULT_DELETED && absl::Now() < start_ + habits_.keeps) {
    return client::DeletionResult{Statement::RESULT_EXEMPTED, "customs law", start_ + absl::Hours(24)};
  }
  if (!habits_.deletes_nothing) copies_.erase(item.handle());
  return result;
}

int SampleStore::Copies(const std::string& handle_hex) const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(copies_.count(absl::HexStringToBytes(handle_hex)));
}

SamplePartner::SamplePartner(std::shared_ptr<grpc::Channel> channel, std::string partner,
                             client::verify::PublicKey notice_key, client::AttestationSigner signer, SampleStore* store,
                             Habits habits, bool fetches)
    : channel_(std::move(channel)),
      partner_(std::move(partner)),
      signer_(std::move(signer)),
      store_(store),
      habits_(habits),
      responder_(channel_, partner_, std::move(notice_key), signer_,
                 [store](const v1::DeletionNoticeStatement::Item& item) { return store->Delete(item); }) {
  if (fetches) {
    loop_ = std::make_unique<client::ReceiveLoop>(
        channel_, client::ReceiveOptions(), [store](const v1::DeliveredRecord& record) { return store->Take(record); },
        [](const absl::Status&) { return true; });
  }
  notices_ = std::thread([this] { AnswerNotices(); });
}

SamplePartner::~SamplePartner() {
  stop_ = true;
  notices_.join();
  if (loop_ != nullptr) loop_->Stop();
}

void SamplePartner::AnswerNotices() {
  while (!stop_) {
    if (habits_.omits_a_handle) {
      AnswerBadly();
    } else {
      // What fails stays open and is tried again.
      (void)responder_.AnswerOpenNotices();
      (void)responder_.AmendExemptions();
    }
    absl::SleepFor(absl::Milliseconds(100));
  }
}

void SamplePartner::AnswerBadly() {
  const auto stub = v1::PartnerService::NewStub(channel_);
  v1::ListDeletionNoticesRequest list;
  list.set_open_only(true);
  v1::ListDeletionNoticesResponse page;
  grpc::ClientContext listing;
  if (!stub->ListDeletionNotices(&listing, list, &page).ok()) return;
  for (const v1::DeletionNotice& notice : page.notices()) {
    v1::DeletionNoticeStatement asked;
    if (!asked.ParseFromString(notice.envelope().payload())) continue;
    Statement statement;
    statement.set_notice(notice.name());
    statement.set_partner(partner_);
    statement.set_notice_digest(notice.digest());
    statement.mutable_attest_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
    for (int i = 1; i < asked.items_size(); ++i) {
      Statement::HandleOutcome& outcome = *statement.add_outcomes();
      outcome.set_handle(asked.items(i).handle());
      outcome.set_result(store_->Delete(asked.items(i))->result);
    }
    v1::AttestDeletionRequest request;
    request.set_name(notice.name());
    *request.mutable_attestation() = *signer_.Sign(statement);
    v1::AttestDeletionResponse response;
    grpc::ClientContext attesting;
    (void)stub->AttestDeletion(&attesting, request, &response);
  }
}

}  // namespace postern::testing
