// What partners submit: how much of it is taken, and how it is sealed.
#include <gtest/gtest.h>

#include "proto/errors/error.h"
#include "proto/errors/retry_delay.h"
#include "server/delivery/result_quota.h"
#include "server/delivery/sealed_result.h"

namespace postern::delivery {
namespace {

constexpr storage::PartnerId kOne = 1;
constexpr storage::PartnerId kOther = 2;

crypto::Uuid Id(uint8_t n) {
  crypto::Uuid id;
  id.bytes[15] = n;
  id.bytes[6] = 0x70;
  id.bytes[8] = 0x80;
  return id;
}

class ResultQuotaTest : public ::testing::Test {
 protected:
  // OK, or why there is no room.
  absl::Status Take(storage::PartnerId partner, uint8_t disclosure, uint8_t request, size_t bytes = 1) {
    return quota_.Take(partner, Id(disclosure), Id(request), bytes, now_).status();
  }

  absl::Time now_ = absl::FromUnixSeconds(1'780'000'000);
  ResultQuota quota_{{.per_second = 10, .per_day = 4, .bytes_per_day = 100, .per_disclosure = 2}};
};

TEST_F(ResultQuotaTest, APartnerSubmitsSoOftenAndOthersAsTheyMay) {
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(quota_.Admit("partners/acme", now_).ok()) << i;
  const absl::Status refused = quota_.Admit("partners/acme", now_);
  EXPECT_EQ(ReasonOf(refused), v1::ERROR_REASON_RESULT_LIMIT);
  EXPECT_EQ(RetryDelayOf(refused), absl::Milliseconds(100));
  EXPECT_TRUE(quota_.Admit("partners/bolt", now_).ok());
  EXPECT_TRUE(quota_.Admit("partners/acme", now_ + absl::Milliseconds(100)).ok());
  EXPECT_FALSE(quota_.Admit("partners/acme", now_ - absl::Hours(1)).ok()) << "a clock that was set back";
}

TEST_F(ResultQuotaTest, ADisclosureHasSoManyResultsInADay) {
  EXPECT_TRUE(Take(kOne, 1, 1).ok());
  EXPECT_TRUE(Take(kOne, 1, 2).ok());
  const absl::Status refused = Take(kOne, 1, 3);
  EXPECT_EQ(ReasonOf(refused), v1::ERROR_REASON_RESULT_LIMIT);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(absl::FormatTime("%H:%M:%S", now_ + RetryDelayOf(refused), absl::UTCTimeZone()), "00:00:00");
  EXPECT_TRUE(Take(kOne, 2, 3).ok()) << "another disclosure has room";
  now_ += RetryDelayOf(refused);
  EXPECT_TRUE(Take(kOne, 1, 3).ok()) << "a new day";
}

TEST_F(ResultQuotaTest, APartnerHasSoManyResultsAndBytesInADayAndOthersHaveTheirs) {
  for (uint8_t i = 0; i < 4; ++i) EXPECT_TRUE(Take(kOne, i, i).ok());
  EXPECT_EQ(ReasonOf(Take(kOne, 9, 9)), v1::ERROR_REASON_RESULT_LIMIT);
  EXPECT_TRUE(Take(kOther, 9, 9, 60).ok());
  EXPECT_EQ(ReasonOf(Take(kOther, 10, 10, 60)), v1::ERROR_REASON_RESULT_LIMIT) << "too many bytes";
  EXPECT_TRUE(Take(kOther, 10, 10, 40).ok());
  now_ -= absl::Hours(48);
  EXPECT_EQ(ReasonOf(Take(kOne, 9, 9)), v1::ERROR_REASON_RESULT_LIMIT) << "a clock that was set back gives no room";
}

TEST_F(ResultQuotaTest, ARepetitionNeedsNoRoomAndWhatWasNotKeptGivesItBack) {
  EXPECT_TRUE(*quota_.Take(kOne, Id(1), Id(1), 1, now_));
  EXPECT_TRUE(*quota_.Take(kOne, Id(1), Id(2), 1, now_));
  EXPECT_FALSE(*quota_.Take(kOne, Id(1), Id(1), 1, now_)) << "the same again";
  quota_.GiveBack(kOne, Id(1), Id(2), 1);
  quota_.GiveBack(kOne, Id(1), Id(2), 1);
  EXPECT_TRUE(Take(kOne, 1, 3).ok());
  EXPECT_FALSE(Take(kOne, 1, 4).ok());
}

crypto::KeyHandle Key(crypto::KeyKind kind, char secret) {
  crypto::KeyName name;
  name.fill(static_cast<uint8_t>(secret));
  return {crypto::KeyId(kind, crypto::KeyRealm::kStandard, name, 0),
          std::make_shared<const crypto::SecretBytes>(crypto::SecretBytes::CopyOf(std::string(32, secret)))};
}

class SealedResultTest : public ::testing::Test {
 protected:
  std::string Seal(uint8_t request, absl::string_view text) { return *SealResult(keys_, place_, Id(request), 7, text); }

  disclosure::PayloadKeys keys_{
      {Key(crypto::KeyKind::kSubject, 1)}, Key(crypto::KeyKind::kOrder, 2), Key(crypto::KeyKind::kPartnerEpoch, 3)};
  ResultPlace place_{Id(1), "partners/clear-pay", "settlement", "shop.v1.PaymentResult"};
};

TEST_F(SealedResultTest, EachSubmissionHasAKeyOfItsOwn) {
  const std::string first = Seal(1, "paid");
  const std::string second = Seal(2, "paid");
  EXPECT_EQ(*OpenResult(keys_, place_, first), "paid");
  EXPECT_EQ(*OpenResult(keys_, place_, second), "paid");
  // One's envelope under the other's request id is nothing.
  constexpr size_t kIdBytes = 16;
  EXPECT_TRUE(
      absl::IsDataLoss(OpenResult(keys_, place_, second.substr(0, kIdBytes) + first.substr(kIdBytes)).status()));
  ResultPlace elsewhere = place_;
  elsewhere.disclosure = Id(9);
  EXPECT_TRUE(absl::IsDataLoss(OpenResult(keys_, elsewhere, first).status()));
  // The commitment follows the envelope's version; it names the key.
  constexpr size_t kCommitment = kIdBytes + 8 + 1;
  EXPECT_NE(first.substr(kCommitment, 16), second.substr(kCommitment, 16));
}

TEST_F(SealedResultTest, WhatWasStoredInTheDisclosuresContextIsStillRead) {
  for (const uint64_t epoch : {uint64_t{1}, uint64_t{7}, uint64_t{1} << 40}) {
    const auto stored = disclosure::SealForPartner(keys_, place_.disclosure, place_.partner, epoch, place_.purpose,
                                                   place_.type, "a result of before");
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_EQ(*OpenResult(keys_, place_, *stored), "a result of before");
  }
  EXPECT_FALSE(OpenResult(keys_, place_, "").ok());
}

}  // namespace
}  // namespace postern::delivery
