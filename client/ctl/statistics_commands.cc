// statistics: what is known of all disclosures together.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/ctl/commands.h"
#include "client/ctl/output.h"

namespace postern::client::ctl {
namespace {

std::string SumsOf(const v1::StatisticsCell& cell) {
  std::string text;
  for (const v1::StatisticsSum& sum : cell.sums()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", sum.measure(), " ", sum.value(), sum.unit().empty() ? "" : " ",
                    sum.unit());
  }
  return text.empty() ? "-" : text;
}

int Query(Session& session, v1::QueryStatisticsRequest request) {
  const auto gateway = session.Statistics();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::QueryStatisticsResponse all;
  do {
    v1::QueryStatisticsResponse page;
    const grpc::Status status = (*gateway)->QueryStatistics(session.Call().get(), request, &page);
    if (!status.ok()) return session.FailRpc(status);
    all.mutable_cells()->MergeFrom(page.cells());
    all.set_min_group_size(page.min_group_size());
    all.set_suppressed_count(all.suppressed_count() + page.suppressed_count());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  Table table({"PERIOD", "CATEGORY", "PURPOSE", "KIND", "REGION", "DISCLOSURES", "SUMS"});
  for (const v1::StatisticsCell& cell : all.cells()) {
    table.Add({cell.period(), cell.category(), cell.purpose(), cell.partner_kind(),
               cell.region().empty() ? "-" : cell.region(), absl::StrCat(cell.disclosure_count()), SumsOf(cell)});
  }
  session.out().Result(all, absl::StrCat(table.ToString(), all.suppressed_count(), " groups of fewer than ",
                                         all.min_group_size(), " people are left out\n"));
  return kOk;
}

}  // namespace

void AddStatisticsCommand(CLI::App& app, Session& session) {
  const auto request = std::make_shared<v1::QueryStatisticsRequest>();
  CLI::App* statistics = app.add_subcommand("statistics", "Anonymous counts and sums of months that are over");
  const auto option = [&](const char* name, std::string* value, const char* what) {
    statistics->add_option(name, *value, what);
  };
  option("--period", request->mutable_period(), "A month, YYYY-MM; all without it");
  option("--category", request->mutable_category(), "Of data");
  option("--purpose", request->mutable_purpose(), "Of the disclosure");
  option("--kind", request->mutable_partner_kind(), "Of the partner");
  session.OnRun(statistics, [&session, request] { return Query(session, *request); });
}

}  // namespace postern::client::ctl
