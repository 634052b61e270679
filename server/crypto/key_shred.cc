#include "server/crypto/key_shred.h"

#include <optional>
#include <utility>

#include "proto/errors/error.h"
#include "server/crypto/errors.h"
#include "server/crypto/key_blocks.h"

namespace postern::crypto {

namespace {

KeyId IndexKeyId() {
  return KeyId(KeyKind::kGateway, KeyRealm::kStandard, Sha256("postern index key"), 0);
}

}  // namespace

absl::Status ShredKey(KeyTable& table, const KekRing& keks, const KeyId& id, absl::Time now,
                      uint32_t newest_generation) {
  if (id == IndexKeyId()) return errors::Malformed("the index key cannot be shredded");
  POSTERN_ASSIGN_OR_RETURN(const std::optional<KeySlot> slot, table.FindSlot(id));
  if (slot.has_value() && slot->id.incarnation() > id.incarnation()) return absl::OkStatus();
  if (slot.has_value() && !slot->position.living() && slot->id == id) return absl::OkStatus();
  // A living key of the name is this one, or one that was destroyed before this was made.
  if (slot.has_value() && slot->position.living()) {
    POSTERN_ASSIGN_OR_RETURN(KeyBlock block, table.ReadBlock(slot->position.block));
    POSTERN_ASSIGN_OR_RETURN(block, WithoutKey(keks, std::move(block), slot->position.index));
    POSTERN_RETURN_IF_ERROR(table.ReplaceBlock(block));
  }
  return table.BuryKey(id, now, newest_generation);
}

bool AllBeyondReach(absl::Span<const KeyGeneration> all, const Roots& roots, uint32_t generation) {
  for (const KeyGeneration& one : all) {
    if (one.number > generation) continue;
    if (one.destroyed == absl::InfiniteFuture()) return false;
    // A root version that is left in its keyset unwraps the generation in an old copy of the file.
    if (roots.standard.Find(one.root_version) != nullptr) return false;
    if (roots.minors.Find(one.minors_root_version) != nullptr) return false;
  }
  return !all.empty();
}

}  // namespace postern::crypto
