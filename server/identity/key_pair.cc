#include "server/identity/key_pair.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/key_file.h"
#include "server/identity/errors.h"
#include "server/identity/x509.h"

namespace postern::identity {
namespace {

constexpr off_t kMaxFile = 1 << 20;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::StatusOr<size_t> SizeOf(const FileDescriptor& file, const std::string& path) {
  struct stat info {};
  if (fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > kMaxFile) {
    return errors::Malformed(absl::StrCat(path, " is not a readable file of at most 1 MiB"));
  }
  return static_cast<size_t>(info.st_size);
}

absl::Status ReadFully(const FileDescriptor& file, const std::string& path, char* out, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = read(file.get(), out + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return errors::Malformed(absl::StrCat(path, " cannot be read"));
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status OpenFailed(const std::string& path) {
  return errno == ENOENT ? errors::FileMissing(path) : errors::Malformed(absl::StrCat(path, " cannot be opened"));
}

PkeyPtr ParseKey(const crypto::SecretBytes& pem) {
  const absl::string_view text = pem.Reveal(crypto::SecretAccess::Granted());
  std::unique_ptr<BIO, OpenSslDeleter<BIO_free>> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (bio == nullptr) return nullptr;
  // No passphrase can be asked for: an encrypted key is refused.
  const auto refuse = [](char*, int, int, void*) { return -1; };
  PkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse, nullptr));
  TakeOpenSslError();
  return key;
}

}  // namespace

absl::StatusOr<std::string> ReadPublicFile(const std::string& path) {
  FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return OpenFailed(path);
  POSTERN_ASSIGN_OR_RETURN(const size_t size, SizeOf(file, path));
  std::string content(size, '\0');
  POSTERN_RETURN_IF_ERROR(ReadFully(file, path, content.data(), size));
  return content;
}

absl::StatusOr<KeyPair> LoadKeyPair(const std::string& chain_path, const std::string& key_path, absl::Time now) {
  KeyPair pair;
  POSTERN_ASSIGN_OR_RETURN(pair.chain_pem, ReadPublicFile(chain_path));
  POSTERN_ASSIGN_OR_RETURN(pair.private_key_pem, crypto::ReadPrivateFile(key_path));
  POSTERN_ASSIGN_OR_RETURN(const std::vector<X509Ptr> chain, ParseCertificates(pair.chain_pem));
  if (chain.empty()) return errors::Malformed(absl::StrCat(chain_path, " holds no certificate"));
  const PkeyPtr key = ParseKey(pair.private_key_pem);
  if (key == nullptr) return errors::Malformed(absl::StrCat(key_path, " holds no unencrypted private key"));
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    TakeOpenSslError();
    return errors::Malformed(absl::StrCat(key_path, " is not the key of ", chain_path));
  }
  POSTERN_ASSIGN_OR_RETURN(pair.not_before, ToTime(X509_get0_notBefore(chain.front().get())));
  POSTERN_ASSIGN_OR_RETURN(pair.not_after, ToTime(X509_get0_notAfter(chain.front().get())));
  if (now < pair.not_before || now >= pair.not_after) return errors::Expired();
  return pair;
}

}  // namespace postern::identity
