#include "server/registry/page.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/registry/errors.h"

namespace postern::registry {

absl::StatusOr<int> PageSize(int wanted, int standard, int max) {
  if (wanted < 0 || wanted > max) return errors::InvalidField("page_size", absl::StrCat("must be 0 to ", max));
  return wanted == 0 ? standard : wanted;
}

absl::StatusOr<int64_t> PositionToken(absl::string_view token) {
  int64_t position = 0;
  if (!token.empty() && (!absl::SimpleAtoi(token, &position) || position <= 0)) {
    return errors::InvalidField("page_token", "is not from a previous response");
  }
  return position;
}

}  // namespace postern::registry
