#include "server/registry/partner_rows.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "proto/errors/error.h"
#include "server/registry/errors.h"

namespace postern::registry {

absl::StatusOr<storage::PartnerRow> ReadPartner(storage::Store& store, absl::string_view name) {
  // Partners are few (tens to hundreds) and this is off every hot path.
  POSTERN_ASSIGN_OR_RETURN(std::vector<storage::PartnerRow> rows, store.ListPartners());
  for (storage::PartnerRow& row : rows) {
    if (row.partner.name() == name) return std::move(row);
  }
  return errors::PartnerUnknown(name);
}

absl::string_view PartnerPart(absl::string_view name) {
  constexpr absl::string_view kPrefix = "partners/";
  if (!absl::StartsWith(name, kPrefix)) return {};
  const size_t end = name.find('/', kPrefix.size());
  return name.substr(0, end);
}

absl::string_view ContractPart(absl::string_view revision) {
  const size_t at = revision.rfind("/revisions/");
  return at == absl::string_view::npos ? absl::string_view() : revision.substr(0, at);
}

}  // namespace postern::registry
