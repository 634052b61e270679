// The shop's own records under the shipped contracts take the quick ways: the fast walk projects them, and the
// verifier's quick look settles what left. Nothing depends on it but speed, so nothing else would notice.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "deploy/demo/orders.h"
#include "policy/projection/fast_path.h"
#include "policy/projection/output_check.h"
#include "policy/projection/record_check.h"
#include "policy/projection/tables.h"
#include "tests/unit/policy/bundle/bundle_files.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy {
namespace {

constexpr int kOrders = 500;

// Shipments and payments as the demo's shop and the gateway's benchmark send them.
std::vector<std::string> RecordsOf(const std::string& type) {
  demo::CanaryMaker texts(1);
  std::vector<std::string> records;
  for (int i = 0; i < kOrders; ++i) {
    const demo::DemoOrder order = demo::MakeOrder(i, texts);
    if (type == order.shipment.GetTypeName()) records.push_back(order.shipment.SerializeAsString());
    if (type == order.payment.GetTypeName()) records.push_back(order.payment.SerializeAsString());
  }
  return records;
}

struct Tally {
  int records = 0;
  int fast = 0;   // projected by the fast walk
  int quick = 0;  // settled by the verifier's quick look
};

Tally Count(const CompiledGrant& grant, uint64_t consents) {
  Tally tally;
  ProjectionContext context = testing::TestContext();
  context.consents_granted = consents;
  const OutputCheck output_check(*grant.spec);
  const RecordCheck record_check(*grant.spec);
  ProjectionResult fast, result;
  for (const std::string& record : RecordsOf(grant.record_type)) {
    ++tally.records;
    EXPECT_TRUE(Project(*grant.plan, context, record, &result).ok());
    EXPECT_FALSE(result.bytes.empty());
    fast.Clear();
    absl::Status status;
    if (ProjectFast(grant.plan->tables(), context, record, &fast, &status)) {
      ++tally.fast;
      EXPECT_EQ(fast.bytes, result.bytes);
    }
    uint64_t open = 0;
    tally.quick += record_check.OpenLeaves(context, record, &open) && output_check.Covers(result.bytes, open);
    EXPECT_TRUE(grant.verifier->Compare(context, record, result.bytes).ok());
  }
  return tally;
}

class RetailPathsTest : public ::testing::TestWithParam<const char*> {};

TEST_P(RetailPathsTest, RecordsTakeTheFastWalkAndTheQuickLook) {
  const auto bundle = RetailBundle();
  const CompiledContract* contract = bundle->FindContract(GetParam());
  ASSERT_NE(contract, nullptr);
  for (const CompiledGrant& grant : contract->grants) {
    for (const uint64_t consents : {uint64_t{0}, ~uint64_t{0}}) {
      const Tally tally = Count(grant, consents);
      std::printf("%s %s: %d records, %d by the fast walk, %d settled by the quick look\n", grant.purpose.c_str(),
                  grant.record_type.c_str(), tally.records, tally.fast, tally.quick);
      ASSERT_EQ(tally.records, kOrders);
      EXPECT_EQ(tally.fast, kOrders) << grant.purpose;
      EXPECT_EQ(tally.quick, kOrders) << grant.purpose;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Contracts, RetailPathsTest,
                         ::testing::Values("partners/swift-parcel/contracts/parcel",
                                           "partners/nordic-freight/contracts/domestic",
                                           "partners/clear-pay/contracts/payments"));

}  // namespace
}  // namespace postern::policy
