// Whether one grant releases no more than another: the ground for calling a change a widening one, for asking a second
// person, and for withdrawing a backlog. The two may come from different bundles: everything is compared by name.
#pragma once

#include "policy/language/compiler.h"

namespace postern::policy {

// True if what leaves by `inner` would leave by `outer` as well, in the same form, or if `outer` keeps the value as it
// is: with the same or more conditions, the same or more protection of minors, the same consent, the same or a stricter
// card-number rule. Two transforms that differ cannot be compared. Errs towards false.
bool LeafReleasesWithin(const PlanSpec& inner_plan, const LeafSpec& inner, const PlanSpec& outer_plan,
                        const LeafSpec& outer);

// Leaf by leaf, and not without a consent for the whole disclosure that `outer` asks for.
bool ReleasesWithin(const CompiledGrant& inner, const CompiledGrant& outer);

}  // namespace postern::policy
