#include "server/storage/postgres/array.h"

namespace postern::storage {
namespace {

constexpr size_t kFlagsAt = 4;
constexpr size_t kSizeAt = 12;

void Store32(uint32_t value, char* at) {
  for (int i = 3; i >= 0; --i, value >>= 8) at[i] = static_cast<char>(value);
}

}  // namespace

ArrayParameter::ArrayParameter(Oid element) : element_(element) {
  Put32(1);  // dimensions
  Put32(0);  // whether there are nulls
  Put32(element);
  Put32(0);  // size
  Put32(1);  // lower bound
}

void ArrayParameter::Put32(uint32_t value) {
  bytes_.resize(bytes_.size() + 4);
  Store32(value, bytes_.data() + bytes_.size() - 4);
}

void ArrayParameter::Add(int64_t value) {
  ++size_;
  Put32(8);
  Put32(static_cast<uint32_t>(static_cast<uint64_t>(value) >> 32));
  Put32(static_cast<uint32_t>(value));
}

void ArrayParameter::Add(absl::string_view bytes) {
  ++size_;
  Put32(static_cast<uint32_t>(bytes.size()));
  bytes_.append(bytes.data(), bytes.size());
}

void ArrayParameter::AddNull() {
  ++size_;
  nulls_ = true;
  Put32(0xffffffff);
}

absl::string_view ArrayParameter::Encoded() {
  Store32(nulls_ ? 1 : 0, bytes_.data() + kFlagsAt);
  Store32(static_cast<uint32_t>(size_), bytes_.data() + kSizeAt);
  return bytes_;
}

}  // namespace postern::storage
