#include "server/delivery/channel/address_resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/delivery/channel/address_guard.h"

namespace postern::delivery {
namespace {

absl::Status Unreachable() {
  return MakeError(v1::ERROR_REASON_PARTNER_UNREACHABLE, "the endpoint's host has no address");
}

std::string TextOf(const addrinfo& info) {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getnameinfo(info.ai_addr, info.ai_addrlen, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "";
  }
  return info.ai_family == AF_INET6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

}  // namespace

AddressResolver::AddressResolver(AddressResolverOptions options) : options_(options) {
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { Loop(); });
}

AddressResolver::~AddressResolver() {
  absl::flat_hash_map<std::string, std::vector<Request>> waiting;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    queue_.clear();
  }
  for (std::thread& thread : threads_) thread.join();
  {
    absl::MutexLock lock(&mutex_);
    waiting.swap(waiting_);
  }
  for (auto& [name, requests] : waiting) {
    for (Request& request : requests) request.done(Unreachable());
  }
}

void AddressResolver::Resolve(const std::string& host_port, bool allow_private, Done done) {
  const Kept literal = LookUp(host_port, /*literal_only=*/true);
  if (!literal.empty()) {
    return done(Choose(literal, allow_private));
  }
  absl::StatusOr<std::string> kept = Unreachable();
  {
    absl::MutexLock lock(&mutex_);
    const auto found = kept_.find(host_port);
    if (found == kept_.end() || found->second.until <= absl::Now()) {
      if (found != kept_.end()) kept_.erase(found);
      const auto waiting = waiting_.find(host_port);
      if (waiting != waiting_.end()) {
        waiting->second.push_back({allow_private, std::move(done)});
        return;
      }
      if (!stopping_ && waiting_.size() < options_.max_waiting) {
        waiting_[host_port].push_back({allow_private, std::move(done)});
        queue_.push_back(host_port);
        return;
      }
    } else {
      kept = Choose(found->second, allow_private);
    }
  }
  done(std::move(kept));
}

void AddressResolver::Loop() {
  const auto wanted = [this] {
    mutex_.AssertReaderHeld();
    return stopping_ || !queue_.empty();
  };
  for (;;) {
    std::string name;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&wanted));
      if (stopping_) return;
      name = std::move(queue_.front());
      queue_.pop_front();
    }
    Kept found = LookUp(name, /*literal_only=*/false);
    found.until = absl::Now() + options_.keep;
    std::vector<Request> requests;
    {
      absl::MutexLock lock(&mutex_);
      requests = std::move(waiting_[name]);
      waiting_.erase(name);
      // That a name was not found is not kept: the caller pauses by itself.
      if (!found.empty()) kept_[name] = found;
    }
    for (Request& request : requests) request.done(Choose(found, request.allow_private));
  }
}

AddressResolver::Kept AddressResolver::LookUp(const std::string& host_port, bool literal_only) {
  Kept kept;
  const size_t colon = host_port.rfind(':');
  if (colon == std::string::npos) return kept;
  absl::string_view host = absl::string_view(host_port).substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (literal_only ? AI_NUMERICHOST : AI_ADDRCONFIG);
  addrinfo* list = nullptr;
  if (getaddrinfo(std::string(host).c_str(), host_port.c_str() + colon + 1, &hints, &list) != 0) return kept;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(list, &freeaddrinfo);
  for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
    std::string text = TextOf(*info);
    if (text.empty()) continue;
    if (MayCall(*info->ai_addr, /*allow_private=*/false)) {
      kept.public_addresses.push_back(std::move(text));
    } else if (MayCall(*info->ai_addr, /*allow_private=*/true)) {
      kept.private_addresses.push_back(std::move(text));
    } else {
      kept.forbidden = true;
    }
  }
  return kept;
}

absl::StatusOr<std::string> AddressResolver::Choose(const Kept& kept, bool allow_private) {
  if (!kept.public_addresses.empty()) return kept.public_addresses.front();
  if (allow_private && !kept.private_addresses.empty()) return kept.private_addresses.front();
  if (!kept.private_addresses.empty() || kept.forbidden) {
    return MakeError(v1::ERROR_REASON_ADDRESS_FORBIDDEN, "the endpoint is at an address that must not be called");
  }
  return Unreachable();
}

}  // namespace postern::delivery
