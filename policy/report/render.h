// The published page "with whom we share what" (W8), rendered from the contracts themselves so that page and code
// cannot disagree.
#pragma once

#include <string>

#include "policy/report/sharing_scope.h"

namespace postern::policy {

// Both are a function of `scope` alone: the same bundle always gives the same page. Text from files is escaped.
std::string RenderMarkdown(const SharingScope& scope);
std::string RenderHtml(const SharingScope& scope);

}  // namespace postern::policy
