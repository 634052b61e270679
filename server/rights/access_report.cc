#include "server/rights/access_report.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "policy/projection/projector.h"
#include "proto/errors/error.h"
#include "server/audit/checkpoint.h"
#include "server/audit/proof.h"
#include "server/base/failpoint.h"
#include "server/crypto/sha256.h"
#include "server/disclosure/receipt.h"
#include "server/registry/errors.h"
#include "server/registry/page.h"
#include "server/registry/times.h"
#include "server/rights/erasure.h"
#include "server/rights/errors.h"
#include "server/rights/granted_fields.h"
#include "server/rights/guardians.h"

namespace postern::rights {
namespace {

constexpr int kDefaultPage = 100;
constexpr int kMaxPage = 1000;

// Where a page begins: which of the person's identifiers, and after which ledger position.
struct Place {
  int subject = 0;
  int64_t after = 0;
};

absl::StatusOr<Place> ParseToken(absl::string_view token, size_t subjects) {
  Place place;
  if (token.empty()) return place;
  const std::pair<std::string, std::string> parts = absl::StrSplit(token, absl::MaxSplits('.', 1));
  if (!absl::SimpleAtoi(parts.first, &place.subject) || !absl::SimpleAtoi(parts.second, &place.after) ||
      place.subject < 0 || static_cast<size_t>(place.subject) >= subjects || place.after < 0) {
    return registry::errors::InvalidField("page_token", "is not one of this report's");
  }
  return place;
}

// One page in the making: what is the same for all of its entries.
class EntryWriter {
 public:
  EntryWriter(RightsPlane& plane, uint64_t tree_size)
      : plane_(plane), grants_(plane.store, plane.snapshots->Get()), tree_size_(tree_size) {}

  absl::Status ReadPartners() {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> rows, plane_.store->ListPartners());
    for (const storage::PartnerRow& row : rows) partners_[row.id] = row.partner;
    return absl::OkStatus();
  }

  absl::Status Write(const storage::DisclosureRow& row, v1::AccessEntry* entry) {
    POSTERN_ASSIGN_OR_RETURN(const GrantFacts* facts, grants_.Of(row.grant));
    const v1::Partner& partner = partners_[row.partner];
    entry->set_partner(partner.name());
    entry->set_legal_entity(partner.legal_entity());
    POSTERN_ASSIGN_OR_RETURN(const storage::Hash32 leaf, plane_.store->ReadTreeHash(0, row.leaf_index));
    *entry->mutable_disclosure() =
        disclosure::DisclosureOf(row, facts->ref, partner.name(), plane_.campaigns.origin, &leaf);
    absl::flat_hash_set<std::string> withheld;
    if (facts->active != nullptr) {
      for (const policy::WithheldField& field :
           policy::WithheldFromBits(*facts->active->grant->plan, row.withheld_bits)) {
        withheld.insert(field.path);
      }
    }
    for (const v1::AccessEntry::DisclosedField& field : facts->fields) {
      if (!withheld.contains(field.path())) *entry->add_fields() = field;
    }
    if (row.leaf_index >= tree_size_) return absl::OkStatus();
    POSTERN_ASSIGN_OR_RETURN(const std::vector<crypto::Sha256Digest> path,
                             audit::InclusionProof(row.leaf_index, tree_size_, [this](uint8_t level, uint64_t index) {
                               return plane_.store->ReadTreeHash(level, index);
                             }));
    for (const crypto::Sha256Digest& node : path) entry->add_inclusion_path(std::string(crypto::AsBytes(node)));
    return absl::OkStatus();
  }

 private:
  RightsPlane& plane_;
  GrantedFields grants_;
  const uint64_t tree_size_;
  absl::flat_hash_map<storage::PartnerId, v1::Partner> partners_;
};

}  // namespace

absl::StatusOr<v1::GetAccessReportResponse> AccessReporter::Report(const identity::Principal& caller,
                                                                   const v1::GetAccessReportRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const storage::SubjectRequestRow asked, plane_.store->ReadSubjectRequest(request.name()));
  POSTERN_RETURN_IF_ERROR(CheckMayHandle(ledger_, caller, asked.request));
  if (asked.request.kind() != v1::SubjectRequest::KIND_ACCESS ||
      asked.request.state() != v1::SubjectRequest::STATE_FULFILLED) {
    return errors::RequestState(request.name(), asked.request.state());
  }
  POSTERN_ASSIGN_OR_RETURN(const int size, registry::PageSize(request.page_size(), kDefaultPage, kMaxPage));
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::Mac16> subjects, SubjectsOf(asked.request));
  POSTERN_ASSIGN_OR_RETURN(Place place, ParseToken(request.page_token(), subjects.size()));

  v1::GetAccessReportResponse response;
  registry::SetTime(plane_.clock(), response.mutable_create_time());
  POSTERN_ASSIGN_OR_RETURN(*response.mutable_checkpoint(), plane_.store->ReadCheckpoint());
  uint64_t tree_size = 0;
  if (!response.checkpoint().empty()) {
    POSTERN_ASSIGN_OR_RETURN(const audit::Checkpoint checkpoint,
                             audit::OpenCheckpoint(response.checkpoint(), verifier_key_));
    tree_size = checkpoint.size;
  }
  for (const storage::Mac16& subject : subjects) {
    POSTERN_ASSIGN_OR_RETURN(*response.add_subjects(), ledger_.Describe(subject));
  }
  EntryWriter writer(plane_, tree_size);
  POSTERN_RETURN_IF_ERROR(writer.ReadPartners());
  for (; static_cast<size_t>(place.subject) < subjects.size(); ++place.subject, place.after = 0) {
    const absl::Span<const storage::Mac16> earlier(subjects.data(), static_cast<size_t>(place.subject));
    while (response.entries_size() < size) {
      POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::DisclosureRow> rows,
                               plane_.store->ListBySubject(subjects[static_cast<size_t>(place.subject)], place.after,
                                                           size - response.entries_size()));
      if (rows.empty()) break;
      for (const storage::DisclosureRow& row : rows) {
        place.after = row.seq;
        // Told already, under another identifier of the person.
        const bool told = std::any_of(row.subjects.begin(), row.subjects.end(), [&](const storage::Mac16& one) {
          return std::find(earlier.begin(), earlier.end(), one) != earlier.end();
        });
        if (!told && !base::FailpointSkips("access_report.skip"))
          POSTERN_RETURN_IF_ERROR(writer.Write(row, response.add_entries()));
      }
    }
    if (response.entries_size() == size) {
      response.set_next_page_token(absl::StrCat(place.subject, ".", place.after));
      break;
    }
  }
  return response;
}

}  // namespace postern::rights
