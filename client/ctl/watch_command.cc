// watch: events as they happen.
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/ctl/commands.h"

namespace postern::client::ctl {
namespace {

int Watch(Session& session) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  grpc::ClientContext context;  // no deadline: watching goes on
  const auto reader = (*gateway)->WatchEvents(&context, {});
  v1::WatchEventsResponse event;
  while (reader->Read(&event)) {
    std::string details;
    for (const auto& [key, value] : event.details()) absl::StrAppend(&details, " ", key, "=", value);
    session.out().Result(event, absl::StrCat(FormatTime(event.time()), "  ", event.event(), "  ", event.resource(),
                                             "  by ", event.principal(), details, "\n"));
  }
  const grpc::Status status = reader->Finish();
  return status.ok() ? kOk : session.FailRpc(status);
}

}  // namespace

void AddWatchCommand(CLI::App& app, Session& session) {
  session.OnRun(app.add_subcommand("watch", "Print changes of partners, contracts and campaigns as they happen"),
                [&session] { return Watch(session); });
}

}  // namespace postern::client::ctl
