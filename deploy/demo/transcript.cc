#include "deploy/demo/transcript.h"

#include "absl/strings/str_cat.h"

namespace postern::demo {

Transcript::Transcript(const std::string& folder)
    : bytes_(absl::StrCat(folder, "/received.bin"), std::ios::binary | std::ios::app),
      lines_(absl::StrCat(folder, "/received.tsv"), std::ios::app) {}

void Transcript::Add(absl::string_view name, absl::string_view record_type, absl::string_view record, absl::Time when) {
  const auto size = static_cast<uint32_t>(record.size());
  const char length[4] = {static_cast<char>(size >> 24), static_cast<char>(size >> 16), static_cast<char>(size >> 8),
                          static_cast<char>(size)};
  bytes_.write(length, 4);
  bytes_.write(record.data(), static_cast<std::streamsize>(record.size()));
  bytes_.flush();
  lines_ << absl::StrCat(name, "\t", absl::ToUnixNanos(when), "\t", record_type, "\n") << std::flush;
}

absl::StatusOr<std::vector<std::string>> ReadTranscript(const std::string& folder) {
  std::ifstream in(absl::StrCat(folder, "/received.bin"), std::ios::binary);
  std::vector<std::string> records;
  unsigned char length[4];
  while (in.read(reinterpret_cast<char*>(length), 4)) {
    std::string record(uint32_t{length[0]} << 24 | uint32_t{length[1]} << 16 | uint32_t{length[2]} << 8 | length[3],
                       '\0');
    if (!in.read(record.data(), static_cast<std::streamsize>(record.size())))
      return absl::DataLossError("a transcript is cut");
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace postern::demo
