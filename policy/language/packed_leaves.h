// The leaves of what an Any may hold: they are no leaves of the record type, but of the types that a grant lists.
#pragma once

#include <vector>

#include "policy/language/catalogue.h"
#include "policy/projection/plan_spec.h"

namespace postern::policy {

// Every leaf, granted or not, of every type that the granted paths of `spec` list, by its path from the record.
std::vector<ClassifiedLeaf> PackedLeaves(const PlanSpec& spec, const Catalogue& catalogue);

// For a path with the type of an Any in brackets that is no message of the schema: the nearest one. Empty otherwise.
std::string NearestPackedType(const Schema& schema, absl::string_view path);

}  // namespace postern::policy
