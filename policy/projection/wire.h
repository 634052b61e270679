// Reading the protobuf wire format strictly (https://protobuf.dev/programming-guides/encoding): every varint must be
// minimal, tags must name a field number of 1 to 2^29-1 and a wire type that exists.
//
// Every reader takes [p, end) and returns the position after what it read, or nullptr if it is malformed.
#pragma once

#include <cstdint>
#include <cstring>

namespace postern::policy::wire {

enum Type : uint32_t { kVarint = 0, kFixed64 = 1, kDelimited = 2, kStartGroup = 3, kEndGroup = 4, kFixed32 = 5 };

// Messages and groups may nest this deep below the record, as in libprotobuf's default.
inline constexpr int kMaxDepth = 100;

inline uint32_t NumberOf(uint32_t tag) {
  return tag >> 3;
}
inline Type TypeOf(uint32_t tag) {
  return static_cast<Type>(tag & 7);
}
inline uint32_t MakeTag(uint32_t number, Type type) {
  return number << 3 | type;
}

inline const char* ReadVarint(const char* p, const char* end, uint64_t* value) {
  if (p == end) return nullptr;
  uint64_t byte = static_cast<uint8_t>(*p++);
  if (byte < 0x80) {
    *value = byte;
    return p;
  }
  uint64_t result = byte & 0x7f;
  for (int shift = 7; shift <= 63; shift += 7) {
    if (p == end) return nullptr;
    byte = static_cast<uint8_t>(*p++);
    if (byte < 0x80) {
      if (byte == 0 || (shift == 63 && byte > 1)) return nullptr;  // overlong, or more than 64 bits
      *value = result | byte << shift;
      return p;
    }
    result |= (byte & 0x7f) << shift;
  }
  return nullptr;
}

inline const char* ReadTag(const char* p, const char* end, uint32_t* tag) {
  uint64_t value;
  p = ReadVarint(p, end, &value);
  if (p == nullptr || value > UINT32_MAX) return nullptr;
  *tag = static_cast<uint32_t>(value);
  if (NumberOf(*tag) == 0 || TypeOf(*tag) > kFixed32) return nullptr;
  return p;
}

inline const char* ReadFixed32(const char* p, const char* end, uint64_t* value) {
  if (end - p < 4) return nullptr;
  uint32_t raw;
  std::memcpy(&raw, p, 4);  // the wire is little-endian, and so is every machine this builds for
  *value = raw;
  return p + 4;
}

inline const char* ReadFixed64(const char* p, const char* end, uint64_t* value) {
  if (end - p < 8) return nullptr;
  std::memcpy(value, p, 8);
  return p + 8;
}

// Reads the length of a delimited value that lies wholly before `end`; returns its first byte.
inline const char* ReadLength(const char* p, const char* end, uint64_t* size) {
  p = ReadVarint(p, end, size);
  if (p == nullptr || *size > static_cast<uint64_t>(end - p)) return nullptr;
  return p;
}

// Reads a scalar of wire type kVarint, kFixed32 or kFixed64.
inline const char* ReadScalar(Type type, const char* p, const char* end, uint64_t* value) {
  if (type == kVarint) return ReadVarint(p, end, value);
  return type == kFixed32 ? ReadFixed32(p, end, value) : ReadFixed64(p, end, value);
}

// Skips the value that belongs to `tag`. The inside of a delimited value is not looked at; a group has to be walked,
// iteratively. `depth` is that of the message the field is in. Sets *too_deep if nesting, not form, is what is wrong.
const char* SkipValue(uint32_t tag, const char* p, const char* end, int depth, bool* too_deep);

}  // namespace postern::policy::wire
