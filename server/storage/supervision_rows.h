// Rows of supervision: what stood out, and what partners were seen with. Part of store.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/supervision_service.pb.h"
#include "server/storage/types.h"

namespace postern::storage {

struct FindingRow {
  int64_t row = 0;  // its place; set by reads
  v1::SupervisionFinding finding;
};

// Something that a partner was seen with: a certificate or a network, as a digest.
struct SeenRow {
  PartnerId partner = 0;
  // Numbers are stored; never reuse one.
  enum class Kind : uint8_t { kCertificate = 1, kNetwork = 2 } kind = Kind::kCertificate;
  Mac16 digest{};
};

// The reads; writes are in ChangeSet.
class SupervisionReads {
 public:
  virtual ~SupervisionReads() = default;
  // Newest first, below `before` (0: from the end); of `partner`, or of all where that is empty.
  virtual absl::StatusOr<std::vector<FindingRow>> ListFindings(absl::string_view partner, int64_t before,
                                                               int limit) = 0;
  virtual absl::StatusOr<std::vector<SeenRow>> ListSeen() = 0;
};

}  // namespace postern::storage
