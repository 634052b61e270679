#include "server/gateway/people_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/registry/times.h"
#include "server/storage/sqlite/sqlite_store.h"

namespace postern::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PeopleCheckTest : public ::testing::Test {
 protected:
  PeopleCheckTest() {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    storage::SqliteStoreOptions options;
    options.directory = folder_ + "/data";
    options.clock = [this] { return now_; };
    store_ = *storage::OpenSqliteStore(options);
  }
  ~PeopleCheckTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Ask(int number, absl::Duration due, bool open = true) {
    storage::ChangeSet change;
    storage::SubjectRequestRow& row = change.subject_requests.emplace_back();
    row.request.set_name(absl::StrCat("subjectRequests/", number));
    row.request_id.bytes[15] = static_cast<uint8_t>(number);
    registry::SetTime(now_ + due, row.request.mutable_expected_by());
    if (!open) registry::SetTime(now_, row.request.mutable_end_time());
    ASSERT_TRUE(store_->Apply(change).ok());
  }
  void Consent(uint8_t person, const std::string& category, storage::SubjectRecordRow::Work work) {
    v1::Consent consent;
    consent.mutable_scope()->set_category(category);
    consent.set_granted(true);
    storage::ChangeSet change;
    storage::SubjectRecordRow& row = change.subject_records.emplace_back();
    row.subject[0] = person;
    row.key = absl::StrCat("category:", category);
    row.resource = consent.SerializeAsString();
    row.work = work;
    ASSERT_TRUE(store_->Apply(change).ok());
  }
  std::vector<std::string> Found() {
    std::vector<std::string> found;
    const auto find = [&](v1::CheckFinding::Severity severity, absl::string_view subject, absl::string_view message) {
      found.push_back(absl::StrCat(severity == v1::CheckFinding::SEVERITY_ERROR ? "E " : "W ", subject, ": ", message));
    };
    EXPECT_TRUE(CheckPeople(*store_, standings_, now_, find).ok());
    EXPECT_TRUE(CheckTerms(*store_, now_, find).ok());
    return found;
  }

  std::string folder_ = ::testing::TempDir() + "/people-XXXXXX";
  const absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  registry::SubjectStandings standings_;
  std::unique_ptr<storage::Store> store_;
};

TEST_F(PeopleCheckTest, RequestsThatAreDueOrOverdueAreCounted) {
  Ask(1, absl::Hours(24 * 10));
  Ask(2, absl::Hours(-1), /*open=*/false);
  EXPECT_THAT(Found(), IsEmpty());
  Ask(3, absl::Hours(-1));
  Ask(4, absl::Hours(-48));
  Ask(5, absl::Hours(48));
  EXPECT_THAT(Found(), ElementsAre("E subjectRequests: 2 requests of people are overdue",
                                   "W subjectRequests: 1 requests of people are due within three days"));
}

TEST_F(PeopleCheckTest, ComplaintsThatAreOverdueAndFreezesThatAreNotInForceAreCounted) {
  storage::ChangeSet change;
  storage::InvestigationRow& row = change.investigations.emplace_back();
  row.investigation.set_name("investigations/1");
  row.investigation.set_state(v1::Investigation::STATE_OPEN);
  registry::SetTime(now_ - absl::Hours(1), row.investigation.mutable_expected_by());
  row.investigation.add_freezes()->set_partner("partners/p");
  ASSERT_TRUE(store_->Apply(change).ok());
  EXPECT_THAT(Found(), ElementsAre("E investigations: 1 complaints are overdue",
                                   "E investigations: 1 freezes are not in force"));
  change.investigations[0].investigation.set_state(v1::Investigation::STATE_RESOLVED);
  ASSERT_TRUE(store_->Apply(change).ok());
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(PeopleCheckTest, ConsentsOutOfStepAreFound) {
  Consent(1, "marketing", storage::SubjectRecordRow::Work::kNone);
  EXPECT_THAT(Found(), ElementsAre("E subjects: disclosures of 1 people are judged by other records than those that "
                                   "are stored"));
  ASSERT_TRUE(standings_.Load(*store_).ok());
  EXPECT_THAT(Found(), IsEmpty());
  Consent(1, "marketing", storage::SubjectRecordRow::Work::kRecallAndNotify);
  EXPECT_THAT(Found(), ElementsAre("E subjects: 1 withdrawals or restrictions were not carried through"));
}

TEST_F(PeopleCheckTest, TermsThatEndedLongAgoAreFound) {
  storage::ChangeSet change;
  storage::RetentionOrderRow& row = change.retention_orders.emplace_back();
  row.due = now_;
  row.ends = now_ - absl::Hours(2);
  ASSERT_TRUE(store_->Apply(change).ok());
  EXPECT_THAT(Found(), IsEmpty());
  change.retention_orders[0].ends = now_ - absl::Hours(49);
  ASSERT_TRUE(store_->Apply(change).ok());
  EXPECT_THAT(Found(), ElementsAre("E retention: 1 orders have a term that ended more than a day ago"));
}

}  // namespace
}  // namespace postern::gateway
