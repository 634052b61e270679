#include "tests/bench/gateway/partner_stream.h"

namespace postern::bench {
namespace {

constexpr int64_t kCreditBytes = int64_t{64} << 20;
constexpr absl::Duration kAcknowledgeEvery = absl::Milliseconds(5);

}  // namespace

absl::Time CommitTime(const v1::DeliveredRecord& record) {
  return absl::FromUnixSeconds(record.create_time().seconds()) + absl::Nanoseconds(record.create_time().nanos());
}

PartnerStream::PartnerStream(v1::PartnerService::StubInterface& stub, int window, BatchFn on_batch)
    : on_batch_(std::move(on_batch)) {
  absl::MutexLock lock(&mutex_);
  stub.async()->Receive(&context_, this);
  request_.set_add_records(window);
  request_.set_add_bytes(kCreditBytes);
  StartWrite(&request_);
  StartRead(&batch_);
  AddHold();  // acknowledgements are written from other threads
  StartCall();
}

PartnerStream::~PartnerStream() {
  Stop();
}

void PartnerStream::Acknowledge() {
  absl::MutexLock lock(&mutex_);
  if (ended_ || writing_ || records_ == 0) return;
  request_.Clear();
  v1::DeliveryRange& range = *request_.add_acknowledged();
  range.set_first(first_);
  range.set_last(first_ + static_cast<uint64_t>(records_) - 1);
  request_.set_add_records(records_);
  request_.set_add_bytes(bytes_);
  first_ += static_cast<uint64_t>(records_);
  records_ = 0;
  bytes_ = 0;
  writing_ = true;
  StartWrite(&request_);
}

void PartnerStream::Stop() {
  context_.TryCancel();
  Wait();
}

grpc::Status PartnerStream::Wait() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&done_));
  return status_;
}

void PartnerStream::OnReadDone(bool ok) {
  if (!ok) {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
    RemoveHold();
    return;
  }
  if (!batch_.records().empty()) {
    int64_t bytes = 0;
    for (const v1::DeliveredRecord& record : batch_.records()) {
      bytes += static_cast<int64_t>(record.record().data().size());
    }
    {
      absl::MutexLock lock(&mutex_);
      if (records_ == 0) first_ = batch_.records(0).delivery();
      records_ += batch_.records_size();
      bytes_ += bytes;
    }
    if (on_batch_) on_batch_(batch_);
  }
  StartRead(&batch_);
}

void PartnerStream::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = !ok;
}

void PartnerStream::OnDone(const grpc::Status& status) {
  absl::MutexLock lock(&mutex_);
  status_ = status;
  done_ = true;
}

AcknowledgedStreams::AcknowledgedStreams()
    : thread_([this] {
        absl::MutexLock lock(&mutex_);
        while (!mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kAcknowledgeEvery)) {
          for (const auto& stream : streams_) stream->Acknowledge();
        }
      }) {}

AcknowledgedStreams::~AcknowledgedStreams() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void AcknowledgedStreams::Add(std::unique_ptr<PartnerStream> stream) {
  absl::MutexLock lock(&mutex_);
  streams_.push_back(std::move(stream));
}

}  // namespace postern::bench
