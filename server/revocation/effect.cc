#include "server/revocation/effect.h"

#include "proto/errors/error.h"

namespace postern::revocation {

absl::StatusOr<v1::RevocationEffect> ReadEffect(storage::Store& store, storage::PartnerId partner, int live_streams) {
  POSTERN_ASSIGN_OR_RETURN(const storage::Store::BacklogCounts counts, store.CountBacklog(partner));
  v1::RevocationEffect effect;
  effect.set_live_streams(live_streams);
  effect.set_delivered_count(counts.delivered);
  effect.set_possibly_held_count(counts.possibly_held);
  effect.set_undelivered_count(counts.undelivered);
  return effect;
}

}  // namespace postern::revocation
