// How records reach the partner under test: it fetches them, or they are pushed to it.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/postern/v1/partner_service.pb.h"

namespace postern::client::conformance {

class Courier {
 public:
  // What the partner said of a record.
  enum class Answer { kNone, kAcknowledged, kRetry, kReject };

  virtual ~Courier() = default;
  // Waits until the partner can be given records. An error says what it did wrong.
  virtual absl::Status Open(absl::Duration patience) = 0;
  // Gives it the records in order, numbers them, and waits until each is answered, or `patience` is over. An error says
  // what it did wrong.
  virtual absl::Status Deliver(std::vector<v1::DeliveredRecord> records, absl::Duration patience,
                               std::vector<Answer>* answers) = 0;
  // Gives it the records and breaks the connection without waiting for answers, as a gateway that dies.
  virtual absl::Status Break(std::vector<v1::DeliveredRecord> records) = 0;
  // Tells it that it is terminated, where there is a way to.
  virtual void Terminate() = 0;
};

}  // namespace postern::client::conformance
