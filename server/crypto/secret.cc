#include "server/crypto/secret.h"

#include <openssl/crypto.h>

#include <cstring>
#include <utility>

#include "server/crypto/sha256.h"

namespace postern::crypto {
namespace internal {

WipedBuffer::WipedBuffer(size_t size) : size_(size) {
  if (size > kSmall) heap_.reset(new uint8_t[size]);
  std::memset(data(), 0, size);
}

WipedBuffer::WipedBuffer(absl::string_view content) : size_(content.size()) {
  if (size_ > kSmall) heap_.reset(new uint8_t[size_]);
  if (!content.empty()) std::memcpy(data(), content.data(), size_);
}

WipedBuffer::WipedBuffer(WipedBuffer&& other) noexcept {
  TakeFrom(other);
}

WipedBuffer& WipedBuffer::operator=(WipedBuffer&& other) noexcept {
  if (this != &other) {
    Wipe();
    TakeFrom(other);
  }
  return *this;
}

WipedBuffer::~WipedBuffer() {
  Wipe();
}

void WipedBuffer::TakeFrom(WipedBuffer& other) {
  size_ = other.size_;
  heap_ = std::move(other.heap_);
  if (heap_ == nullptr) std::memcpy(small_, other.small_, size_);
  other.Wipe();
  other.size_ = 0;
}

void WipedBuffer::Wipe() {
  if (heap_ != nullptr || size_ <= kSmall) OPENSSL_cleanse(data(), size_);
}

}  // namespace internal

bool SecretBytes::Equals(const SecretBytes& other) const {
  return ConstantTimeEquals(buffer_.view(), other.buffer_.view());
}

}  // namespace postern::crypto
