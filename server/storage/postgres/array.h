// An array parameter in PostgreSQL's binary format (src/backend/utils/adt/arrayfuncs.c, array_recv): one dimension, no
// nulls unless they are added.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "server/storage/postgres/result.h"

namespace postern::storage {

class ArrayParameter {
 public:
  // Of bytea, text or int8.
  explicit ArrayParameter(Oid element);

  void Add(int64_t value);
  void Add(absl::string_view bytes);
  void AddNull();

  Oid type() const { return element_ == kInt8 ? kInt8Array : element_ == kText ? kTextArray : kByteaArray; }
  int size() const { return size_; }
  size_t bytes() const { return bytes_.size(); }
  // The whole of it, for the time being.
  absl::string_view Encoded();

 private:
  void Put32(uint32_t value);

  const Oid element_;
  int32_t size_ = 0;
  bool nulls_ = false;
  std::string bytes_;
};

}  // namespace postern::storage
