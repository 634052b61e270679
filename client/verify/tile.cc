#include "client/verify/tile.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "client/verify/errors.h"

namespace postern::client::verify {
namespace {

constexpr size_t kLengthSize = 2;
constexpr uint64_t kGroup = 1000;
// 64 bits hold 20 digits, so seven groups.
constexpr size_t kMaxPath = 64;

}  // namespace

std::string TileName::Path() const {
  std::string number = absl::StrFormat("%03d", index % kGroup);
  for (uint64_t rest = index / kGroup; rest != 0; rest /= kGroup) {
    number = absl::StrFormat("x%03d/%s", rest % kGroup, number);
  }
  std::string path = absl::StrCat("tile/", level == kEntries ? "entries" : absl::StrCat(level), "/", number);
  if (width != kTileWidth) absl::StrAppend(&path, ".p/", width);
  return path;
}

absl::StatusOr<TileName> ParseTilePath(absl::string_view path) {
  const auto malformed = [] { return errors::Malformed("not the path of a tile"); };
  if (path.size() > kMaxPath) return malformed();
  absl::string_view rest = path;
  if (!absl::ConsumePrefix(&rest, "tile/")) return malformed();
  const size_t slash = rest.find('/');
  if (slash == absl::string_view::npos) return malformed();
  TileName name;
  const absl::string_view level = rest.substr(0, slash);
  if (level == "entries") {
    name.level = TileName::kEntries;
  } else if (!absl::SimpleAtoi(level, &name.level) || name.level < 0 || name.level > 63) {
    return malformed();
  }
  rest.remove_prefix(slash + 1);
  if (const size_t partial = rest.find(".p/"); partial != absl::string_view::npos) {
    if (!absl::SimpleAtoi(rest.substr(partial + 3), &name.width) || name.width < 1 || name.width >= kTileWidth) {
      return malformed();
    }
    rest = rest.substr(0, partial);
  }
  for (const char c : rest) {
    if (c == 'x' || c == '/') continue;
    const uint64_t digit = static_cast<uint64_t>(c - '0');
    if (c < '0' || c > '9' || name.index > (~uint64_t{0} - digit) / 10) return malformed();
    name.index = name.index * 10 + digit;
  }
  // One way only to write each name: whatever else was accepted above does not come back as it was.
  if (name.Path() != path) return malformed();
  return name;
}

absl::StatusOr<std::vector<Hash>> ParseHashTile(absl::string_view bytes, uint64_t width) {
  std::vector<Hash> hashes(width);
  if (bytes.size() != width * sizeof(Hash)) return errors::Malformed("a tile of another size than its name says");
  for (Hash& hash : hashes) {
    std::copy_n(bytes.begin(), hash.size(), hash.begin());
    bytes.remove_prefix(hash.size());
  }
  return hashes;
}

std::string EncodeHashTile(absl::Span<const Hash> hashes) {
  std::string bytes;
  bytes.reserve(hashes.size() * sizeof(Hash));
  for (const Hash& hash : hashes) bytes.append(hash.begin(), hash.end());
  return bytes;
}

absl::StatusOr<std::vector<absl::string_view>> ParseEntryBundle(absl::string_view bytes, uint64_t width) {
  std::vector<absl::string_view> entries;
  while (entries.size() < width) {
    if (bytes.size() < kLengthSize) return errors::Malformed("an entry bundle ends too soon");
    const size_t length =
        static_cast<size_t>(static_cast<unsigned char>(bytes[0])) * 256 + static_cast<unsigned char>(bytes[1]);
    bytes.remove_prefix(kLengthSize);
    if (bytes.size() < length) return errors::Malformed("an entry bundle ends inside an entry");
    entries.push_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  if (!bytes.empty()) return errors::Malformed("an entry bundle holds more than its name says");
  return entries;
}

absl::StatusOr<std::string> EncodeEntryBundle(absl::Span<const std::string> entries) {
  std::string bytes;
  for (const std::string& entry : entries) {
    if (entry.size() > kMaxEntrySize) return errors::Malformed("an entry is too long for a bundle");
    bytes.push_back(static_cast<char>(entry.size() >> 8));
    bytes.push_back(static_cast<char>(entry.size() & 0xff));
    bytes.append(entry);
  }
  return bytes;
}

}  // namespace postern::client::verify
