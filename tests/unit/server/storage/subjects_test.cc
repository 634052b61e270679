#include "gmock/gmock.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = SubjectRecordRow::Kind;

SubjectRecordRow Record(uint64_t subject, Kind kind, const std::string& key, const std::string& resource) {
  SubjectRecordRow row;
  row.subject = Mac(subject);
  row.kind = kind;
  row.key = key;
  row.resource = resource;
  return row;
}

SubjectRequestRow Request(const std::string& name, int64_t due, bool ended, uint64_t id) {
  SubjectRequestRow row;
  row.request.set_name(name);
  row.request.mutable_expected_by()->set_seconds(due);
  if (ended) row.request.mutable_end_time()->set_seconds(1);
  row.principal = Mac(9);
  row.request_id = Id(id);
  return row;
}

std::vector<std::string> Names(const std::vector<SubjectRequestRow>& rows) {
  std::vector<std::string> names;
  for (const SubjectRequestRow& row : rows) names.push_back(row.request.name());
  return names;
}

TEST_P(StoreTest, SubjectRecordsAreKeptReplacedAndDropped) {
  ChangeSet change;
  change.subject_records = {Record(1, Kind::kConsent, "category:a", "yes"), Record(1, Kind::kRestriction, "", "all"),
                            Record(2, Kind::kConsent, "category:a", "no")};
  change.subject_records[1].work = SubjectRecordRow::Work::kRecall;
  EXPECT_STATUS_OK(store().Apply(change).status());
  Reopen();
  std::vector<SubjectRecordRow> records = Value(store().ReadSubjectRecords(Mac(1)));
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_EQ(records[0].resource, "yes");
  EXPECT_EQ(records[1].work, SubjectRecordRow::Work::kRecall);
  EXPECT_THAT(Value(store().ListSubjectRecords(0, 10)), SizeIs(3));

  ChangeSet next;
  next.subject_records = {Record(1, Kind::kConsent, "category:a", "again"), Record(1, Kind::kRestriction, "", "")};
  EXPECT_STATUS_OK(store().Apply(next).status());
  records = Value(store().ReadSubjectRecords(Mac(1)));
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].resource, "again");
  EXPECT_THAT(Value(store().ReadSubjectRecords(Mac(3))), IsEmpty());
}

TEST_P(StoreTest, SubjectRequestsAreListedByUrgency) {
  ChangeSet change;
  change.subject_requests = {Request("late", 300, false, 1), Request("soon", 100, false, 2),
                             Request("done", 50, true, 3)};
  EXPECT_STATUS_OK(store().Apply(change).status());
  EXPECT_THAT(Names(Value(store().ListSubjectRequests(false, 0, 10))), ElementsAre("soon", "late", "done"));
  EXPECT_THAT(Names(Value(store().ListSubjectRequests(true, 0, 10))), ElementsAre("soon", "late"));
  EXPECT_THAT(Names(Value(store().ListSubjectRequests(false, 1, 1))), ElementsAre("late"));
  EXPECT_EQ(Value(store().FindSubjectRequest(Mac(9), Id(2))).request.name(), "soon");
  EXPECT_REASON(store().FindSubjectRequest(Mac(8), Id(2)).status(), NOT_FOUND);
  EXPECT_REASON(store().ReadSubjectRequest("nobody").status(), NOT_FOUND);
}

// Clause: W6d
TEST_P(StoreTest, AGuardiansRequestIsListedBeforeOneThatIsDueSooner) {
  ChangeSet change;
  change.subject_requests = {Request("soon", 100, false, 1), Request("guardian's", 300, false, 2)};
  change.subject_requests[1].request.set_guardian("subjects/g");
  EXPECT_STATUS_OK(store().Apply(change).status());
  EXPECT_THAT(Names(Value(store().ListSubjectRequests(true, 0, 10))), ElementsAre("guardian's", "soon"));
}

// The fence of a subject is compared with what was known about subjects, that of a partner with the snapshot.
TEST_P(StoreTest, ASubjectsFenceRefusesWhatWasJudgedBefore) {
  ChangeSet raise;
  raise.raise_fences = {{FenceScope::Kind::kSubject, std::string(16, 's')}};
  const uint64_t version = Value(store().Apply(raise)).fence_version;
  NewDisclosure judged_before = Entry();
  judged_before.fences = raise.raise_fences;
  judged_before.resolved_at = version;
  judged_before.subjects_resolved_at = version - 1;
  NewDisclosure judged_after = Entry();
  judged_after.fences = raise.raise_fences;
  judged_after.resolved_at = 0;
  judged_after.subjects_resolved_at = version;
  const std::vector<CommitResult> results = CommitAll({judged_before, judged_after});
  EXPECT_REASON(results[0].status, FENCED);
  EXPECT_STATUS_OK(results[1].status);
}

}  // namespace
}  // namespace postern::storage
