// get, describe, enrol, dead-letter.
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/ctl/commands.h"
#include "client/ctl/partner_change.h"
#include "client/ctl/resources.h"
#include "client/ctl/source_folder.h"
#include "proto/errors/error.h"

namespace postern::client::ctl {
namespace {

std::string StateOf(const v1::Partner& partner) {
  const std::string state = ShortEnum(v1::PartnerState_Name(partner.state()), "PARTNER_STATE_");
  return partner.state_reason().empty() ? state : absl::StrCat(state, " (", partner.state_reason(), ")");
}

int GetPartners(Session& session, v1::OperatorService::StubInterface& gateway) {
  v1::ListPartnersResponse all;
  const grpc::Status status =
      ListAll(session, gateway, &v1::OperatorService::StubInterface::ListPartners, v1::ListPartnersRequest(), &all);
  if (!status.ok()) return session.FailRpc(status);
  Table table({"NAME", "KIND", "STATE", "EPOCH", "UPDATED"});
  for (const auto& p : all.partners())
    table.Add({p.name(), p.kind(), StateOf(p), absl::StrCat(p.epoch()), FormatTime(p.update_time())});
  session.out().Result(all, table.ToString());
  return kOk;
}

int GetRevisions(Session& session, v1::OperatorService::StubInterface& gateway, const std::string& parent) {
  v1::ListContractRevisionsRequest request;
  request.set_parent(parent);
  v1::ListContractRevisionsResponse response;
  const grpc::Status status = gateway.ListContractRevisions(session.Call().get(), request, &response);
  if (!status.ok()) return session.FailRpc(status);
  Table table({"NAME", "STATE", "WIDENING", "APPLIED BY", "ACTIVATED BY", "CREATED"});
  for (const auto& r : response.revisions()) {
    table.Add({r.name(), ShortEnum(v1::ContractRevision::State_Name(r.state()), "STATE_"), r.widening() ? "yes" : "no",
               r.applied_by(), r.activated_by().empty() ? "-" : r.activated_by(), FormatTime(r.create_time())});
  }
  session.out().Result(response, table.ToString());
  return kOk;
}

int GetBundle(Session& session, v1::OperatorService::StubInterface& gateway) {
  v1::PolicyBundle bundle;
  const grpc::Status status = gateway.GetPolicyBundle(session.Call().get(), {}, &bundle);
  if (!status.ok()) return session.FailRpc(status);
  Table table({"NAME", "POLICY VERSION", "FILES", "CREATED"});
  table.Add(
      {bundle.name(), bundle.policy_version(), absl::StrCat(bundle.files_size()), FormatTime(bundle.create_time())});
  session.out().Result(bundle, table.ToString());
  return kOk;
}

// What waits for a second person, and how it differs.
std::string PendingUpdate(const v1::Partner& partner) {
  const v1::PendingPartnerUpdate& pending = partner.pending_update();
  PartnerChange change;
  change.wanted = partner;
  change.wanted.set_legal_entity(pending.legal_entity());
  *change.wanted.mutable_identities() = pending.identities();
  *change.wanted.mutable_endpoints() = pending.endpoints();
  *change.wanted.mutable_attestation_keys() = pending.attestation_keys();
  *change.wanted.mutable_encryption_keys() = pending.encryption_keys();
  ComparePartner(partner, &change);
  std::string text = absl::StrCat("Waits for a second person, asked for by ", pending.requested_by(), " at ",
                                  FormatTime(pending.request_time()), ":\n");
  for (const std::string& line : change.lines) absl::StrAppend(&text, "  ", line, "\n");
  return text;
}

int DescribePartner(Session& session, v1::OperatorService::StubInterface& gateway, const std::string& name) {
  v1::GetPartnerRequest request;
  request.set_name(name);
  v1::Partner p;
  const grpc::Status status = gateway.GetPartner(session.Call().get(), request, &p);
  if (!status.ok()) return session.FailRpc(status);
  std::string text = absl::StrCat(
      "Name:          ", p.name(), "\nLegal entity:  ", p.legal_entity(), "\nKind:          ", p.kind(),
      "\nState:         ", StateOf(p), "\nEpoch:         ", p.epoch(), "\nCreated:       ", FormatTime(p.create_time()),
      "\nUpdated:       ", FormatTime(p.update_time()), "\nEtag:          ", p.etag(), "\n");
  for (const auto& i : p.identities())
    absl::StrAppend(&text, "Identity:      ", i.has_spiffe_id() ? i.spiffe_id() : i.dns_san(), "\n");
  for (const auto& e : p.endpoints())
    absl::StrAppend(&text, "Endpoint:      ", e.id(), " at ", e.address(), " as ", e.server_san(), "\n");
  for (const auto& s : p.endpoint_standings()) {
    const std::string state = ShortEnum(v1::EndpointStanding::State_Name(s.state()), "STATE_");
    absl::StrAppend(&text, "Delivers to:   ", s.endpoint(), s.state() == 0 ? ", not proven" : absl::StrCat(", ", state),
                    s.secret_generation() == 0 ? "" : absl::StrCat(", secret ", s.secret_generation()), "\n");
  }
  for (const auto& k : p.attestation_keys()) absl::StrAppend(&text, "Attests with:  ", k.key_id(), "\n");
  for (const auto& k : p.encryption_keys()) absl::StrAppend(&text, "Encrypted to:  ", k.key_id(), "\n");
  if (p.has_pending_update()) absl::StrAppend(&text, PendingUpdate(p));
  session.out().Result(p, text);
  return kOk;
}

int ListDeadLetters(Session& session, v1::OperatorService::StubInterface& gateway, const std::string& parent) {
  v1::ListDeadLettersRequest request;
  request.set_parent(parent);
  v1::ListDeadLettersResponse all;
  const grpc::Status status =
      ListAll(session, gateway, &v1::OperatorService::StubInterface::ListDeadLetters, request, &all);
  if (!status.ok()) return session.FailRpc(status);
  Table table({"DISCLOSURE", "REASON", "BLOCKS", "TIME"});
  for (const auto& d : all.dead_letters()) {
    table.Add({d.disclosure().name(), d.reason(), absl::StrCat(d.blocked_count()), FormatTime(d.time())});
  }
  session.out().Result(all, table.ToString());
  return kOk;
}

int Enrol(Session& session, const std::string& name, const std::string& file, const std::string& certificate_file,
          int days) {
  const auto pem = ReadFile(file);
  if (!pem.ok()) return session.Fail(pem.status());
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::EnrolPartnerRequest request;
  request.set_name(PartnerName(name));
  request.set_certificate_request_pem(*pem);
  request.set_valid_days(days);
  v1::EnrolPartnerResponse response;
  const grpc::Status status = (*gateway)->EnrolPartner(session.Call().get(), request, &response);
  if (!status.ok()) return session.FailRpc(status);
  if (!certificate_file.empty()) {
    std::ofstream out(certificate_file, std::ios::binary | std::ios::trunc);
    out << response.certificate_chain_pem();
    out.close();
    if (!out) {
      return session.Fail(MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("cannot write ", certificate_file),
                                    {{"file", certificate_file}}));
    }
    session.out().Result(response, absl::StrCat("wrote ", certificate_file, "\n"));
  } else {
    session.out().Result(response, response.certificate_chain_pem());
  }
  return kOk;
}

// Runs `call` with the operator stub.
template <typename Fn>
int WithGateway(Session& session, Fn call) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  return call(**gateway);
}

}  // namespace

void AddPartnerCommands(CLI::App& app, Session& session) {
  CLI::App* get = app.add_subcommand("get", "List partners, revisions or the bundle")->require_subcommand(1);
  session.OnRun(get->add_subcommand("partners", "All partners"), [&session] {
    return WithGateway(session, [&](auto& gateway) { return GetPartners(session, gateway); });
  });
  session.OnRun(get->add_subcommand("bundle", "The policy bundle in force"), [&session] {
    return WithGateway(session, [&](auto& gateway) { return GetBundle(session, gateway); });
  });
  const auto name = std::make_shared<std::string>();
  CLI::App* revisions = get->add_subcommand("revisions", "Contract revisions of a partner");
  revisions->add_option("partner", *name, "partners/P or P")->required();
  session.OnRun(revisions, [&session, name] {
    return WithGateway(session, [&](auto& gateway) { return GetRevisions(session, gateway, PartnerName(*name)); });
  });

  CLI::App* describe = app.add_subcommand("describe", "One partner in detail");
  describe->add_option("partner", *name, "partners/P or P")->required();
  session.OnRun(describe, [&session, name] {
    return WithGateway(session, [&](auto& gateway) { return DescribePartner(session, gateway, PartnerName(*name)); });
  });

  const auto file = std::make_shared<std::string>();
  const auto certificate_file = std::make_shared<std::string>();
  const auto days = std::make_shared<int>(90);
  CLI::App* enrol = app.add_subcommand("enrol", "Sign the certificate request of a partner that brings its own key");
  enrol->add_option("partner", *name, "partners/P or P")->required();
  enrol->add_option("--csr", *file, "PKCS#10 request (PEM)")->required();
  enrol->add_option("--out", *certificate_file, "Write the certificate here");
  enrol->add_option("--days", *days, "Validity")->check(CLI::Range(1, 398));
  session.OnRun(enrol, [&session, name, file, certificate_file, days] {
    return Enrol(session, *name, *file, *certificate_file, *days);
  });

  CLI::App* dead = app.add_subcommand("dead-letter", "Records that a partner rejected")->require_subcommand(1);
  CLI::App* list = dead->add_subcommand("list", "Dead letters of a partner");
  list->add_option("partner", *name, "partners/P or P")->required();
  session.OnRun(list, [&session, name] {
    return WithGateway(session, [&](auto& gateway) { return ListDeadLetters(session, gateway, PartnerName(*name)); });
  });
  CLI::App* replay = dead->add_subcommand("replay", "Deliver one again");
  replay->add_option("disclosure", *name, "partners/P/disclosures/D")->required();
  session.OnRun(replay, [&session, name] {
    return WithGateway(session, [&](auto& gateway) {
      v1::ReplayDeadLetterRequest request;
      request.set_name(*name);
      v1::ReplayDeadLetterResponse response;
      const grpc::Status status = gateway.ReplayDeadLetter(session.Call().get(), request, &response);
      if (!status.ok()) return session.FailRpc(status);
      session.out().Result(response, absl::StrCat(*name, " waits for delivery again\n"));
      return static_cast<int>(kOk);
    });
  });
  CLI::App* drop = dead->add_subcommand("drop", "Give one up and unblock its record key");
  drop->add_option("disclosure", *name, "partners/P/disclosures/D")->required();
  session.OnRun(drop, [&session, name] {
    return WithGateway(session, [&](auto& gateway) {
      v1::DropDeadLetterRequest request;
      request.set_name(*name);
      v1::DropDeadLetterResponse response;
      const grpc::Status status = gateway.DropDeadLetter(session.Call().get(), request, &response);
      if (!status.ok()) return session.FailRpc(status);
      session.out().Result(response, absl::StrCat(*name, " is dropped\n"));
      return static_cast<int>(kOk);
    });
  });
}

}  // namespace postern::client::ctl
