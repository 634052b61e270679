#include "server/rights/evidence.h"

#include <algorithm>
#include <map>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/errors/error.h"
#include "server/audit/leaf.h"
#include "server/registry/errors.h"
#include "server/registry/page.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"
#include "server/rights/access_entry.h"
#include "server/rights/erasure.h"
#include "server/rights/subject_ledger.h"

namespace postern::rights {
namespace {

constexpr int kDefaultPage = 100;
constexpr int kMaxPage = 1000;
// Leaves that one page looks through; a page may be empty and another one follow.
constexpr int kLeavesAPage = 20'000;
constexpr int kReadLeaves = 1000;
// Entries are in the order of their commit, which may differ from that of their times by so much.
constexpr absl::Duration kClockSlack = absl::Minutes(5);

enum Kind { kDisclosures = 0, kNotices = 1, kFindings = 2, kEntries = 3, kEnd = 4 };

absl::StatusOr<v1::AuditEntry> EntryOf(absl::string_view leaf) {
  POSTERN_ASSIGN_OR_RETURN(const audit::AuditLeaf decoded, audit::DecodeLeaf(leaf));
  v1::AuditEntry entry;
  if (!entry.ParseFromString(decoded.metadata)) return registry::errors::StoreInconsistent("an entry does not parse");
  return entry;
}

}  // namespace

// What is looked for.
struct EvidenceReader::Matter {
  v1::Investigation investigation;
  std::vector<storage::Mac16> subjects;
  std::vector<storage::PartnerRow> partners;   // concerned: named, or recipients of the person's data
  absl::flat_hash_set<std::string> resources;  // that entries of the audit log are about
  absl::Time start;
  absl::Time end;
};

// Where a page begins.
struct EvidenceReader::Place {
  int kind = kDisclosures;
  size_t item = 0;       // which subject or partner
  int64_t position = 0;  // in its list

  void Next(size_t items) {
    position = 0;
    if (++item < items) return;
    item = 0;
    ++kind;
  }
  std::string Token() const { return kind == kEnd ? "" : absl::StrCat(kind, ".", item, ".", position); }
};

absl::StatusOr<EvidenceReader::Matter> EvidenceReader::ReadMatter(v1::Investigation investigation) {
  Matter matter;
  v1::SubjectRequest request;
  *request.mutable_subjects() = investigation.subjects();
  POSTERN_ASSIGN_OR_RETURN(matter.subjects, SubjectsOf(request));
  matter.start = registry::ToTime(investigation.start_time());
  matter.end = registry::ToTime(investigation.end_time());
  absl::flat_hash_set<storage::PartnerId> recipients;
  if (investigation.partner().empty()) {
    POSTERN_RETURN_IF_ERROR(ForEachDisclosure(*plane_.store, matter.subjects, [&](const storage::DisclosureRow& row) {
      recipients.insert(row.partner);
      return absl::OkStatus();
    }));
  }
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> partners, plane_.store->ListPartners());
  for (const storage::PartnerRow& row : partners) {
    if (row.partner.name() == investigation.partner() || recipients.contains(row.id)) matter.partners.push_back(row);
  }
  matter.resources.insert(investigation.name());
  matter.resources.insert(investigation.subjects().begin(), investigation.subjects().end());
  for (const storage::PartnerRow& row : matter.partners) matter.resources.insert(row.partner.name());
  matter.investigation = std::move(investigation);
  return matter;
}

absl::StatusOr<v1::ExportEvidenceResponse> EvidenceReader::Export(const identity::Principal& caller,
                                                                  const v1::ExportEvidenceRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const int size, registry::PageSize(request.page_size(), kDefaultPage, kMaxPage));
  Place place;
  if (!request.page_token().empty()) {
    const std::vector<absl::string_view> parts = absl::StrSplit(request.page_token(), '.');
    if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &place.kind) || !absl::SimpleAtoi(parts[1], &place.item) ||
        !absl::SimpleAtoi(parts[2], &place.position) || place.kind < kDisclosures || place.kind >= kEnd ||
        place.position < 0) {
      return registry::errors::InvalidField("page_token", "is not one of ours");
    }
  }
  POSTERN_ASSIGN_OR_RETURN(v1::Investigation investigation, request.page_token().empty()
                                                                ? desk_.CountExport(caller, request.name())
                                                                : desk_.ReadFor(caller, request.name()));
  v1::ExportEvidenceResponse page;
  if (request.page_token().empty()) *page.mutable_investigation() = investigation;
  POSTERN_ASSIGN_OR_RETURN(const Matter matter, ReadMatter(std::move(investigation)));
  POSTERN_ASSIGN_OR_RETURN(const uint64_t tree_size, ReadCheckpoint(plane_, verifier_key_, page.mutable_checkpoint()));
  switch (place.kind) {
    case kDisclosures:
      POSTERN_RETURN_IF_ERROR(AddDisclosures(matter, tree_size, size, &place, &page));
      break;
    case kNotices:
      POSTERN_RETURN_IF_ERROR(AddNotices(matter, size, &place, &page));
      break;
    case kFindings:
      POSTERN_RETURN_IF_ERROR(AddFindings(matter, size, &place, &page));
      break;
    default:
      POSTERN_RETURN_IF_ERROR(AddEntries(matter, tree_size, size, &place, &page));
      break;
  }
  page.set_next_page_token(place.Token());
  return page;
}

absl::Status EvidenceReader::AddDisclosures(const Matter& matter, uint64_t tree_size, int size, Place* place,
                                            v1::ExportEvidenceResponse* page) {
  const bool by_subject = !matter.subjects.empty();
  const size_t items = by_subject ? matter.subjects.size() : matter.partners.size();
  if (place->item >= items) {
    place->Next(0);
    return absl::OkStatus();
  }
  std::vector<storage::DisclosureRow> rows;
  if (by_subject) {
    POSTERN_ASSIGN_OR_RETURN(rows, plane_.store->ListBySubject(matter.subjects[place->item], place->position, size));
  } else {
    POSTERN_ASSIGN_OR_RETURN(rows,
                             plane_.store->ListDisclosures(matter.partners[place->item].id, place->position, size));
  }
  AccessEntryWriter writer(&plane_, tree_size);
  POSTERN_RETURN_IF_ERROR(writer.ReadPartners());
  bool past = false;
  for (const storage::DisclosureRow& row : rows) {
    place->position = row.seq;
    // A partner's come newest first, a person's oldest first.
    past = past || (!by_subject && row.time < matter.start);
    if (row.time < matter.start || row.time >= matter.end) continue;
    const bool concerned = std::any_of(matter.partners.begin(), matter.partners.end(),
                                       [&](const storage::PartnerRow& partner) { return partner.id == row.partner; });
    if (concerned) POSTERN_RETURN_IF_ERROR(writer.Write(row, page->add_disclosures()));
  }
  if (past || static_cast<int>(rows.size()) < size) place->Next(items);
  return absl::OkStatus();
}

absl::Status EvidenceReader::AddNotices(const Matter& matter, int size, Place* place,
                                        v1::ExportEvidenceResponse* page) {
  if (place->item >= matter.partners.size()) {
    place->Next(0);
    return absl::OkStatus();
  }
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::NoticeRow> rows,
                           plane_.store->ListNotices(matter.partners[place->item].id, "", place->position, size,
                                                     /*open_only=*/false));
  for (const storage::NoticeRow& row : rows) {
    place->position = row.row;
    *page->add_notices() = row.notice;
  }
  if (static_cast<int>(rows.size()) < size) place->Next(matter.partners.size());
  return absl::OkStatus();
}

absl::Status EvidenceReader::AddFindings(const Matter& matter, int size, Place* place,
                                         v1::ExportEvidenceResponse* page) {
  if (place->item >= matter.partners.size()) {
    place->Next(0);
    return absl::OkStatus();
  }
  POSTERN_ASSIGN_OR_RETURN(
      const std::vector<storage::FindingRow> rows,
      plane_.store->ListFindings(matter.partners[place->item].partner.name(), place->position, size));
  for (const storage::FindingRow& row : rows) {
    place->position = row.row;
    *page->add_findings() = row.finding;
  }
  if (static_cast<int>(rows.size()) < size) place->Next(matter.partners.size());
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> EvidenceReader::FirstLeaf(absl::Time start, uint64_t size) {
  uint64_t low = 0;
  for (uint64_t high = size; low < high;) {
    const uint64_t middle = low + (high - low) / 2;
    POSTERN_ASSIGN_OR_RETURN(const std::vector<std::string> leaves, plane_.store->ReadLeaves(middle, 1));
    if (leaves.empty()) return registry::errors::StoreInconsistent("a leaf is missing");
    POSTERN_ASSIGN_OR_RETURN(const v1::AuditEntry entry, EntryOf(leaves.front()));
    if (registry::ToTime(entry.time()) < start - kClockSlack) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

absl::Status EvidenceReader::AddEntries(const Matter& matter, uint64_t tree_size, int size, Place* place,
                                        v1::ExportEvidenceResponse* page) {
  POSTERN_ASSIGN_OR_RETURN(const storage::TreeHead head, plane_.store->ReadTreeHead());
  uint64_t next = static_cast<uint64_t>(place->position);
  if (next == 0) {
    POSTERN_ASSIGN_OR_RETURN(next, FirstLeaf(matter.start, head.size));
  }
  for (int looked = 0; next < head.size && looked < kLeavesAPage && page->entries_size() < size;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<std::string> leaves, plane_.store->ReadLeaves(next, kReadLeaves));
    for (const std::string& leaf : leaves) {
      const uint64_t index = next++;
      ++looked;
      POSTERN_ASSIGN_OR_RETURN(v1::AuditEntry entry, EntryOf(leaf));
      // Single disclosures come with proofs of their own.
      if (!matter.resources.contains(entry.resource()) || entry.kind() == v1::AuditEntry::KIND_DISCLOSURE) continue;
      v1::ExportEvidenceResponse::AuditEvidence& evidence = *page->add_entries();
      evidence.set_index(static_cast<int64_t>(index));
      *evidence.mutable_entry() = std::move(entry);
      POSTERN_ASSIGN_OR_RETURN(const std::vector<std::string> path, InclusionPath(plane_, index, tree_size));
      for (const std::string& node : path) evidence.add_inclusion_path(node);
      if (page->entries_size() == size) break;
    }
    if (leaves.empty()) break;
  }
  place->position = static_cast<int64_t>(next);
  if (next >= head.size) place->kind = kEnd;
  return absl::OkStatus();
}

}  // namespace postern::rights
