// WatchOutcomes: the feed of outcomes, page by page, with a heartbeat.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <string>

#include "proto/postern/v1/storefront_service.pb.h"
#include "server/delivery/outcomes.h"
#include "server/rpc/stream_base.h"

namespace postern::rpc {

class OutcomeStream final : public StreamBase<OutcomeStream, grpc::ServerWriteReactor<v1::WatchOutcomesResponse>> {
 public:
  static OutcomeStream* Open(CallGate* gate, grpc::CallbackServerContext* context, delivery::OutcomeFeed* feed,
                             const std::string& resume_token);

  OutcomeStream(CallGate* gate, grpc::CallbackServerContext* context)
      : StreamBase(gate, context, StreamKind::kOutcomes) {}

  void OnWriteDone(bool ok) override;

 private:
  void Start(delivery::OutcomeFeed* feed, const std::string& resume_token);
  // There may be more, or it is time for a heartbeat.
  void Wake(bool heartbeat);
  // Has the pool read the next page; one read or write at a time.
  void ReadNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Read();

  v1::WatchOutcomesResponse response_;                       // while busy_
  std::unique_ptr<delivery::OutcomeFeed::Watcher> watcher_;  // set once, before the first read; used while busy_
  // Made anew for each use: an alarm cannot be set again while its last callback runs.
  std::unique_ptr<grpc::Alarm> heartbeat_ ABSL_GUARDED_BY(mutex_);
  bool busy_ ABSL_GUARDED_BY(mutex_) = true;   // a page is read or written
  bool more_ ABSL_GUARDED_BY(mutex_) = false;  // woken while busy
  bool heartbeat_due_ ABSL_GUARDED_BY(mutex_) =
      true;  // the first page is written even if empty: its token is a place to resume from
};

}  // namespace postern::rpc
