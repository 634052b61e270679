#include "server/identity/principal.h"

#include <algorithm>

namespace postern::identity {

bool Principal::Has(Role role) const {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

}  // namespace postern::identity
