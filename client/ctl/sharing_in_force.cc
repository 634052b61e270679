#include "client/ctl/sharing_in_force.h"

#include <map>
#include <set>
#include <string>

#include "client/ctl/bundle_file.h"
#include "policy/language/active_contracts.h"
#include "proto/errors/error.h"

namespace postern::client::ctl {
namespace {

struct ContractsInForce {
  std::map<std::string, std::string> texts;  // by contract
  std::set<std::string> paused;              // partners
};

grpc::Status AddPartner(Session& session, v1::OperatorService::StubInterface& gateway, const v1::Partner& partner,
                        ContractsInForce* contracts) {
  v1::ListContractRevisionsRequest request;
  request.set_parent(partner.name());
  v1::ListContractRevisionsResponse revisions;
  const grpc::Status listed = gateway.ListContractRevisions(session.Call().get(), request, &revisions);
  if (!listed.ok()) return listed;
  for (const v1::ContractRevision& revision : revisions.revisions()) {
    if (revision.state() != v1::ContractRevision::STATE_ACTIVE) continue;
    contracts->texts[revision.name().substr(0, revision.name().rfind("/revisions/"))] = revision.source();
  }
  if (partner.state() == v1::PARTNER_STATE_SUSPENDED) contracts->paused.insert(partner.name());
  return grpc::Status::OK;
}

grpc::Status ReadContracts(Session& session, v1::OperatorService::StubInterface& gateway, ContractsInForce* contracts) {
  v1::ListPartnersRequest request;
  do {
    v1::ListPartnersResponse page;
    const grpc::Status listed = gateway.ListPartners(session.Call().get(), request, &page);
    if (!listed.ok()) return listed;
    for (const v1::Partner& partner : page.partners()) {
      if (partner.state() != v1::PARTNER_STATE_ACTIVE && partner.state() != v1::PARTNER_STATE_SUSPENDED) continue;
      const grpc::Status added = AddPartner(session, gateway, partner, contracts);
      if (!added.ok()) return added;
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return grpc::Status::OK;
}

}  // namespace

int ReadSharing(Session& session, absl::CivilDay day, policy::SharingScope* scope) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::PolicyBundle bundle;
  const grpc::Status got = (*gateway)->GetPolicyBundle(session.Call().get(), {}, &bundle);
  if (!got.ok()) return session.FailRpc(got);
  ContractsInForce contracts;
  const grpc::Status read = ReadContracts(session, **gateway, &contracts);
  if (!read.ok()) return session.FailRpc(read);
  const auto compiled = CompileSources(session, policy::WithActiveContracts(SourcesOf(bundle), contracts.texts));
  if (compiled == nullptr) {
    return session.Fail(
        MakeError(v1::ERROR_REASON_POLICY_INVALID, "what the gateway has in force does not compile here"));
  }
  *scope = policy::DescribeSharing(*compiled, day);
  for (policy::SharingPartner& partner : scope->partners) partner.paused = contracts.paused.contains(partner.name);
  return kOk;
}

}  // namespace postern::client::ctl
