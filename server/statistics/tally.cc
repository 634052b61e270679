#include "server/statistics/tally.h"

#include <algorithm>
#include <limits>

#include "absl/strings/string_view.h"
#include "server/base/failpoint.h"
#include "server/crypto/hmac.h"

namespace postern::statistics {
namespace {

constexpr size_t kTagBytes = 8;

bool Has(absl::string_view tags, absl::string_view tag) {
  for (; tags.size() >= kTagBytes; tags.remove_prefix(kTagBytes)) {
    if (tags.substr(0, kTagBytes) == tag) return true;
  }
  return false;
}

template <typename Counted>
void CountPerson(absl::string_view tag, Counted* counted) {
  if (counted->people_count() >= kMostGroupSize || Has(counted->tags(), tag)) return;
  counted->set_people_count(counted->people_count() + 1);
  if (counted->people_count() < kMostGroupSize) {
    counted->mutable_tags()->append(tag.data(), tag.size());
  } else {
    counted->clear_tags();
  }
}

uint64_t MagnitudeOf(int64_t value) {
  return value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
}

int64_t SumOf(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

}  // namespace

std::string TagOf(const Salt& salt, const storage::Mac16& person) {
  const crypto::Sha256Digest digest =
      crypto::HmacOnce(absl::string_view(reinterpret_cast<const char*>(salt.data()), salt.size()),
                       {absl::string_view(reinterpret_cast<const char*>(person.data()), person.size())});
  return std::string(reinterpret_cast<const char*>(digest.data()), kTagBytes);
}

void AddDisclosure(absl::string_view tag, v1::StatisticsTally* tally) {
  tally->set_disclosure_count(tally->disclosure_count() + 1);
  CountPerson(tag, tally);
}

void AddAmount(absl::string_view tag, const v1::StatisticsObservation::Amount& amount, v1::StatisticsTally* tally) {
  const auto same = [&](const v1::StatisticsTally::Sum& sum) {
    return sum.measure() == amount.measure() && sum.unit() == amount.unit();
  };
  const auto found = std::find_if(tally->mutable_sums()->begin(), tally->mutable_sums()->end(), same);
  v1::StatisticsTally::Sum& sum = found == tally->mutable_sums()->end() ? *tally->add_sums() : *found;
  sum.set_measure(amount.measure());
  sum.set_unit(amount.unit());
  sum.set_value(SumOf(sum.value(), amount.value()));
  sum.set_disclosure_count(sum.disclosure_count() + 1);
  sum.set_largest(std::max(sum.largest(), MagnitudeOf(amount.value())));
  CountPerson(tag, &sum);
}

void DropTags(v1::StatisticsTally* tally) {
  tally->clear_tags();
  for (v1::StatisticsTally::Sum& sum : *tally->mutable_sums()) sum.clear_tags();
}

bool Tell(const v1::StatisticsTally& tally, int group_size, v1::StatisticsCell* cell) {
  if (base::FailpointSkips("statistics_group.skip")) group_size = 0;
  if (tally.people_count() < group_size) return false;
  cell->set_disclosure_count(tally.disclosure_count());
  for (const v1::StatisticsTally::Sum& sum : tally.sums()) {
    if (sum.people_count() < group_size || sum.largest() > MagnitudeOf(sum.value()) / 2) continue;
    v1::StatisticsSum& told = *cell->add_sums();
    told.set_measure(sum.measure());
    told.set_unit(sum.unit());
    told.set_value(sum.value());
    told.set_disclosure_count(sum.disclosure_count());
  }
  return true;
}

}  // namespace postern::statistics
