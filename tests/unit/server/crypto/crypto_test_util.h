// Helpers of the crypto tests: hex, temporary directories, whole files.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "server/crypto/secret.h"

namespace postern::crypto {

inline std::string FromHex(absl::string_view hex) {
  return absl::HexStringToBytes(hex);
}
template <typename Bytes>
std::string Hex(const Bytes& bytes) {
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}
inline std::string Hex(const SecretBytes& secret) {
  return absl::BytesToHexString(secret.Reveal(SecretAccess::Granted()));
}
inline SecretBytes SecretFromHex(absl::string_view hex) {
  return SecretBytes::CopyOf(FromHex(hex));
}
inline SecretBytes FilledSecret(char byte) {
  return SecretBytes::CopyOf(std::string(32, byte));
}

// A directory that goes with the object.
class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "postern-crypto-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  std::string File(absl::string_view name) const { return path_ + "/" + std::string(name); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

inline void WriteFile(const std::string& path, absl::string_view content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << std::string(content);
}

}  // namespace postern::crypto
