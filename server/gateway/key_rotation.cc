#include "server/gateway/key_rotation.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/crypto/root_keyset.h"
#include "server/registry/audit_entry.h"
#include "server/registry/times.h"

namespace postern::gateway {
namespace {

constexpr int kStep = 32;                                 // blocks of keys a transaction
constexpr absl::Duration kPause = absl::Milliseconds(5);  // between two of them, for the commits

v1::KeyGeneration ToMessage(const crypto::KeyGeneration& generation) {
  v1::KeyGeneration message;
  message.set_number(generation.number);
  registry::SetTime(generation.created, message.mutable_create_time());
  if (generation.destroyed != absl::InfiniteFuture()) {
    registry::SetTime(generation.destroyed, message.mutable_destroy_time());
  }
  message.set_root_version(generation.root_version);
  message.set_minors_root_version(generation.minors_root_version);
  return message;
}

}  // namespace

KeyRotation::KeyRotation(crypto::KeyStore* keys, storage::Store* store, const base::Logger* log, Options options)
    : keys_(keys), store_(store), log_(log), options_(std::move(options)), loop_(options_.interval, [this] {
        const absl::Status status = RunOnce();
        if (!status.ok()) log_->Error("keys.rotation_failing", {{"error", base::ErrorText(status)}});
      }) {}

absl::StatusOr<v1::RotateKeysResponse> KeyRotation::Rotate(absl::string_view principal,
                                                           const v1::RotateKeysRequest& request) {
  v1::RotateKeysResponse response;
  {
    absl::MutexLock lock(&mutex_);
    if (request.renew_roots()) {
      POSTERN_RETURN_IF_ERROR(crypto::RootKeyset::AddVersion(options_.root_keyset_path));
      POSTERN_RETURN_IF_ERROR(crypto::RootKeyset::AddVersion(options_.minors_root_keyset_path));
    }
    POSTERN_RETURN_IF_ERROR(StartGeneration(principal));
    POSTERN_ASSIGN_OR_RETURN(const std::vector<crypto::KeyGeneration> all, keys_->ListGenerations());
    *response.mutable_generation() = ToMessage(all.front());
  }
  loop_.Wake();
  return response;
}

absl::StatusOr<v1::ListKeyGenerationsResponse> KeyRotation::List() {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<crypto::KeyGeneration> all, keys_->ListGenerations());
  v1::ListKeyGenerationsResponse response;
  for (const crypto::KeyGeneration& generation : all) *response.add_generations() = ToMessage(generation);
  return response;
}

absl::Status KeyRotation::StartGeneration(absl::string_view principal) {
  POSTERN_ASSIGN_OR_RETURN(const uint32_t number, keys_->StartGeneration(options_.clock()));
  return Record(principal, "keys.generation_started", number);
}

absl::Status KeyRotation::RunOnce() {
  absl::MutexLock round(&round_mutex_);
  {
    absl::MutexLock lock(&mutex_);
    POSTERN_ASSIGN_OR_RETURN(const std::vector<crypto::KeyGeneration> all, keys_->ListGenerations());
    if (options_.clock() - all.front().created >= options_.life) {
      POSTERN_RETURN_IF_ERROR(StartGeneration(registry::kGatewayPrincipal));
    }
  }
  POSTERN_ASSIGN_OR_RETURN(const std::vector<crypto::KeyGeneration> all, keys_->ListGenerations());
  POSTERN_RETURN_IF_ERROR(RewrapAll(all.front().number));
  for (size_t i = 1; i < all.size() && rewrapped_ == all.front().number; ++i) {
    const bool due = options_.clock() - all[i - 1].created >= options_.keep;
    if (all[i].destroyed != absl::InfiniteFuture() || !due) continue;
    POSTERN_RETURN_IF_ERROR(keys_->DestroyGeneration(all[i].number, options_.clock()));
    POSTERN_RETURN_IF_ERROR(Record(registry::kGatewayPrincipal, "keys.generation_destroyed", all[i].number));
  }
  return RemoveUnusedRoots();
}

absl::Status KeyRotation::RemoveUnusedRoots() {
  absl::MutexLock lock(&mutex_);
  POSTERN_ASSIGN_OR_RETURN(const std::vector<crypto::KeyGeneration> all, keys_->ListGenerations());
  crypto::KeyGeneration oldest = all.front();  // of those that live
  for (const crypto::KeyGeneration& generation : all) {
    if (generation.destroyed == absl::InfiniteFuture()) oldest = generation;
  }
  const std::pair<const std::string&, uint32_t> roots[] = {
      {options_.root_keyset_path, oldest.root_version}, {options_.minors_root_keyset_path, oldest.minors_root_version}};
  for (const auto& [path, needed] : roots) {
    POSTERN_ASSIGN_OR_RETURN(const crypto::RootKeyset keyset, crypto::RootKeyset::Load(path));
    for (uint32_t version = 1; version < needed; ++version) {
      if (keyset.Find(version) == nullptr) continue;
      POSTERN_RETURN_IF_ERROR(crypto::RootKeyset::RemoveVersion(path, version));
      log_->Info("keys.root_version_removed", {{"version", int64_t{version}}});
    }
  }
  return absl::OkStatus();
}

absl::Status KeyRotation::RewrapAll(uint32_t generation) {
  if (rewrapped_ == generation) return absl::OkStatus();
  if (keys_->LivingGenerations().size() > 1) {
    for (bool more = true; more;) {
      if (loop_.stopping()) return absl::OkStatus();
      POSTERN_ASSIGN_OR_RETURN(more, keys_->RewrapSome(kStep));
      absl::SleepFor(kPause);
    }
    log_->Info("keys.rewrapped", {{"generation", int64_t{generation}}});
  }
  rewrapped_ = generation;
  return absl::OkStatus();
}

absl::Status KeyRotation::Record(absl::string_view principal, absl::string_view what, uint32_t generation) {
  log_->Info(what, {{"generation", int64_t{generation}}});
  std::vector<std::string> leaves;
  const registry::Act act{options_.clock(), principal, ""};
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(
      &leaves,
      principal == registry::kGatewayPrincipal ? v1::AuditEntry::KIND_LIFECYCLE : v1::AuditEntry::KIND_OPERATOR_ACTION,
      act, what, {{"generation", absl::StrCat(generation)}}));
  return store_->AppendAudit(leaves).status();
}

}  // namespace postern::gateway
