// The shape of an element of a repeated message: all that decides how the fast walk goes through it. Long lists are
// often of elements that differ in little but digits and letters; once one of them has been walked, the others need
// only be compared with its shape.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"
#include "policy/projection/fast_plan.h"

namespace postern::policy {

// Void until Learn has succeeded.
class ListShape {
 public:
  // Of longer elements it is not tried.
  static constexpr size_t kMaxElement = 256;
  static constexpr size_t kMaxOutput = 127;
  // What is read behind an element, and written behind what Write adds.
  static constexpr size_t kSlack = 32;

  ListShape() {}  // NOLINT(modernize-use-equals-default,cppcoreguidelines-pro-type-member-init): filled by Learn

  // `element` has just been walked, tag and length included, and gave `output`. `closed`: a bit for each gate. False if
  // there is something in it whose value decides, as a role, a transform or a member of a oneof does.
  bool Learn(const FastPlan& plan, const FastContainer& container, absl::string_view element, absl::string_view output,
             uint64_t closed);

  // True if the walk would do with `element`, of the learned one's size and with kSlack bytes behind it, what it did
  // with that: same tags, lengths and widths of varints; what is checked for UTF-8 is ASCII; no zeros where they count.
  bool Matches(const char* element) const {
    uint64_t different = 0;
    for (size_t i = 0; i < words_; ++i) {
      uint64_t word;
      std::memcpy(&word, element + i * sizeof(word), sizeof(word));
      different |= (word ^ learned_[i]) & fixed_[i];
    }
    bool zero = false;
    for (size_t i = 0; i < nonzeros_; ++i) zero |= (element[nonzero_[i]] & 0x7f) == 0;
    return different == 0 && !zero;
  }
  // Writes what leaves of an element that matches; returns the end.
  char* Write(const char* element, char* at) const {
    const std::array<const char*, 2> from = {element, output_.data()};
    for (size_t i = 0; i < pieces_; ++i) {
      const Piece& piece = piece_[i];
      std::memcpy(at, from[piece.constant] + piece.from, kSlack);
      at += piece.size;
    }
    return at;
  }

 private:
  // Up to kSlack bytes of the output: of the element, or the same for all.
  struct Piece {
    uint16_t from;
    uint8_t size;
    uint8_t constant;
  };
  static constexpr size_t kMaxPieces = 32;
  static constexpr size_t kMaxNonzeros = 32;

  bool LearnMessage(const FastLevel& level, const char* p, const char* end);
  // Null if it cannot be learned.
  const char* LearnVarint(const char* p, const char* end, bool narrow, bool implicit);
  bool LearnText(const char* p, const char* end);
  // The bits of `mask` in every byte of [p, end) decide.
  void Fix(const char* p, const char* end, uint8_t mask);
  bool AddNonzero(const char* p);
  bool AddPiece(size_t from, size_t size, bool constant);

  std::array<uint64_t, kMaxElement / 8> learned_, fixed_;
  size_t words_;
  std::array<uint16_t, kMaxNonzeros> nonzero_;  // bytes of which the lower seven bits are not all zero
  size_t nonzeros_;
  std::array<Piece, kMaxPieces> piece_;
  size_t pieces_;
  std::array<char, kMaxOutput + kSlack> output_;
  // While it learns.
  const FastPlan* plan_;
  uint64_t closed_;
  const char* begin_;
  size_t written_;
};

}  // namespace postern::policy
