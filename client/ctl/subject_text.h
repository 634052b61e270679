// People and what they ask, as text for people.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "proto/postern/v1/subject_rights.pb.h"
#include "proto/postern/v1/subject_rights_service.pb.h"

namespace postern::client::ctl {

// From "id:ID", "contact:CONTACT" or "subjects/KEY"; anything else is taken for a name, which the gateway refuses.
v1::SubjectRef PersonOf(const std::string& text);

std::string TextOf(const v1::UseScope& scope);
std::string TextOf(const v1::RecallEffect& effect);
std::string TextOf(const v1::Subject& subject);
std::string TextOf(const v1::SubjectRequest& request);
// The report as a page that a person can read.
std::string TextOf(const v1::GetAccessReportResponse& report);

}  // namespace postern::client::ctl
