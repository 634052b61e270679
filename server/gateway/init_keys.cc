#include "server/gateway/init_keys.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/root_keyset.h"
#include "server/crypto/signature.h"

namespace postern::gateway {
namespace {

namespace fs = std::filesystem;

absl::Status MakeDirectory(const fs::path& path) {
  std::error_code error;
  if (fs::exists(path, error)) return absl::OkStatus();
  if (mkdir(path.c_str(), 0700) == 0) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("cannot make the directory ", path.string()));
}

absl::Status CreateSigningKey(const std::string& path) {
  POSTERN_ASSIGN_OR_RETURN(const crypto::PrivateKey key,
                           crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEd25519));
  return key.SaveFile(path);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> InitKeys(const config::Config& config) {
  POSTERN_RETURN_IF_ERROR(MakeDirectory(config.data_dir()));
  const config::Keys& keys = config.keys();
  const std::pair<const std::string&, absl::Status (*)(const std::string&)> files[] = {
      {keys.root_keyset(), crypto::RootKeyset::CreateFile},
      {keys.minors_root_keyset(), crypto::RootKeyset::CreateFile},
      {keys.notice_signing_key(), CreateSigningKey},
      {keys.audit_signing_key(), CreateSigningKey},
  };
  std::vector<std::string> made;
  for (const auto& [path, create] : files) {
    std::error_code error;
    if (fs::exists(path, error)) continue;
    POSTERN_RETURN_IF_ERROR(MakeDirectory(fs::path(path).parent_path()));
    POSTERN_RETURN_IF_ERROR(create(path));
    made.push_back(path);
  }
  return made;
}

}  // namespace postern::gateway
