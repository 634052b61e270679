#include "policy/language/built_grants.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace postern::policy {

std::string BuiltGrants::KeyOf(const google::protobuf::MessageLite& grant, const v1::Ceiling& ceiling) {
  // Ceilings are told apart by where they are: they live as long as the bundle. Kinds of grants are told apart by name.
  return absl::StrCat(grant.GetTypeName(), "\n", reinterpret_cast<uintptr_t>(&ceiling), "\n",
                      grant.SerializePartialAsString());
}

const BuiltGrant* BuiltGrants::Find(absl::string_view key) const {
  const auto found = built_.find(key);
  return found == built_.end() ? nullptr : &found->second;
}

void BuiltGrants::Add(std::string key, BuiltGrant built) {
  built_.try_emplace(std::move(key), std::move(built));
}

}  // namespace postern::policy
