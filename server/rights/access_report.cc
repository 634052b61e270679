#include "server/rights/access_report.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/registry/errors.h"
#include "server/registry/page.h"
#include "server/registry/times.h"
#include "server/rights/access_entry.h"
#include "server/rights/erasure.h"
#include "server/rights/errors.h"
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
  POSTERN_ASSIGN_OR_RETURN(const uint64_t tree_size,
                           ReadCheckpoint(plane_, verifier_key_, response.mutable_checkpoint()));
  for (const storage::Mac16& subject : subjects) {
    POSTERN_ASSIGN_OR_RETURN(*response.add_subjects(), ledger_.Describe(subject));
  }
  AccessEntryWriter writer(&plane_, tree_size);
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
