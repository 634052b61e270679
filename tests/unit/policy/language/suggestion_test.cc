#include "policy/language/suggestion.h"

#include <gtest/gtest.h>

namespace postern::policy {
namespace {

TEST(SuggestionTest, NamesTheNearestIfItIsNear) {
  const std::vector<std::string> names = {"delivery", "customs", "settlement"};
  EXPECT_EQ(DidYouMean("delivry", names), "did you mean \"delivery\"?");
  EXPECT_EQ(DidYouMean("Custom", names), "did you mean \"customs\"?");
  EXPECT_EQ(DidYouMean("refund", names), "");
  EXPECT_EQ(DidYouMean("", names), "");
  EXPECT_EQ(DidYouMean("x", {}), "");
  EXPECT_EQ(DidYouMean(std::string(100000, 'x'), names), "");
}

}  // namespace
}  // namespace postern::policy
