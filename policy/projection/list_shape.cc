#include "policy/projection/list_shape.h"

#include <algorithm>

namespace postern::policy {

bool ListShape::Learn(const FastPlan& plan, const FastContainer& container, absl::string_view element,
                      absl::string_view output, uint64_t closed) {
  if (element.size() > kMaxElement || output.size() > kMaxOutput) return false;
  plan_ = &plan;
  closed_ = closed;
  begin_ = element.data();
  words_ = (element.size() + 7) / 8;
  std::fill_n(fixed_.begin(), words_, 0);
  learned_[words_ - 1] = 0;
  std::memcpy(learned_.data(), element.data(), element.size());
  nonzeros_ = pieces_ = written_ = 0;
  const char* const end = begin_ + element.size();
  uint64_t size = 0;
  const char* const content = wire::ReadLength(begin_ + container.tag_size, end, &size);
  if (content == nullptr || content + size != end) return false;
  Fix(begin_, content, 0xff);
  if (!AddPiece(0, container.tag_size + 1u, true) || !LearnMessage(*container.inner, content, end)) return false;
  if (written_ != output.size()) return false;
  std::memcpy(output_.data(), output.data(), output.size());
  return true;
}

bool ListShape::LearnMessage(const FastLevel& level, const char* p, const char* end) {
  while (p != end) {
    const char* const field = p;
    uint32_t tag = 0;
    p = wire::ReadTag(p, end, &tag);
    if (p == nullptr) return false;
    const FastEntry& entry = level.Find(tag);
    if ((closed_ >> entry.gate & 1) != 0) return false;
    uint64_t size = 0;
    const char* value = p;
    if (wire::TypeOf(tag) == wire::kDelimited) {
      value = wire::ReadLength(p, end, &size);
      if (value == nullptr) return false;
    } else if (wire::TypeOf(tag) == wire::kFixed64 || wire::TypeOf(tag) == wire::kFixed32) {
      size = wire::TypeOf(tag) == wire::kFixed64 ? 8 : 4;
      if (static_cast<size_t>(end - value) < size) return false;
    }
    Fix(field, value, 0xff);
    p = value + size;
    bool keeps = true;
    switch (entry.op) {
      case FastOp::kSkipVarint:
        p = LearnVarint(value, end, false, false);
        keeps = false;
        break;
      case FastOp::kSkipFixed64:
      case FastOp::kSkipFixed32:
      case FastOp::kSkipDelimited:
      case FastOp::kSkipRepeated:
        keeps = false;
        break;
      case FastOp::kVarint:
      case FastOp::kNarrowVarint:
        p = LearnVarint(value, end, entry.op == FastOp::kNarrowVarint, entry.implicit);
        break;
      case FastOp::kFixed64:
      case FastOp::kFixed32:
        if (entry.implicit) return false;  // any of its bytes may be the one that is not zero
        break;
      case FastOp::kBytes:
        break;
      case FastOp::kGuardedText:
        if (size >= kCardDigits) return false;
        [[fallthrough]];
      case FastOp::kText:
        if (!LearnText(value, p)) return false;
        break;
      case FastOp::kMessage: {
        const FastContainer& container = plan_->containers[entry.index];
        if (container.oneof >= 0 || container.is_value) return false;
        if (container.emits &&
            ((container.gates & ~closed_) == 0 || !AddPiece(written_, container.tag_size + 1u, true))) {
          return false;
        }
        if (!LearnMessage(*container.inner, value, p)) return false;
        keeps = false;
        break;
      }
      case FastOp::kLeave:
      case FastOp::kMapEntry:
      case FastOp::kSpecial:
        return false;
    }
    if (p == nullptr) return false;
    if (keeps && !AddPiece(static_cast<size_t>(field - begin_), static_cast<size_t>(p - field), false)) return false;
  }
  return true;
}

const char* ListShape::LearnVarint(const char* p, const char* end, bool narrow, bool implicit) {
  uint64_t ignored;
  const char* const after = wire::ReadVarint(p, end, &ignored);
  if (after == nullptr) return nullptr;
  Fix(p, after, 0x80);
  // Minimal is what does not end in a zero. Bits that a narrow value must not have, or that go beyond 64, stay as they
  // are in the learned one.
  if ((after - p > 1 || implicit) && !AddNonzero(after - 1)) return nullptr;
  const ptrdiff_t bounded = narrow ? 4 : 9;
  if (after - p > bounded) Fix(p + bounded, after, 0xff);
  return after;
}

bool ListShape::LearnText(const char* p, const char* end) {
  if (std::any_of(p, end, [](char c) { return static_cast<uint8_t>(c) >= 0x80; })) return false;
  Fix(p, end, 0x80);
  return true;
}

void ListShape::Fix(const char* p, const char* end, uint8_t mask) {
  for (; p != end; ++p) {
    const auto at = static_cast<size_t>(p - begin_);
    fixed_[at / 8] |= uint64_t{mask} << (at % 8 * 8);  // little-endian, as the machine
  }
}

bool ListShape::AddNonzero(const char* p) {
  if (nonzeros_ == kMaxNonzeros) return false;
  nonzero_[nonzeros_++] = static_cast<uint16_t>(p - begin_);
  return true;
}

bool ListShape::AddPiece(size_t from, size_t size, bool constant) {
  written_ += size;
  while (size != 0) {
    if (pieces_ != 0) {  // what follows in both goes on
      Piece& last = piece_[pieces_ - 1];
      const size_t more = std::min(size, kSlack - last.size);
      if (last.constant == static_cast<uint8_t>(constant) && last.from + last.size == from && more != 0) {
        last.size = static_cast<uint8_t>(last.size + more);
        from += more;
        size -= more;
        continue;
      }
    }
    if (pieces_ == kMaxPieces) return false;
    piece_[pieces_++] = {static_cast<uint16_t>(from), 0, static_cast<uint8_t>(constant)};
  }
  return true;
}

}  // namespace postern::policy
