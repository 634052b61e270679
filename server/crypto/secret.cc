#include "server/crypto/secret.h"

#include <openssl/crypto.h>

#include <cstring>
#include <utility>

#include "server/crypto/sha256.h"

namespace postern::crypto {
namespace internal {

WipedBuffer::WipedBuffer(size_t size) : data_(new uint8_t[size]()), size_(size) {}

WipedBuffer::WipedBuffer(absl::string_view content) : data_(new uint8_t[content.size()]), size_(content.size()) {
  if (!content.empty()) std::memcpy(data_.get(), content.data(), content.size());
}

WipedBuffer::WipedBuffer(WipedBuffer&& other) noexcept
    : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}

WipedBuffer& WipedBuffer::operator=(WipedBuffer&& other) noexcept {
  if (this != &other) {
    Wipe();
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

WipedBuffer::~WipedBuffer() {
  Wipe();
}

void WipedBuffer::Wipe() {
  if (data_ != nullptr) OPENSSL_cleanse(data_.get(), size_);
}

}  // namespace internal

bool SecretBytes::Equals(const SecretBytes& other) const {
  return ConstantTimeEquals(buffer_.view(), other.buffer_.view());
}

}  // namespace postern::crypto
