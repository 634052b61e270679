// A notice on its way to attested, and its campaign's counts.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/deletion.pb.h"
#include "server/registry/control_plane.h"
#include "server/revocation/amendment.h"
#include "server/storage/store.h"

namespace postern::revocation {

// NOT_FOUND; also if `partner` is not empty and the notice is another's.
absl::StatusOr<storage::NoticeRow> ReadNotice(registry::ControlPlane& control, absl::string_view name,
                                              absl::string_view partner);

// Writes an answer that was believed: outcomes, notice, campaign counts, audit leaf; then ends the campaign if it was
// the last. `attested` comes with state, attestation and time set; `earlier` is what an amendment amends. The caller
// holds ControlPlane::mutex.
absl::Status SettleNotice(registry::ControlPlane& control, const storage::NoticeRow& attested,
                          const v1::DeletionAttestationStatement& statement,
                          const std::optional<EarlierAnswer>& earlier, absl::string_view principal);

// Counts and audits an answer that was refused with `why`. The caller holds ControlPlane::mutex.
absl::Status RecordRefusal(registry::ControlPlane& control, const storage::NoticeRow& notice,
                           absl::string_view principal, const absl::Status& why);

}  // namespace postern::revocation
