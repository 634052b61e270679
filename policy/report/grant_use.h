// What a grant releases of typical records: for lint.
#pragma once

#include <string>
#include <vector>

#include "policy/report/lint.h"

namespace postern::policy {

struct GrantUse {
  int released = 0;                 // samples of the grant's type that it does not refuse
  int refused = 0;                  // the others
  std::string refusal;              // why, the last of them: the name of an ErrorReason
  std::vector<std::string> unused;  // granted leaves that none of the samples released
};

// Projects the samples of the grant's type, with every consent and for an adult unless the record says otherwise.
GrantUse UseOf(const CompiledGrant& grant, const std::vector<SampleRecord>& samples);

}  // namespace postern::policy
