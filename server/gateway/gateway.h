// posternd as an object: start it, reload its certificates, drain it. The composition root.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/log.h"
#include "server/gateway/certificate_reloader.h"
#include "server/gateway/config.h"
#include "server/gateway/core.h"
#include "server/gateway/front.h"
#include "server/gateway/metrics.h"
#include "server/gateway/operations_endpoint.h"
#include "server/gateway/serving_state.h"

namespace postern::gateway {

class Gateway {
 public:
  // Starts from a checked configuration and serves when it returns. The addresses that it got are in
  // data_dir/run/listeners.json. `log` outlives it.
  static absl::StatusOr<std::unique_ptr<Gateway>> Start(config::Config config, const base::Logger* log);
  // Drains, if Drain was not called.
  ~Gateway();

  // Looks at every certificate file again, soon. A bad one changes nothing and is logged.
  void Reload();
  // Says NOT_SERVING, refuses new calls, finishes those in flight, settles, writes the last checkpoint. Takes
  // limits.drain_seconds at most, and the time of the last commits. Once.
  void Drain();

 private:
  Gateway(config::Config config, const base::Logger* log);
  absl::Status Open();
  std::string ListenersFile() const;
  absl::Status WriteListeners() const;

  const config::Config config_;
  const base::Logger* const log_;
  const Clock clock_;

  Metrics metrics_;
  ServingState serving_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<Front> front_;
  std::unique_ptr<CertificateReloader> reloader_;
  std::unique_ptr<OperationsEndpoint> operations_;
  bool drained_ = false;
};

}  // namespace postern::gateway
