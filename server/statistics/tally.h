// Counting disclosures and people in one cell. People are told apart by tags under the salt of the period, and only the
// first ones of a cell: once they are enough for any group size that can be configured, the tags go.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "proto/postern/v1/statistics_service.pb.h"
#include "server/storage/types.h"

namespace postern::statistics {

// Group sizes that can be configured.
inline constexpr int kLeastGroupSize = 2;
inline constexpr int kMostGroupSize = 100;
inline constexpr int kDefaultGroupSize = 10;

using Salt = std::array<uint8_t, 16>;

// 8 bytes: of a hundred people two have the same one with a probability below 10^-15, and then the cell counts one
// less.
std::string TagOf(const Salt& salt, const storage::Mac16& person);

// One more disclosure that concerns the person of that tag.
void AddDisclosure(absl::string_view tag, v1::StatisticsTally* tally);
// One value of it. A sum that would leave the range of its type stays at the end of it.
void AddAmount(absl::string_view tag, const v1::StatisticsObservation::Amount& amount, v1::StatisticsTally* tally);
// Forgets all tags; what is counted stays.
void DropTags(v1::StatisticsTally* tally);

// What may be told of it; false if the cell is of fewer than `group_size` people. Sums of fewer, and sums of which one
// value makes up more than half, are left out.
bool Tell(const v1::StatisticsTally& tally, int group_size, v1::StatisticsCell* cell);

}  // namespace postern::statistics
