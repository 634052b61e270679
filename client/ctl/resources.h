// Resource names as people type them, and lists that come in pages.
#pragma once

#include <string>

#include <grpcpp/client_context.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/ctl/session.h"

namespace postern::client::ctl {

// "partners/P" for "P" and for "partners/P".
inline std::string PartnerName(absl::string_view name) {
  return absl::StartsWith(name, "partners/") ? std::string(name) : absl::StrCat("partners/", name);
}

// Calls `list` until there is no further page; `all` gets the items of every page. The first error ends it.
template <typename Stub, typename Request, typename Response>
grpc::Status ListAll(const Session& session, Stub& stub,
                     grpc::Status (Stub::*list)(grpc::ClientContext*, const Request&, Response*), Request request,
                     Response* all) {
  do {
    Response page;
    const grpc::Status status = (stub.*list)(session.Call().get(), request, &page);
    if (!status.ok()) return status;
    all->MergeFrom(page);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  all->clear_next_page_token();
  return grpc::Status::OK;
}

}  // namespace postern::client::ctl
