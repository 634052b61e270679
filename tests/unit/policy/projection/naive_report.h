// The exact withheld report, made by reflection from a parsed record.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>

#include <google/protobuf/message.h>

#include "policy/projection/plan_spec.h"
#include "policy/projection/projector.h"

namespace postern::policy::testing {

using Report = std::set<std::pair<std::string, WithheldReason>>;

// What of `record`, a message of the spec's own record type, does not leave. Conditions decide; consent and minors are
// not looked at. Superseded oneof members are not in it, because a parsed record does not have them.
//
// Nullopt where a map entry has a value that its closed enum does not have: a parser of generated code takes the entry
// for an unknown field, and a dynamic message keeps it.
std::optional<Report> NaiveReport(const PlanSpec& spec, const ProjectionContext& context,
                                  const google::protobuf::Message& record);

}  // namespace postern::policy::testing
