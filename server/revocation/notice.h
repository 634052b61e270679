// Making and reading one signed deletion notice.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/deletion.pb.h"
#include "server/crypto/dsse.h"
#include "server/crypto/signature.h"
#include "server/storage/store.h"

namespace postern::revocation {

inline constexpr absl::string_view kNoticePayloadType = "application/vnd.postern.deletion-notice.v1+protobuf";
inline constexpr absl::string_view kAttestationPayloadType = "application/vnd.postern.deletion-attestation.v1+protobuf";

struct CampaignOptions {
  std::string origin;                              // the audit log's, stated in every notice
  const crypto::PrivateKey* notice_key = nullptr;  // Ed25519, for notices alone; not owned
  int handles_a_notice = 1000;                     // about 100 bytes each
};

// The next notice of `campaign`: statement, signature, digest. `statement` holds the items; the rest is filled in.
absl::StatusOr<storage::NoticeRow> MakeNotice(const CampaignOptions& options, const storage::CampaignRow& campaign,
                                              absl::string_view partner, absl::Time now, absl::Time due,
                                              v1::DeletionNoticeStatement statement);

// The statement inside a stored notice. INTERNAL if it does not parse: it did when it was written.
absl::StatusOr<v1::DeletionNoticeStatement> StatementOf(const v1::DeletionNotice& notice);

bool IsAttested(const v1::DeletionNotice& notice);
// "partners/p/deletionCampaigns/c" of ".../notices/1"; empty if it is no notice's name.
absl::string_view CampaignPart(absl::string_view notice);

v1::SignedEnvelope ToProto(const crypto::DsseEnvelope& envelope);
crypto::DsseEnvelope FromProto(const v1::SignedEnvelope& envelope);

}  // namespace postern::revocation
