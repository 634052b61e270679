#include "server/rights/subject_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/crypto/name_digest.h"
#include "server/disclosure/contact.h"
#include "server/disclosure/resolver.h"
#include "server/registry/errors.h"

namespace postern::rights {

absl::StatusOr<storage::Mac16> SubjectOf(const crypto::HmacKey& index_key, absl::string_view field,
                                         const v1::SubjectRef& ref) {
  using crypto::NameDomain;
  switch (ref.person_case()) {
    case v1::SubjectRef::kId:
      if (ref.id().empty()) break;
      return disclosure::Truncated(crypto::DigestName(index_key, NameDomain::kSubject, ref.id()));
    case v1::SubjectRef::kContact: {
      const std::string normal = disclosure::NormaliseContact(ref.contact());
      if (normal.empty()) break;
      return disclosure::Truncated(crypto::DigestName(index_key, NameDomain::kContact, normal));
    }
    case v1::SubjectRef::kName:
      return ParseSubjectName(field, ref.name());
    default:
      break;
  }
  return registry::errors::InvalidField(field, "names nobody");
}

std::string SubjectName(const storage::Mac16& subject) {
  const absl::string_view bytes(reinterpret_cast<const char*>(subject.data()), subject.size());
  return absl::StrCat("subjects/", absl::BytesToHexString(bytes));
}

absl::StatusOr<storage::Mac16> ParseSubjectName(absl::string_view field, absl::string_view name) {
  storage::Mac16 subject{};
  absl::string_view hex = name;
  const bool shaped = absl::ConsumePrefix(&hex, "subjects/") && hex.size() == 2 * subject.size() &&
                      std::all_of(hex.begin(), hex.end(), [](char c) { return absl::ascii_isxdigit(c) != 0; });
  if (!shaped) return registry::errors::InvalidField(field, "is not the name of a subject");
  const std::string bytes = absl::HexStringToBytes(hex);
  std::copy(bytes.begin(), bytes.end(), subject.begin());
  return subject;
}

}  // namespace postern::rights
