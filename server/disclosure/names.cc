#include "server/disclosure/names.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/disclosure/errors.h"

namespace postern::disclosure {

std::string DisclosureName(absl::string_view partner, const crypto::Uuid& id) {
  return absl::StrCat(partner, "/disclosures/", id.ToString());
}

absl::StatusOr<ParsedName> ParseDisclosureName(absl::string_view field, absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() == 4 && parts[0] == "partners" && !parts[1].empty() && parts[2] == "disclosures") {
    absl::StatusOr<crypto::Uuid> id = crypto::ParseUuid7(parts[3]);
    if (id.ok()) return ParsedName{absl::StrCat("partners/", parts[1]), *id};
  }
  return errors::InvalidField(field, "must be \"partners/{partner}/disclosures/{uuid}\"");
}

}  // namespace postern::disclosure
