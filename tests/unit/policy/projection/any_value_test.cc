// google.protobuf.Any: entered for the types that a plan lists, and for nothing else.
#include "policy/projection/any_value.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "policy/projection/projector.h"
#include "proto/errors/error.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {
namespace {

constexpr char kSchema[] = R"(
  syntax = "proto3";
  import "google/protobuf/any.proto";
  message Order {
    string id = 1;
    google.protobuf.Any details = 2;
    repeated google.protobuf.Any extras = 3;
    map<string, google.protobuf.Any> named = 4;
    oneof choice { google.protobuf.Any first = 5; string second = 6; }
    Box box = 7;
  }
  message Box { google.protobuf.Any inner = 1; string label = 2; }
  message Gift { string note = 1; string from = 2; google.protobuf.Any wrapped = 3; }
  message Loan { string note = 1; int32 days = 2; }
)";
constexpr char kGift[] = "type.googleapis.com/Gift";
constexpr char kLoan[] = "type.googleapis.com/Loan";

std::string AnyOf(absl::string_view url, absl::string_view value) {
  return BytesField(1, url) + (value.empty() ? "" : BytesField(2, value));
}

class AnyValueTest : public ::testing::Test {
 protected:
  const google::protobuf::Descriptor& type() const { return *schema_.Type("Order"); }
  // What leaves, or the reason of the refusal.
  std::string Projected(const std::vector<std::string>& paths, const std::string& record) {
    engine_ = MakeEngine(KeepSpec(type(), paths));
    const absl::Status status = ProjectVerified(engine_, TestContext(), record, &result_);
    return status.ok() ? result_.bytes
                       : std::string(absl::StripPrefix(v1::ErrorReason_Name(ReasonOf(status)), "ERROR_REASON_"));
  }
  // Withheld paths, from the bitmap and exactly.
  std::string Withheld(bool exact, const std::string& record) {
    std::vector<WithheldField> withheld = WithheldFromBits(*engine_.plan, result_.withheld_bits);
    if (exact) {
      EXPECT_TRUE(ExplainWithheld(*engine_.plan, TestContext(), record, &withheld).ok());
    }
    return absl::StrJoin(withheld, " ", [](std::string* out, const WithheldField& field) {
      absl::StrAppend(out, field.path, ":", static_cast<int>(field.reason));
    });
  }

  const TestSchema schema_{kSchema};
  Engine engine_;
  ProjectionResult result_;
};

TEST_F(AnyValueTest, PathsNameTheType) {
  EXPECT_EQ(DottedPath(PathOf(type(), "details[type.googleapis.com/Gift].note")),
            "details[type.googleapis.com/Gift].note");
  EXPECT_EQ(DottedPath(PathOf(type(), "named[type.googleapis.com/Gift].wrapped[type.googleapis.com/Loan].days")),
            "named[type.googleapis.com/Gift].wrapped[type.googleapis.com/Loan].days");
}

// Clause: P1.1a
TEST_F(AnyValueTest, OnlyListedTypesAreEntered) {
  const std::string gift = BytesField(1, "n") + BytesField(2, "f");
  const std::vector<std::string> paths = {"details[type.googleapis.com/Gift].note"};
  EXPECT_EQ(Projected(paths, BytesField(2, AnyOf(kGift, gift))), BytesField(2, AnyOf(kGift, BytesField(1, "n"))));
  for (const char* url : {kLoan, "Gift", "example.com/Gift", "type.googleapis.com/Gif", ""}) {
    EXPECT_EQ(Projected(paths, BytesField(2, AnyOf(url, gift))), "") << url;
  }
  EXPECT_EQ(Projected(paths, BytesField(2, AnyOf(kLoan, "\xff\xff"))), "") << "not looked into";
  EXPECT_EQ(Projected(paths, BytesField(2, AnyOf(kGift, "\xff\xff"))), "RECORD_MALFORMED");
  EXPECT_EQ(Projected(paths, BytesField(2, AnyOf(kGift, BytesField(1, "\xff")))), "RECORD_MALFORMED") << "UTF-8";
  EXPECT_EQ(Projected(paths, BytesField(2, AnyOf("\xff", ""))), "RECORD_MALFORMED") << "UTF-8 of the type URL";
}

TEST_F(AnyValueTest, PartsComeInAnyOrderAndTheLastOfEachCounts) {
  const std::vector<std::string> paths = {"details[type.googleapis.com/Gift].note"};
  const std::string note = BytesField(1, "n");
  const std::string expected = BytesField(2, AnyOf(kGift, note));
  EXPECT_EQ(Projected(paths, BytesField(2, BytesField(2, note) + BytesField(1, kGift))), expected);
  EXPECT_EQ(Projected(paths, BytesField(2, BytesField(1, kLoan) + BytesField(2, "\xff") + AnyOf(kGift, note))),
            expected)
      << "a value that another took the place of is not parsed";
  EXPECT_EQ(Projected(paths, BytesField(2, BytesField(2, note)) + BytesField(2, BytesField(1, kGift))), expected)
      << "split";
  EXPECT_EQ(Projected(paths, BytesField(2, AnyOf(kGift, note)) + BytesField(2, BytesField(1, kLoan))), "");
  EXPECT_EQ(Projected(paths, BytesField(2, AnyOf(kGift, note) + BytesField(9, "x"))), expected) << "unknown fields";
  EXPECT_EQ(Projected(paths, BytesField(2, AnyOf(kGift, BytesField(1, "a") + note))), expected);
  EXPECT_EQ(Projected(paths, BytesField(2, AnyOf(kGift, BytesField(2, "f")))), BytesField(2, AnyOf(kGift, "")));
  EXPECT_EQ(Projected(paths, BytesField(2, AnyOf(kGift, ""))), BytesField(2, AnyOf(kGift, "")));
}

TEST_F(AnyValueTest, SeveralTypesSeveralPlaces) {
  const std::string gift = BytesField(1, "n") + BytesField(2, "f"), loan = BytesField(1, "l") + VarintField(2, 7);
  const std::string record =
      BytesField(3, AnyOf(kGift, gift)) + BytesField(3, AnyOf("other/X", gift)) + BytesField(3, AnyOf(kLoan, loan));
  EXPECT_EQ(Projected({"extras[type.googleapis.com/Gift].from", "extras[type.googleapis.com/Loan].days"}, record),
            BytesField(3, AnyOf(kGift, BytesField(2, "f"))) + BytesField(3, AnyOf(kLoan, VarintField(2, 7))));
  EXPECT_EQ(Projected({"extras[type.googleapis.com/Loan].note"}, record),
            BytesField(3, AnyOf(kLoan, BytesField(1, "l"))));
  const auto entry = [](const char* key, const std::string& any) {
    return BytesField(4, BytesField(1, key) + BytesField(2, any));
  };
  EXPECT_EQ(Projected({"named[type.googleapis.com/Gift].note"},
                      entry("b", AnyOf(kGift, gift)) + entry("a", AnyOf(kLoan, loan)) + entry("c", "")),
            entry("b", AnyOf(kGift, BytesField(1, "n"))));
  EXPECT_EQ(Projected({"details[type.googleapis.com/Gift].wrapped[type.googleapis.com/Loan].days"},
                      BytesField(2, AnyOf(kGift, gift + BytesField(3, AnyOf(kLoan, loan))))),
            BytesField(2, AnyOf(kGift, BytesField(3, AnyOf(kLoan, VarintField(2, 7))))));
  EXPECT_EQ(Projected({"box.inner[type.googleapis.com/Gift].note"}, BytesField(7, BytesField(2, "label"))),
            BytesField(7, ""))
      << "a message on the way stays";
}

TEST_F(AnyValueTest, SupersededInAOneof) {
  const std::vector<std::string> paths = {"first[type.googleapis.com/Gift].note"};
  const std::string any = BytesField(5, AnyOf(kGift, BytesField(1, "n")));
  EXPECT_EQ(Projected(paths, any + BytesField(6, "s")), "");
  EXPECT_EQ(Projected(paths, BytesField(6, "s") + any), any);
  EXPECT_EQ(Projected(paths, BytesField(5, AnyOf(kGift, "\xff")) + BytesField(6, "s")), "")
      << "what does not count is not parsed";
}

TEST_F(AnyValueTest, DepthCountsAcrossIt) {
  const auto groups = [](int depth) {
    std::string out;
    for (int i = 0; i < depth; ++i) out = Varint(9 << 3 | 3) + out + Varint(9 << 3 | 4);
    return out;
  };
  const std::vector<std::string> paths = {"details[type.googleapis.com/Gift].note", "box.label"};
  EXPECT_EQ(Projected(paths, BytesField(7, groups(99))), BytesField(7, ""));
  EXPECT_EQ(Projected(paths, BytesField(7, groups(100))), "RECORD_TOO_DEEP");
  EXPECT_EQ(Projected(paths, BytesField(2, AnyOf(kGift, groups(98)))), BytesField(2, AnyOf(kGift, "")));
  EXPECT_EQ(Projected(paths, BytesField(2, AnyOf(kGift, groups(99)))), "RECORD_TOO_DEEP");
}

TEST_F(AnyValueTest, ReportsSayWhatStaysBehind) {
  const std::vector<std::string> paths = {"id", "details[type.googleapis.com/Gift].note",
                                          "extras[type.googleapis.com/Loan].note"};
  const std::string record = BytesField(2, AnyOf(kGift, BytesField(1, "n") + BytesField(2, "f") + BytesField(9, "u"))) +
                             BytesField(3, AnyOf(kGift, BytesField(1, "n")));
  EXPECT_NE(Projected(paths, record), "");
  EXPECT_EQ(Withheld(false, record),
            "details[type.googleapis.com/Gift].from:0 details[type.googleapis.com/Gift].(unknown):2 extras:0");
  EXPECT_EQ(Withheld(true, record),
            "details[type.googleapis.com/Gift].from:0 details[type.googleapis.com/Gift].(unknown):2 "
            "extras.type_url:0 extras.value:0");
}

TEST_F(AnyValueTest, TheVerifierFindsWhatIsNotGranted) {
  const std::string record = BytesField(3, AnyOf(kGift, BytesField(1, "n") + BytesField(2, "f"))) +
                             BytesField(3, AnyOf(kLoan, BytesField(1, "l")));
  const std::string granted = BytesField(3, AnyOf(kGift, BytesField(1, "n")));
  ASSERT_EQ(Projected({"extras[type.googleapis.com/Gift].note"}, record), granted);
  const auto verify = [&](const std::string& output) {
    return engine_.verifier->Verify(TestContext(), record, output);
  };
  EXPECT_TRUE(verify(granted).ok());
  for (const std::string& output :
       {record, granted + granted, BytesField(3, AnyOf(kLoan, BytesField(1, "l"))),
        BytesField(3, AnyOf(kGift, BytesField(1, "other"))), BytesField(3, AnyOf(kGift, BytesField(2, "f"))),
        BytesField(3, AnyOf("example.com/Gift", BytesField(1, "n"))),
        BytesField(3, AnyOf(kGift, BytesField(1, "n")) + BytesField(9, "u")),
        BytesField(3, BytesField(1, kLoan) + AnyOf(kGift, BytesField(1, "n")))}) {
    EXPECT_FALSE(verify(output).ok());
  }
}

TEST_F(AnyValueTest, PlansReadNothingInside) {
  PlanSpec spec = KeepSpec(type(), {"id"});
  spec.leaves[0].when.emplace_back().left = PathOf(type(), "details[type.googleapis.com/Gift].note");
  EXPECT_FALSE(BuildPlan(spec).ok());
  spec = KeepSpec(type(), {"id"});
  spec.roles.push_back(Role(type(), v1::FIELD_ROLE_SUBJECT_ID, "details[type.googleapis.com/Gift].note"));
  EXPECT_FALSE(BuildPlan(spec).ok());
  EXPECT_FALSE(BuildPlan(KeepSpec(type(), {"details.value"})).ok());
  EXPECT_FALSE(BuildPlan(KeepSpec(type(), {"details.type_url"})).ok());
}

}  // namespace
}  // namespace postern::policy::testing
