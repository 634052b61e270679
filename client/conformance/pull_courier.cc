#include "client/conformance/pull_courier.h"

#include <utility>

namespace postern::client::conformance {

absl::Status PullCourier::Open(absl::Duration patience) {
  if (side_.AwaitStream(patience)) return absl::OkStatus();
  return absl::DeadlineExceededError(side_.streams() == 0 ? "it opened no Receive stream"
                                                          : "it opened a Receive stream and gave no credits");
}

absl::Status PullCourier::Deliver(std::vector<v1::DeliveredRecord> records, absl::Duration patience,
                                  std::vector<Answer>* answers) {
  answers->clear();
  const size_t count = records.size();
  const uint64_t first = side_.Send(std::move(records));
  if (first == 0) return absl::FailedPreconditionError("there is no stream");
  const GatewaySide::Answers given = side_.AwaitAnswers(first, first + count - 1, patience);
  for (uint64_t delivery = first; delivery < first + count; ++delivery) {
    const auto rejected = given.rejected.find(delivery);
    if (given.acknowledged.count(delivery) != 0) {
      answers->push_back(Answer::kAcknowledged);
    } else if (rejected == given.rejected.end()) {
      answers->push_back(Answer::kNone);
    } else {
      answers->push_back(rejected->second == v1::DeliveryRejection::ACTION_REJECT ? Answer::kReject : Answer::kRetry);
    }
  }
  return absl::OkStatus();
}

absl::Status PullCourier::Break(std::vector<v1::DeliveredRecord> records) {
  const uint64_t sent = side_.Send(std::move(records));
  side_.Break();
  return sent == 0 ? absl::FailedPreconditionError("there is no stream") : absl::OkStatus();
}

}  // namespace postern::client::conformance
