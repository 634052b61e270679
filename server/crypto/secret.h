// Bytes that must not be shown: keys (SecretBytes) and personal data (PersonalString).
//
// Neither type prints, compares or converts by accident, and both wipe their memory when they go. Reading the content
// takes a token, so that `grep -rn 'SecretAccess::Granted\|PersonalAccess::Granted'` lists every place that looks
// inside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"

namespace postern::crypto {

// The right to read a SecretBytes. Grep for SecretAccess::Granted.
class SecretAccess {
 public:
  static SecretAccess Granted() { return SecretAccess(); }

 private:
  SecretAccess() = default;
};

// The right to read a PersonalString. Grep for PersonalAccess::Granted.
class PersonalAccess {
 public:
  static PersonalAccess Granted() { return PersonalAccess(); }

 private:
  PersonalAccess() = default;
};

namespace internal {

// A fixed-size buffer that is overwritten before it is freed: within the object up to the size of keys, else on the
// heap. Move-only.
class WipedBuffer {
 public:
  WipedBuffer() = default;
  explicit WipedBuffer(size_t size);
  explicit WipedBuffer(absl::string_view content);
  WipedBuffer(WipedBuffer&& other) noexcept;
  WipedBuffer& operator=(WipedBuffer&& other) noexcept;
  WipedBuffer(const WipedBuffer&) = delete;
  WipedBuffer& operator=(const WipedBuffer&) = delete;
  ~WipedBuffer();

  absl::string_view view() const {
    return absl::string_view(reinterpret_cast<const char*>(heap_ != nullptr ? heap_.get() : small_), size_);
  }
  uint8_t* data() { return heap_ != nullptr ? heap_.get() : small_; }
  size_t size() const { return size_; }

 private:
  static constexpr size_t kSmall = 48;

  void TakeFrom(WipedBuffer& other);
  void Wipe();

  size_t size_ = 0;
  std::unique_ptr<uint8_t[]> heap_;  // null: in small_
  uint8_t small_[kSmall];
};

}  // namespace internal

// Key material. Thread-safe while const.
class SecretBytes {
 public:
  SecretBytes() = default;

  // Copies `bytes`; wiping the caller's copy is the caller's business.
  static SecretBytes CopyOf(absl::string_view bytes) { return SecretBytes(internal::WipedBuffer(bytes)); }
  // `size` zero bytes, to be filled through MutableData.
  static SecretBytes OfSize(size_t size) { return SecretBytes(internal::WipedBuffer(size)); }

  // The bytes, valid while this object lives and is not moved from.
  absl::string_view Reveal(SecretAccess) const { return buffer_.view(); }
  uint8_t* MutableData(SecretAccess) { return buffer_.data(); }

  size_t size() const { return buffer_.size(); }
  // Equality in time that depends on the sizes only.
  bool Equals(const SecretBytes& other) const;

  friend std::ostream& operator<<(std::ostream&, const SecretBytes&) = delete;

 private:
  explicit SecretBytes(internal::WipedBuffer buffer) : buffer_(std::move(buffer)) {}

  internal::WipedBuffer buffer_;
};

// Personal data on its way through the process. Thread-safe while const.
class PersonalString {
 public:
  PersonalString() = default;
  static PersonalString CopyOf(absl::string_view text) { return PersonalString(internal::WipedBuffer(text)); }

  // The text, valid while this object lives and is not moved from.
  absl::string_view Reveal(PersonalAccess) const { return buffer_.view(); }
  size_t size() const { return buffer_.size(); }

  friend std::ostream& operator<<(std::ostream&, const PersonalString&) = delete;

 private:
  explicit PersonalString(internal::WipedBuffer buffer) : buffer_(std::move(buffer)) {}

  internal::WipedBuffer buffer_;
};

}  // namespace postern::crypto
