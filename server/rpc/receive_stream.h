// Receive: a partner's stream over a delivery::ReceiveSession.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>

#include "absl/status/status.h"
#include "proto/postern/v1/partner_service.pb.h"
#include "server/delivery/delivery_hub.h"
#include "server/delivery/receive_session.h"
#include "server/rpc/stream_base.h"

namespace postern::rpc {

class ReceiveStream final
    : public StreamBase<ReceiveStream, grpc::ServerBidiReactor<v1::ReceiveRequest, v1::ReceiveResponse>> {
 public:
  static ReceiveStream* Open(CallGate* gate, grpc::CallbackServerContext* context, delivery::DeliveryHub* hub);

  ReceiveStream(CallGate* gate, grpc::CallbackServerContext* context)
      : StreamBase(gate, context, StreamKind::kReceive) {}

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;

 protected:
  // The hub ends its sessions itself when it drains, after the acknowledgements that are on their way.
  void OnDrain() override {}
  void Released() override;

 private:
  void Start(delivery::DeliveryHub* hub);
  // Writes the next response if there is one and no write is pending. The session's pass of the fence is held from the
  // check to the moment the write has started: whoever closes the fence knows that no write starts afterwards.
  void Pump();

  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;  // the partner has written its last
  v1::ReceiveRequest request_;
  // While a write is pending: what the response lives on.
  std::unique_ptr<google::protobuf::Arena> writing_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<delivery::ReceiveSession> session_;  // set once, before the first read
};

}  // namespace postern::rpc
