#include "policy/report/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/policy/bundle/bundle_files.h"

namespace postern::policy {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Clause: W8
TEST(RenderTest, TellsThePublicWhatTheContractsGrant) {
  const auto bundle = RetailBundle();
  const SharingScope scope = DescribeSharing(*bundle);
  ExpectGolden("retail/sharing.md", RenderMarkdown(scope));
  ExpectGolden("retail/sharing.html", RenderHtml(scope));
}

// Clause: W8
TEST(RenderTest, LeavesOutWhatIsNotInForce) {
  const auto bundle = RetailBundle();
  EXPECT_EQ(DescribeSharing(*bundle, absl::CivilDay(2026, 6, 1)).partners.size(), 3u);
  EXPECT_EQ(DescribeSharing(*bundle, absl::CivilDay(2028, 4, 1)).partners.size(), 2u)
      << "one qualification has expired";
  EXPECT_THAT(RenderMarkdown(DescribeSharing(*bundle, absl::CivilDay(2030, 1, 1))),
              HasSubstr("Nothing is shared with anybody."));
}

TEST(RenderTest, SaysWhereSharingIsPaused) {
  SharingScope scope = DescribeSharing(*RetailBundle());
  EXPECT_THAT(RenderMarkdown(scope), Not(HasSubstr("paused")));
  scope.partners.front().paused = true;
  EXPECT_THAT(RenderMarkdown(scope), HasSubstr("- Sharing is paused\n"));
}

TEST(RenderTest, EscapesWhatFilesSay) {
  SharingScope scope;
  scope.policy = "<script>alert(1)</script> | `x` & \"y\"";
  EXPECT_THAT(RenderHtml(scope), Not(HasSubstr("<script>")));
  EXPECT_THAT(RenderHtml(scope), HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt; | `x` &amp; &quot;y&quot;"));
  EXPECT_THAT(RenderMarkdown(scope), Not(HasSubstr("<script>")));
}

}  // namespace
}  // namespace postern::policy
