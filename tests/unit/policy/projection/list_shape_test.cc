// Elements of one shape: what is taken for alike must be walked alike, byte for byte.
#include "policy/projection/list_shape.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "policy/projection/fast_path.h"
#include "policy/projection/tables.h"
#include "tests/unit/policy/projection/oracle.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {
namespace {

class ListShapeTest : public ::testing::Test {
 protected:
  std::string Items(int count) const {
    std::string items;
    for (int i = 0; i < count; ++i) items += item_;
    return items;
  }
  // The item with one byte changed, for every byte and values of all kinds.
  std::vector<std::string> ChangedItems() const {
    std::vector<std::string> changed;
    for (size_t at = 0; at < item_.size(); ++at) {
      const auto byte = static_cast<uint8_t>(item_[at]);
      for (const int value : {0, 1, 7, 8, 0x31, 0x7f, 0x80, 0x81, 0xff, byte ^ 1, byte ^ 4, byte ^ 0x80}) {
        changed.push_back(item_);
        changed.back()[at] = static_cast<char>(value);
      }
    }
    return changed;
  }

  const TestSchema schema_{R"(
      syntax = "proto3";
      message Money { string currency = 1; int64 units = 2; int32 nanos = 3; }
      message Item {
        string sku = 1; string title = 2; int32 quantity = 3; Money price = 4; int64 stock = 5; bytes blob = 6;
        fixed32 code = 7; optional fixed64 id = 8; Money paid = 9; int32 balance = 10; string note = 17; int32 weight = 18;
        oneof choice { string left = 19; string right = 20; }
      }
      message Order { repeated Item items = 1; string tail = 2; }
  )"};
  const google::protobuf::Descriptor& order_ = *schema_.Type("Order");
  const PlanSpec spec_ =
      KeepSpec(order_, {"items.sku", "items.quantity", "items.stock", "items.blob", "items.id", "items.paid.units",
                        "items.paid.nanos", "items.balance", "items.note", "tail"});
  const Engine engine_ = MakeEngine(spec_);
  const Oracle oracle_{spec_};
  // All widths of varints, withheld ones between granted ones, a text longer than a piece.
  const std::string item_ =
      schema_.Bytes("Order", R"pb(items {
                                    sku: "SKU-1"
                                    title: "Mug"
                                    quantity: 3
                                    price { currency: "CHF" units: 300 }
                                    stock: -5
                                    blob: "\001\200"
                                    code: 7
                                    id: 9
                                    paid { currency: "CHF" units: 70000 nanos: 950000000 }
                                    balance: -2
                                    weight: 420
                                    note: "a note that is somewhat longer than one piece of the output"
                                  })pb");
  const std::string tail_ = schema_.Bytes("Order", R"pb(tail: "what comes behind all of the items of this order")pb");
};

TEST_F(ListShapeTest, WhatMatchesLeavesAsTheOracleSays) {
  const FastPlan& plan = *engine_.plan->tables().fast;
  const FastContainer& items = plan.containers[plan.levels[0].one_byte[static_cast<uint8_t>(item_[0])].index];
  ASSERT_TRUE(items.list);
  ListShape shape;
  ASSERT_TRUE(shape.Learn(plan, items, item_, *oracle_.Project(TestContext(), item_), 0));
  int matched = 0;
  for (const std::string& item : ChangedItems()) {
    const std::string room = item + std::string(ListShape::kSlack, '\0');
    if (!shape.Matches(room.data())) continue;
    ++matched;
    std::string written(ListShape::kMaxOutput + ListShape::kSlack, '\0');
    written.resize(static_cast<size_t>(shape.Write(room.data(), written.data()) - written.data()));
    const std::optional<std::string> expected = oracle_.Project(TestContext(), item);
    ASSERT_TRUE(expected.has_value());
    EXPECT_EQ(written, *expected);
  }
  EXPECT_GT(matched, static_cast<int>(item_.size()));  // more than one change of a byte in twelve changes no step
}

TEST_F(ListShapeTest, OneElementThatDiffersAmongManyThatDoNot) {
  ProjectionResult result;
  int fast = 0, refused = 0;
  for (const std::string& item : ChangedItems()) {
    const std::string record = Items(20) + item + Items(20) + tail_;
    const std::optional<std::string> expected = oracle_.Project(TestContext(), record);
    const absl::Status status = ProjectVerified(engine_, TestContext(), record, &result);
    ASSERT_EQ(status.ok(), expected.has_value()) << status;
    if (expected.has_value()) {
      EXPECT_EQ(result.bytes, *expected);
    } else {
      ++refused;
    }
    ProjectionResult alone;
    absl::Status ignored;
    fast += ProjectFast(engine_.plan->tables(), TestContext(), record, &alone, &ignored);
  }
  EXPECT_GT(fast, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(ListShapeTest, ListsAtTheEndOfTheRecordAndOfTwoSizes) {
  ProjectionResult result;
  const std::string other = schema_.Bytes("Order", R"pb(items { sku: "A" quantity: 1 })pb");
  for (int count = 0; count < 24; ++count) {
    std::string others;
    for (int i = 0; i < count; ++i) others += other;
    for (const std::string& record : {Items(count), Items(12) + others, others + Items(12) + others + tail_}) {
      ASSERT_TRUE(ProjectVerified(engine_, TestContext(), record, &result).ok());
      EXPECT_EQ(result.bytes, *oracle_.Project(TestContext(), record));
    }
  }
}

// A value that decides something besides whether it can be copied.
TEST_F(ListShapeTest, NothingIsLearnedWhereAValueDecides) {
  const auto learns = [this](const PlanSpec& spec, const std::string& item) {
    const Engine engine = MakeEngine(spec);
    const FastPlan& plan = *engine.plan->tables().fast;
    const FastContainer& items = plan.containers[plan.levels[0].one_byte[static_cast<uint8_t>(item[0])].index];
    ProjectionResult result;
    EXPECT_TRUE(Project(*engine.plan, TestContext(), item, &result).ok());
    return ListShape().Learn(plan, items, item, result.bytes, 0);
  };
  PlanSpec spec = KeepSpec(order_, {"items.sku"});
  EXPECT_TRUE(learns(spec, item_));
  spec.leaves[0].on_card_number = v1::REFUSE;
  EXPECT_TRUE(learns(spec, item_));  // too short for one
  EXPECT_FALSE(learns(spec, schema_.Bytes("Order", R"pb(items { sku: "1234567890123" })pb")));
  EXPECT_FALSE(learns(KeepSpec(order_, {"items.sku"}), schema_.Bytes("Order", R"pb(items { sku: "\303\251" })pb")));
  EXPECT_FALSE(learns(KeepSpec(order_, {"items.left"}), schema_.Bytes("Order", R"pb(items { left: "x" })pb")));
  EXPECT_FALSE(learns(KeepSpec(order_, {"items.code"}), item_));
  v1::Mask mask;
  mask.set_keep_first(1);
  spec = KeepSpec(order_, {"items.sku"});
  spec.leaves[0].transform = mask;
  EXPECT_FALSE(learns(spec, item_));
}

}  // namespace
}  // namespace postern::policy::testing
