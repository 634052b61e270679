#include "server/supervision/sightings.h"

#include <arpa/inet.h>

#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "proto/errors/error.h"
#include "server/crypto/sha256.h"

namespace postern::supervision {
namespace {

storage::Mac16 DigestOf(absl::string_view text) {
  const crypto::Sha256Digest digest = crypto::Sha256(text);
  storage::Mac16 mac;
  std::memcpy(mac.data(), digest.data(), mac.size());
  return mac;
}

template <typename Address>
std::string Network(int family, const std::string& host, size_t bytes) {
  Address address{};
  if (inet_pton(family, host.c_str(), &address) != 1) return std::string();
  return absl::StrCat(family == AF_INET ? "4:" : "6:",
                      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(&address), bytes)));
}

}  // namespace

std::string NetworkOf(absl::string_view peer) {
  const size_t colon = peer.rfind(':');
  if (colon == absl::string_view::npos) return std::string();
  absl::string_view host = peer.substr(0, colon);
  if (absl::ConsumePrefix(&host, "ipv4:")) return Network<in_addr>(AF_INET, std::string(host), 3);
  if (!absl::ConsumePrefix(&host, "ipv6:")) return std::string();
  const std::string plain = absl::StrReplaceAll(host, {{"%5B", ""}, {"%5D", ""}, {"[", ""}, {"]", ""}});
  return Network<in6_addr>(AF_INET6, plain, 6);
}

absl::Status Sightings::Load(storage::Store& store) {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::SeenRow> rows, store.ListSeen());
  absl::MutexLock lock(&mutex_);
  for (const storage::SeenRow& row : rows) {
    const auto kind = static_cast<uint8_t>(row.kind);
    known_kinds_.insert({row.partner, kind});
    known_.insert({row.partner, kind, row.digest});
  }
  return absl::OkStatus();
}

void Sightings::Saw(absl::string_view partner, absl::string_view certificate, absl::string_view peer) {
  const std::string name(partner);
  const auto notice = [&](Kind kind, absl::string_view what) {
    if (what.empty()) return;
    const storage::Mac16 digest = DigestOf(what);
    absl::MutexLock lock(&mutex_);
    if (noticed_.size() >= kNoticed) noticed_.clear();
    if (!noticed_.insert({name, static_cast<uint8_t>(kind), digest}).second) return;
    std::vector<Waiting>& waiting = waiting_[name];
    if (waiting.size() < kWaiting) waiting.push_back({kind, digest});
  };
  notice(Kind::kCertificate, certificate);
  notice(Kind::kNetwork, NetworkOf(peer));
}

absl::StatusOr<Sightings::News> Sightings::TakeNews(storage::Store& store, const storage::PartnerRow& partner) {
  News news;
  storage::ChangeSet change;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = waiting_.find(partner.partner.name());
    if (found == waiting_.end()) return news;
    for (const Waiting& one : found->second) {
      const auto kind = static_cast<uint8_t>(one.kind);
      if (known_.contains(std::make_tuple(partner.id, kind, one.digest))) continue;
      change.seen.push_back({partner.id, one.kind, one.digest});
      // Its first is where it begins, and no news.
      if (!known_kinds_.contains(std::make_pair(partner.id, kind))) continue;
      ++(one.kind == Kind::kCertificate ? news.certificates : news.networks);
    }
    if (change.seen.empty()) {
      waiting_.erase(found);
      return news;
    }
  }
  POSTERN_RETURN_IF_ERROR(store.Apply(change).status());
  absl::MutexLock lock(&mutex_);
  for (const storage::SeenRow& row : change.seen) {
    const auto kind = static_cast<uint8_t>(row.kind);
    known_kinds_.insert({row.partner, kind});
    known_.insert({row.partner, kind, row.digest});
  }
  // What came meanwhile waits for the next time.
  std::vector<Waiting>& waiting = waiting_[partner.partner.name()];
  std::vector<Waiting> rest;
  for (const Waiting& one : waiting) {
    if (!known_.contains(std::make_tuple(partner.id, static_cast<uint8_t>(one.kind), one.digest))) rest.push_back(one);
  }
  waiting = std::move(rest);
  return news;
}

}  // namespace postern::supervision
