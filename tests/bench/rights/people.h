// What people ask of a gateway, through its shop and its operator.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "proto/postern/v1/retention_service.grpc.pb.h"
#include "proto/postern/v1/subject_rights_service.grpc.pb.h"
#include "tests/bench/delivery/site.h"
#include "tests/bench/gateway/unary_load.h"

namespace postern::bench {

// Thread-safe. Every call that fails ends the program with its error. People and orders are numbered as Records does.
class People {
 public:
  // `site` must outlive this.
  explicit People(Site* site);

  // A request of a verified person, taken and run: an access request is fulfilled, an erasure is in force, or the
  // program ends.
  postern::v1::SubjectRequest Ask(int64_t person, postern::v1::SubjectRequest::Kind kind);
  // The first page.
  postern::v1::GetAccessReportResponse Report(const std::string& request);

  // Each of the persons 0 to count - 1 agrees to `purpose`.
  void Consent(int64_t count, const std::string& purpose);
  // After-sales service of the orders first to first + count - 1 ended at `time`, of every `step`th.
  void CloseAfterSales(int64_t first, int64_t count, int64_t step, absl::Time time);

  // Acts on every term that is over.
  postern::v1::RetentionRound RunRetention();
  // Orders closed by retention until now.
  int64_t ClosedByRetention();

 private:
  // Makes `count` calls, a few at a time, of which all must succeed.
  void RunAll(int64_t count, const std::string& what, const std::function<void(int64_t, std::function<void(bool)>)>&);

  Site& site_;
  Stubs<postern::v1::SubjectRightsService> rights_;
  Stubs<postern::v1::RetentionService> retention_;
};

}  // namespace postern::bench
