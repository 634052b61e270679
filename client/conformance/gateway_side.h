// The gateway's side of PartnerService, for one partner under test: a server with mutual TLS that hands out what it is
// told to and keeps what the partner answers.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <grpcpp/server.h>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/verify/public_key.h"
#include "proto/postern/v1/partner_service.grpc.pb.h"

namespace postern::client::conformance {

struct GatewaySideOptions {
  std::string address = "127.0.0.1:0";  // to listen on; port 0 takes a free one
  std::string partner;                  // "partners/{partner}"
  // PEM.
  std::string certificate_chain;
  std::string private_key;
  std::string partner_trust_bundle;                 // CAs that may vouch for the partner
  std::vector<verify::PublicKey> attestation_keys;  // of the partner
};

// Thread-safe. Serves from Start to its destruction.
class GatewaySide : public v1::PartnerService::WithCallbackMethod_Receive<v1::PartnerService::Service> {
 public:
  // INVALID_ARGUMENT if it cannot listen there with that certificate.
  static absl::StatusOr<std::unique_ptr<GatewaySide>> Start(GatewaySideOptions options);
  ~GatewaySide() override;

  int port() const { return port_; }

  // --- delivery, on the newest stream
  // False if none with credits was there in time.
  bool AwaitStream(absl::Duration patience);
  // How many streams there were.
  int streams() const;
  // Numbers the records and sends them as credits allow. Returns the first number.
  uint64_t Send(std::vector<v1::DeliveredRecord> records);
  struct Answers {
    std::set<uint64_t> acknowledged;
    std::map<uint64_t, v1::DeliveryRejection::Action> rejected;
  };
  // Waits until deliveries `first` to `last` of the newest stream are answered, or time is over.
  Answers AwaitAnswers(uint64_t first, uint64_t last, absl::Duration patience);
  // Breaks the stream without a status.
  void Break();
  // Ends the stream, and every later one, with PARTNER_TERMINATED.
  void Terminate();
  // What the partner did wrong on its streams so far, a line each.
  std::vector<std::string> StreamFaults() const;

  // --- notices
  void AddNotice(const v1::DeletionNotice& notice);
  void SetEnumerating(bool enumerating);
  // The next believable attestation is answered with UNAVAILABLE, as if the reply was lost.
  void LoseNextReply();
  // Waits until the notice has been attested `times` times; false if time is over.
  bool AwaitAttested(const std::string& notice, int times, absl::Duration patience);
  v1::DeletionNotice Notice(const std::string& name) const;
  struct Refusal {
    std::string notice;
    std::string reason;  // of the enum, without prefix
  };
  std::vector<Refusal> Refusals() const;
  int replies_lost() const;

 private:
  class Stream;
  explicit GatewaySide(GatewaySideOptions options) : options_(std::move(options)) {}

  grpc::ServerBidiReactor<v1::ReceiveRequest, v1::ReceiveResponse>* Receive(
      grpc::CallbackServerContext* context) override;
  grpc::Status ListDeletionNotices(grpc::ServerContext* context, const v1::ListDeletionNoticesRequest* request,
                                   v1::ListDeletionNoticesResponse* response) override;
  grpc::Status AcknowledgeDeletionNotice(grpc::ServerContext* context,
                                         const v1::AcknowledgeDeletionNoticeRequest* request,
                                         v1::AcknowledgeDeletionNoticeResponse* response) override;
  grpc::Status AttestDeletion(grpc::ServerContext* context, const v1::AttestDeletionRequest* request,
                              v1::AttestDeletionResponse* response) override;
  v1::DeletionNotice* Find(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const GatewaySideOptions options_;
  int port_ = 0;
  mutable absl::Mutex mutex_;
  std::shared_ptr<Stream> newest_ ABSL_GUARDED_BY(mutex_);  // null: none is open
  int streams_ ABSL_GUARDED_BY(mutex_) = 0;
  bool terminated_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::string> faults_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::DeletionNotice> notices_ ABSL_GUARDED_BY(mutex_);
  bool enumerating_ ABSL_GUARDED_BY(mutex_) = false;
  bool lose_reply_ ABSL_GUARDED_BY(mutex_) = false;
  int replies_lost_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Refusal> refusals_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Server> server_;  // last: its calls use everything above
};

}  // namespace postern::client::conformance
