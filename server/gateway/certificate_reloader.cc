#include "server/gateway/certificate_reloader.h"

#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace postern::gateway {
namespace {

// Changes whenever a file is written or replaced.
std::string Identity(const std::vector<std::string>& files) {
  std::string out;
  for (const std::string& file : files) {
    struct stat info {};
    if (stat(file.c_str(), &info) != 0) info = {};
    absl::StrAppend(&out, info.st_ino, ".", info.st_size, ".", info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec, "/");
  }
  return out;
}

}  // namespace

void CertificateReloader::Watch(Source source) {
  std::string seen = Identity(source.files);
  watched_.push_back({std::move(source), std::move(seen)});
}

void CertificateReloader::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void CertificateReloader::ReloadNow() {
  absl::MutexLock lock(&mutex_);
  now_ = true;
}

void CertificateReloader::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void CertificateReloader::Loop() {
  while (true) {
    bool force = false;
    {
      absl::MutexLock lock(&mutex_);
      const auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || now_; };
      mutex_.AwaitWithTimeout(absl::Condition(&due), interval_);
      if (stop_) return;
      force = std::exchange(now_, false);
    }
    Round(force);
  }
}

void CertificateReloader::Round(bool force) {
  for (Watched& watched : watched_) {
    std::string identity = Identity(watched.source.files);
    if (!force && identity == watched.seen) continue;
    watched.seen = std::move(identity);
    const absl::Status status = watched.source.apply();
    if (status.ok()) {
      ++reloads_;
      log_->Info("certificate.reloaded", {{"source", base::PublicText::Token(watched.source.name)}});
    } else {
      ++failures_;
      log_->Error("certificate.rejected",
                  {{"source", base::PublicText::Token(watched.source.name)}, {"error", base::ErrorText(status)}});
    }
  }
}

}  // namespace postern::gateway
