#include "server/gateway/progress_line.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace postern::gateway {
namespace {

constexpr int kWidth = 30;
// Between two drawings of one part.
constexpr absl::Duration kPause = absl::Milliseconds(100);

}  // namespace

ProgressLine::ProgressLine(std::FILE* out) : out_(out), terminal_(isatty(fileno(out)) == 1) {}

ProgressLine::~ProgressLine() {
  if (open_) std::fputc('\n', out_);
}

void ProgressLine::Show(absl::string_view part, int64_t done, int64_t all) {
  const bool complete = done >= all;
  const absl::Time now = absl::Now();
  if (!terminal_ && !complete) return;
  if (!complete && part == part_ && now < next_) return;
  part_ = std::string(part);
  next_ = now + kPause;
  const std::string name(part);
  if (!terminal_) {
    std::fprintf(out_, "%s: %lld\n", name.c_str(), static_cast<long long>(done));
    return;
  }
  const auto filled = static_cast<size_t>(all == 0 ? kWidth : kWidth * done / all);
  const std::string bar = absl::StrCat(std::string(filled, '#'), std::string(kWidth - filled, '.'));
  // \033[K clears what a longer line has left.
  std::fprintf(out_, "\r[%s] %s %lld/%lld\033[K", bar.c_str(), name.c_str(), static_cast<long long>(done),
               static_cast<long long>(all));
  std::fflush(out_);
  open_ = true;
}

}  // namespace postern::gateway
