// What every streaming reactor here has in common: it is entered through the gate, ends once, ends when its certificate
// does or when the gateway drains, and lives until gRPC and all callbacks have let go of it.
//
// Locking: `mutex_` is held across StartRead, StartWrite and Finish, so that nothing starts after Finish. gRPC never
// runs a reaction inside these calls, and the object outlives the lock because whoever locks holds a shared pointer.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/errors/error.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/status.h"

namespace postern::rpc {

// `Reactor` is one of grpc::Server{Bidi,Write}Reactor<...>, `Self` the class that derives from this.
template <class Self, class Reactor>
class StreamBase : public Reactor, public std::enable_shared_from_this<Self> {
 public:
  // The client is gone: nobody reads a status.
  void OnCancel() override { End(absl::CancelledError("the client cancelled")); }

  // gRPC's last word. The object goes when the last callback that shares it has returned.
  void OnDone() override {
    if (entered_) {
      gate_->observer()->OnStreamClosed(kind_);
      gate_->streams()->Remove(live_id_);
    }
    expiry_.Cancel();
    Released();
    std::shared_ptr<Self> last = std::move(keep_);
  }

  // Ends the stream with `status`; later calls do nothing. From any thread, with a shared pointer held.
  void End(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    EndLocked(status);
  }

 protected:
  StreamBase(CallGate* gate, grpc::CallbackServerContext* context, StreamKind kind)
      : gate_(gate), kind_(kind), context_(context) {}

  // First step after construction. False: the stream was refused and has ended.
  bool Enter(const identity::MethodRule* rule) {
    keep_ = this->shared_from_this();
    absl::StatusOr<Admitted> admitted = gate_->Enter(*context_, rule);
    if (!admitted.ok()) {
      End(admitted.status());
      return false;
    }
    admitted_ = *std::move(admitted);
    entered_ = true;
    gate_->observer()->OnStreamOpened(kind_);
    const std::weak_ptr<Self> weak = this->weak_from_this();
    live_id_ = gate_->streams()->Add([weak] {
      if (const auto self = weak.lock()) static_cast<StreamBase*>(self.get())->OnDrain();
    });
    expiry_.Set(absl::ToChronoTime(admitted_.principal().not_after), [weak](bool expired) {
      const auto self = expired ? weak.lock() : nullptr;
      if (self != nullptr) {
        self->End(MakeError(v1::ERROR_REASON_CREDENTIAL_EXPIRED, "the certificate's validity has ended"));
      }
    });
    return true;
  }

  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (ended_) return;
    ended_ = true;
    // A write that a slow reader holds up would hold up the status behind it for as long.
    if (write_pending_) context_->TryCancel();
    this->Finish(ToGrpcStatus(status));
  }

  CallGate* gate() const { return gate_; }
  const identity::Principal& principal() const { return admitted_.principal(); }

  // The gateway drains; streams that have work in flight override it.
  virtual void OnDrain() { End(MakeError(v1::ERROR_REASON_DRAINING, "the gateway is shutting down")); }
  // gRPC is done: let go of what calls back.
  virtual void Released() {}

  absl::Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool write_pending_ ABSL_GUARDED_BY(mutex_) = false;

 private:
  // Constant after Enter.
  CallGate* const gate_;
  const StreamKind kind_;
  grpc::CallbackServerContext* const context_;  // valid until OnDone
  Admitted admitted_;
  bool entered_ = false;
  LiveStreams::Id live_id_ = 0;

  grpc::Alarm expiry_;
  std::shared_ptr<Self> keep_;  // gRPC's share
};

}  // namespace postern::rpc
