// A partner made of the C++ SDK, which can be told to be a bad one.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/channel.h>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/partner/attestation_signer.h"
#include "client/partner/deletion_responder.h"
#include "client/partner/receive_loop.h"

namespace postern::testing {

// What it does wrong, or otherwise than usual.
struct Habits {
  bool acknowledges_first = false;              // and stores a little later
  bool stores_again = false;                    // what came before
  bool deletes_nothing = false;                 // and says that it did
  bool omits_a_handle = false;                  // in its attestations
  bool retries_once = false;                    // asks for the first record again
  absl::Duration keeps = absl::ZeroDuration();  // on a ground, for so long
};

// Thread-safe.
class SampleStore {
 public:
  explicit SampleStore(Habits habits) : habits_(habits), start_(absl::Now()) {}
  ~SampleStore();

  client::Handled Take(const v1::DeliveredRecord& record);
  absl::StatusOr<client::DeletionResult> Delete(const v1::DeletionNoticeStatement::Item& item);
  int Copies(const std::string& handle_hex) const;

 private:
  void Store(const v1::DeliveredRecord& record) ABSL_LOCKS_EXCLUDED(mutex_);

  const Habits habits_;
  const absl::Time start_;
  mutable absl::Mutex mutex_;
  std::multimap<std::string, std::string> copies_ ABSL_GUARDED_BY(mutex_);  // disclosures by handle
  bool retried_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> late_ ABSL_GUARDED_BY(mutex_);
};

// Fetches records and answers notices until it is destroyed.
class SamplePartner {
 public:
  // `fetches`: has a Receive stream; else it only answers notices.
  SamplePartner(std::shared_ptr<grpc::Channel> channel, std::string partner, client::verify::PublicKey notice_key,
                client::AttestationSigner signer, SampleStore* store, Habits habits, bool fetches);
  ~SamplePartner();

 private:
  void AnswerNotices();
  void AnswerBadly();

  const std::shared_ptr<grpc::Channel> channel_;
  const std::string partner_;
  const client::AttestationSigner signer_;
  SampleStore* const store_;
  const Habits habits_;
  client::DeletionResponder responder_;
  std::atomic<bool> stop_{false};
  std::unique_ptr<client::ReceiveLoop> loop_;
  std::thread notices_;
};

}  // namespace postern::testing
