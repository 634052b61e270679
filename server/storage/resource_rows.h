// Partners, bundles, contract revisions, campaigns and what hangs on them, as stored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "proto/postern/v1/deletion.pb.h"
#include "proto/postern/v1/partner.pb.h"
#include "server/crypto/uuid7.h"
#include "server/storage/types.h"

namespace postern::storage {

struct PartnerRow {
  PartnerId id = 0;
  v1::Partner partner;         // name, state, epoch and times as written; the etag is the store's: new with every write
  uint64_t fence_version = 0;  // when its fence was raised last
  crypto::Uuid epoch_key;      // KeyStore id of the partner-epoch DEK
  crypto::Uuid pseudonym_key;  // KeyStore id
  crypto::Uuid handle_key;     // KeyStore id
};

struct BundleRow {
  std::string digest;       // lower-case hex SHA-256 of the content
  v1::PolicyBundle bundle;  // its etag is the store's: new with every write
  bool in_force = false;
  std::string applied_by;  // first person of a pending one
};

struct RevisionRow {
  v1::ContractRevision revision;
  PartnerId partner = 0;
};

struct CampaignRow {
  v1::DeletionCampaign campaign;
  PartnerId partner = 0;
  int64_t enumerate_to = 0;  // ledger positions above are not part of it
  int64_t enumerated = 0;    // progress
};

struct NoticeRow {
  int64_t row = 0;            // place in ListNotices; set by reads
  v1::DeletionNotice notice;  // with envelope and, once given, attestation
  std::string campaign;
  PartnerId partner = 0;
  int number = 0;  // page, from 1
};

struct HandleOutcomeRow {
  std::string notice;
  Hash32 handle{};
  v1::DeletionAttestationStatement::Result result = v1::DeletionAttestationStatement::RESULT_UNSPECIFIED;
  std::string ground;
  std::optional<absl::Time> until;
};

struct OrderEventRow {
  Mac16 order{};
  int event = 0;  // v1::OrderEvent
  absl::Time time;
};

}  // namespace postern::storage
