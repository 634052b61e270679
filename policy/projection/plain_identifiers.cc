#include "policy/projection/plain_identifiers.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"

namespace postern::policy {
namespace {

constexpr uint32_t kNoCharacter = 0xfffd;
constexpr size_t kFewestCheckedDigits = 15;  // of the card numbers that are looked for here
constexpr size_t kMostCheckedDigits = 16;
constexpr size_t kShortestIban = 15, kLongestIban = 34;

// The zeros of all scripts that have decimal digits (Unicode 15, category Nd); their other nine follow.
constexpr uint32_t kZeros[] = {0x30,    0x660,   0x6f0,   0x7c0,   0x966,   0x9e6,   0xa66,   0xae6,   0xb66,   0xbe6,
                               0xc66,   0xce6,   0xd66,   0xde6,   0xe50,   0xed0,   0xf20,   0x1040,  0x1090,  0x17e0,
                               0x1810,  0x1946,  0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,
                               0xa8d0,  0xa900,  0xa9d0,  0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066,
                               0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0,
                               0x11950, 0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8,
                               0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e950, 0x1fbf0};

// Takes one code point off `text`, or one byte that begins none (Unicode, table 3-7), as kNoCharacter.
uint32_t TakePoint(absl::string_view* text) {
  static constexpr uint32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};
  const auto lead = static_cast<uint8_t>(text->front());
  const size_t more = lead < 0x80 ? 0 : lead < 0xc0 ? 4 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf8 ? 3 : 4;
  uint32_t point = more == 0 ? lead : lead & (0x3fu >> more);
  bool well_formed = more < 4 && more < text->size();
  for (size_t i = 1; well_formed && i <= more; ++i) {
    const auto next = static_cast<uint8_t>((*text)[i]);
    well_formed = next >> 6 == 2;
    point = point << 6 | (next & 0x3fu);
  }
  well_formed = well_formed && point >= kSmallest[more] && point <= 0x10ffff && point >> 11 != 0xd800 >> 11;
  text->remove_prefix(well_formed ? more + 1 : 1);
  return well_formed ? point : kNoCharacter;
}

// One character as far as numbers go.
struct Character {
  int digit = -1;
  char alnum = '\0';     // upper-case ASCII for digits of any script and letters of either width; '\0': neither
  bool parts = false;    // a plain separator of groups
  bool in_iban = false;  // of something that might be an IBAN
};

Character CharacterOf(uint32_t point) {
  Character character;
  character.digit = DecimalValue(point);
  character.parts = point == ' ' || point == '-';
  const uint32_t narrow = point >= 0xff21 && point <= 0xff5a ? point - 0xff21 + 'A' : point;
  if (character.digit >= 0) {
    character.alnum = static_cast<char>('0' + character.digit);
  } else if (narrow < 0x80 && absl::ascii_isalpha(static_cast<unsigned char>(narrow))) {
    character.alnum = absl::ascii_toupper(static_cast<unsigned char>(narrow));
  }
  return character;
}

// Marks everything that may be an IBAN that begins at `start`: any two letters, any length, single characters of any
// kind between, whatever stands around it. That is more than ISO 13616 allows, and so more than the projector takes for
// one.
void MarkIbans(std::vector<Character>& text, size_t start) {
  uint32_t rest = 0, head = 0, head_weight = 1;  // the first four characters count behind the others (ISO/IEC 7064)
  size_t count = 0;
  bool parted = true;
  for (size_t at = start; at < text.size() && count < kLongestIban; ++at) {
    const char c = text[at].alnum;
    if (c == '\0') {
      if (parted) return;
      parted = true;
      continue;
    }
    parted = false;
    const bool letter = c >= 'A';
    if (count < 2 && !letter) return;
    const uint32_t weight = letter ? 100 : 10;
    const auto value = static_cast<uint32_t>(letter ? c - 'A' + 10 : c - '0');
    if (count < 4) {
      head = head * weight + value;
      head_weight = head_weight * weight % 97;
    } else {
      rest = (rest * weight + value) % 97;
    }
    if (++count >= kShortestIban && (rest * head_weight + head) % 97 == 1) {
      for (size_t i = start; i <= at; ++i) text[i].in_iban = true;
    }
  }
}

// Digits that nothing parts, whatever their scripts.
struct Group {
  std::string digits;
  bool follows = false;  // directly behind the group before, but for one separator
  bool in_iban = false;
};

std::vector<Group> GroupsOf(const std::vector<Character>& text) {
  std::vector<Group> groups;
  size_t end = 0;  // of the last group
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at].digit < 0) continue;
    if (groups.empty() || end != at) {
      groups.emplace_back().follows = at > 0 && end == at - 1 && text[at - 1].parts;
    }
    groups.back().digits.push_back(static_cast<char>('0' + text[at].digit));
    groups.back().in_iban |= text[at].in_iban;
    end = at + 1;
  }
  return groups;
}

bool IsCard(const std::string& digits) {
  const bool known = digits.size() == 16
                         ? digits[0] == '4' || (digits[0] == '5' && digits[1] >= '1' && digits[1] <= '5')
                         : digits[0] == '3' && (digits[1] == '4' || digits[1] == '7');
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    const int digit = digits[digits.size() - 1 - i] - '0';
    sum += i % 2 == 0 ? digit : digit * 2 / 10 + digit * 2 % 10;
  }
  return known && sum % 10 == 0;
}

}  // namespace

int DecimalValue(uint32_t code_point) {
  const auto* const above = std::upper_bound(std::begin(kZeros), std::end(kZeros), code_point);
  if (above == std::begin(kZeros) || code_point - above[-1] > 9) return -1;
  return static_cast<int>(code_point - above[-1]);
}

size_t CountDigits(absl::string_view text) {
  size_t count = 0;
  while (!text.empty()) count += DecimalValue(TakePoint(&text)) >= 0;
  return count;
}

bool HasPlainCardNumber(absl::string_view text) {
  if (text.size() < kFewestCheckedDigits || CountDigits(text) < kFewestCheckedDigits) return false;
  std::vector<Character> characters;
  for (absl::string_view rest = text; !rest.empty();) characters.push_back(CharacterOf(TakePoint(&rest)));
  for (size_t i = 0; i < characters.size(); ++i) MarkIbans(characters, i);
  const std::vector<Group> groups = GroupsOf(characters);
  for (size_t first = 0; first < groups.size(); ++first) {
    std::string digits;
    for (size_t i = first; i < groups.size() && digits.size() < kMostCheckedDigits; ++i) {
      if (groups[i].in_iban || (i > first && !groups[i].follows)) break;
      digits += groups[i].digits;
      if (digits.size() >= kFewestCheckedDigits && digits.size() <= kMostCheckedDigits && IsCard(digits)) return true;
    }
  }
  return false;
}

bool HasPlainEmail(absl::string_view text) {
  const auto in_name = [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-'; };
  for (size_t at = text.find('@'); at != absl::string_view::npos; at = text.find('@', at + 1)) {
    if (at == 0 || !(in_name(text[at - 1]) || text[at - 1] == '.')) continue;
    size_t dot = at + 1;
    while (dot < text.size() && in_name(text[dot])) ++dot;
    if (dot > at + 1 && dot + 1 < text.size() && text[dot] == '.' && in_name(text[dot + 1])) return true;
  }
  return false;
}

}  // namespace postern::policy
