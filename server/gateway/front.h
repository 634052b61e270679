// The gateway's faces: three mutual-TLS listeners with their services, and who may come in.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/gateway/certificate_reloader.h"
#include "server/gateway/config.h"
#include "server/gateway/core.h"
#include "server/gateway/metrics.h"
#include "server/gateway/serving_state.h"
#include "server/identity/enrolment.h"
#include "server/identity/principal_resolver.h"
#include "server/rpc/audit_service.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/investigation_service.h"
#include "server/rpc/listener.h"
#include "server/rpc/maintenance_service.h"
#include "server/rpc/operator_service.h"
#include "server/rpc/partner_service.h"
#include "server/rpc/retention_service.h"
#include "server/rpc/statistics_service.h"
#include "server/rpc/storefront_service.h"
#include "server/rpc/subject_rights_service.h"
#include "server/rpc/supervision_service.h"
#include "server/rpc/tls.h"
#include "server/rpc/work_pool.h"

namespace postern::gateway {

class Front {
 public:
  // Serves when it returns. `core`, `metrics`, `serving` and `config` outlive it. INVALID_ARGUMENT if an address cannot
  // be listened on, or the errors of certificates that have changed since the check.
  static absl::StatusOr<std::unique_ptr<Front>> Start(const config::Config& config, const Clock& clock, Core& core,
                                                      Metrics* metrics, ServingState* serving);
  ~Front();

  // Makes the reloader look after every certificate and trust bundle of the listeners.
  void WatchCertificates(CertificateReloader* reloader);

  enum Face { kShop, kPartners, kOperators };
  int port(Face face) const { return faces_[face].listener->port(); }
  absl::Time certificate_end(Face face) const { return faces_[face].identity->not_after(); }

  // Both end calls in flight at `deadline`. The shop first: what it was promised is committed before the partners'
  // streams end.
  void ShutdownShop(absl::Time deadline);
  void ShutdownOthers(absl::Time deadline);

 private:
  // One listener and what is its own.
  struct FaceParts {
    std::unique_ptr<rpc::ServerIdentity> identity;
    std::unique_ptr<rpc::ConnectionTable> own_connections;  // null: the core's, which terminations abort
    rpc::ConnectionTable* connections = nullptr;
    std::unique_ptr<rpc::CallGate> gate;
    std::unique_ptr<rpc::WorkPool> pool;  // its last tasks use the gate
    std::unique_ptr<rpc::Listener> listener;
  };

  Front(const config::Config& config, Clock clock, ServingState* serving)
      : config_(config), clock_(std::move(clock)), serving_(serving) {}
  absl::Status BuildResolver(Core& core);
  absl::Status BuildFace(Face face, Core& core, Metrics* metrics);
  absl::Status BuildServices(Core& core);
  absl::Status LoadEnrolmentCa();
  absl::Status Listen(Core& core);
  const config::Listener& ConfigOf(Face face) const;

  const config::Config& config_;
  const Clock clock_;
  ServingState* const serving_;

  std::unique_ptr<identity::PrincipalResolver> resolver_;
  absl::Mutex enrolment_mutex_;
  std::shared_ptr<const identity::EnrolmentCa> enrolment_ ABSL_GUARDED_BY(enrolment_mutex_);
  std::unique_ptr<grpc::ResourceQuota> quota_;
  std::unique_ptr<rpc::StorefrontService> storefront_;
  std::unique_ptr<rpc::PartnerService> partner_;
  std::unique_ptr<rpc::OperatorService> operator_;
  std::unique_ptr<rpc::AuditService> audit_;
  std::unique_ptr<rpc::SubjectRightsService> shop_rights_, operator_rights_;
  std::unique_ptr<rpc::RetentionService> retention_;
  std::unique_ptr<rpc::InvestigationService> shop_investigations_;
  std::unique_ptr<rpc::InvestigationService> operator_investigations_;
  std::unique_ptr<rpc::StatisticsService> shop_statistics_;
  std::unique_ptr<rpc::StatisticsService> operator_statistics_;
  std::unique_ptr<rpc::SupervisionService> supervision_;
  std::unique_ptr<rpc::MaintenanceService> maintenance_;
  std::array<FaceParts, 3> faces_;
};

}  // namespace postern::gateway
