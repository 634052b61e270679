#include "tests/disk/disk_image.h"

#include <algorithm>
#include <utility>

namespace postern::testing {
namespace {

constexpr size_t kSector = 512;

bool Coin(std::mt19937_64& random) {
  return (random() & 1) != 0;
}

std::string DirectoryOf(const std::string& path) {
  return path.substr(0, path.rfind('/') + 1);
}

}  // namespace

void Inode::Write(int64_t offset, absl::string_view data) {
  unsynced_.push_back({std::nullopt, offset, std::string(data)});
}

void Inode::Truncate(int64_t size) {
  unsynced_.push_back({size, 0, ""});
}

void Inode::Apply(const Change& change, std::string* content) {
  if (change.truncate_to) {
    content->resize(static_cast<size_t>(*change.truncate_to), '\0');
    return;
  }
  const size_t end = static_cast<size_t>(change.offset) + change.data.size();
  if (content->size() < end) content->resize(end, '\0');
  content->replace(static_cast<size_t>(change.offset), change.data.size(), change.data);
}

void Inode::Sync() {
  for (const Change& change : unsynced_) Apply(change, &durable_);
  unsynced_.clear();
}

void Inode::FailSync(std::mt19937_64& random) {
  durable_ = Torn(random);
  unsynced_.clear();
}

std::string Inode::AfterPowerCut(std::mt19937_64& random) const {
  return Torn(random);
}

std::string Inode::Torn(std::mt19937_64& random) const {
  std::string content = durable_;
  // In one cut of three all of it is there, in one nothing: the two that orderly hardware shows most.
  const uint64_t mood = random() % 3;
  for (const Change& change : unsynced_) {
    if (mood == 0) break;
    if (mood == 1) {
      Apply(change, &content);
      continue;
    }
    if (change.truncate_to) {
      if (Coin(random)) Apply(change, &content);
      continue;
    }
    // Sectors are the disk's, not the write's.
    for (size_t done = 0; done < change.data.size();) {
      const size_t at = static_cast<size_t>(change.offset) + done;
      const size_t size = std::min(kSector - at % kSector, change.data.size() - done);
      if (Coin(random)) Apply({std::nullopt, static_cast<int64_t>(at), change.data.substr(done, size)}, &content);
      done += size;
    }
  }
  return content;
}

std::shared_ptr<Inode> DiskImage::Open(const std::string& path, const std::optional<std::string>& found) {
  Entry& entry = entries_[path];
  if (entry.now != nullptr) return entry.now;
  entry.now = std::make_shared<Inode>(found.value_or(""));
  if (found) entry.durable = entry.now;
  return entry.now;
}

void DiskImage::Delete(const std::string& path) {
  entries_[path].now.reset();
}

void DiskImage::SyncDirectoryOf(const std::string& path) {
  const std::string directory = DirectoryOf(path);
  for (auto& [name, entry] : entries_) {
    if (DirectoryOf(name) == directory) entry.durable = entry.now;
  }
}

std::map<std::string, std::optional<std::string>> DiskImage::CutPower(std::mt19937_64& random) {
  std::map<std::string, std::optional<std::string>> content;
  for (auto& [name, entry] : entries_) {
    // An entry whose directory was not synced may be durable all the same.
    const std::shared_ptr<Inode>& survivor = Coin(random) ? entry.now : entry.durable;
    if (survivor == nullptr) {
      content[name] = std::nullopt;
      entry = {};
      continue;
    }
    content[name] = survivor->AfterPowerCut(random);
    entry.now = entry.durable = std::make_shared<Inode>(*content[name]);
  }
  return content;
}

}  // namespace postern::testing
