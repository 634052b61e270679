// What the listeners tell about their work; the gateway turns it into metrics.
#pragma once

#include "proto/postern/v1/errors.pb.h"

namespace postern::rpc {

enum class StreamKind { kDisclosures, kReceive, kOutcomes, kEvents, kHealth, kReflection };

// Thread-safe, cheap, and never blocks.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  // A call was refused before it reached its service.
  virtual void OnRefusedCall(v1::ErrorReason reason) = 0;
  // One target of a disclosure was answered; UNSPECIFIED: authorised.
  virtual void OnDisclosure(v1::ErrorReason reason) = 0;
  virtual void OnStreamOpened(StreamKind kind) = 0;
  virtual void OnStreamClosed(StreamKind kind) = 0;
};

}  // namespace postern::rpc
