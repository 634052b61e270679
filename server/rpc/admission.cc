#include "server/rpc/admission.h"

#include <utility>

#include "absl/hash/hash.h"
#include "proto/errors/error.h"

namespace postern::rpc {

Admission::Ticket::Ticket(Ticket&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)),
      connection_(std::move(other.connection_)),
      principal_(std::move(other.principal_)) {}

Admission::Ticket& Admission::Ticket::operator=(Ticket&& other) noexcept {
  if (this != &other) {
    Release();
    admission_ = std::exchange(other.admission_, nullptr);
    connection_ = std::move(other.connection_);
    principal_ = std::move(other.principal_);
  }
  return *this;
}

void Admission::Ticket::Release() {
  if (admission_ == nullptr) return;
  admission_->Remove(connection_);
  admission_->Remove(principal_);
  admission_ = nullptr;
}

absl::StatusOr<Admission::Ticket> Admission::Admit(std::string connection, absl::string_view principal) {
  if (!Add(connection, limits_.per_connection)) {
    return MakeError(v1::ERROR_REASON_OVERLOADED, "too many calls in flight on this connection");
  }
  if (!Add(principal, limits_.per_principal)) {
    Remove(connection);
    return MakeError(v1::ERROR_REASON_OVERLOADED, "too many calls in flight for this principal");
  }
  return Ticket(this, std::move(connection), std::string(principal));
}

Admission::Shard& Admission::ShardOf(absl::string_view name) {
  return shards_[absl::Hash<absl::string_view>()(name) % kShards];
}

bool Admission::Add(absl::string_view name, int limit) {
  Shard& shard = ShardOf(name);
  absl::MutexLock lock(&shard.mutex);
  int& count = shard.counts[name];
  if (count >= limit) return false;
  ++count;
  return true;
}

void Admission::Remove(absl::string_view name) {
  Shard& shard = ShardOf(name);
  absl::MutexLock lock(&shard.mutex);
  const auto found = shard.counts.find(name);
  if (found != shard.counts.end() && --found->second == 0) shard.counts.erase(found);
}

}  // namespace postern::rpc
