#include "server/disclosure/resolver.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "policy/projection/errors.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/limits.h"
#include "server/registry/errors.h"
#include "server/registry/times.h"

namespace postern::disclosure {
namespace {

absl::Status CheckState(const v1::Partner& partner) {
  switch (partner.state()) {
    case v1::PARTNER_STATE_ACTIVE:
      return absl::OkStatus();
    case v1::PARTNER_STATE_SUSPENDED:
      return errors::PartnerSuspended(partner.name());
    case v1::PARTNER_STATE_TERMINATING:
    case v1::PARTNER_STATE_TERMINATED:
      return registry::errors::PartnerTerminated(partner.name());
    default:
      return errors::PartnerNotActive(partner.name());
  }
}

absl::Status CheckStanding(const policy::CompiledContract& contract, absl::CivilDay today) {
  const policy::ContractStanding standing = policy::StandingOn(contract.terms, today);
  switch (standing.state) {
    case policy::ContractStanding::State::kInForce:
      return absl::OkStatus();
    case policy::ContractStanding::State::kDocumentExpired:
      return registry::errors::DocumentExpired(contract.name, standing.document_kind);
    case policy::ContractStanding::State::kNotYet:
      return registry::errors::ContractNotInForce(contract.name, "not yet in force");
    case policy::ContractStanding::State::kExpired:
      break;
  }
  return registry::errors::ContractNotInForce(contract.name, "expired");
}

// Any grant of the record type, whoever has it and for whatever purpose: what resolving exists to rule out.
const registry::ActiveGrant* AnyGrant(const registry::Snapshot& snapshot, absl::string_view record_type) {
  for (const auto& [name, partner] : snapshot.partners) {
    for (const registry::ActiveGrant& grant : partner->grants) {
      if (grant.grant->record_type == record_type) return &grant;
    }
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<crypto::Uuid> CheckRequestId(absl::string_view request_id, absl::Time now) {
  if (request_id.empty()) return errors::InvalidField("request_id", "is missing");
  absl::StatusOr<crypto::Uuid> id = crypto::ParseUuid7(request_id);
  if (!id.ok()) return errors::RequestIdInvalid();
  if (id->time() < now - limits::kRequestIdWindow || id->time() > now + limits::kClockSkew) {
    return errors::RequestIdExpired();
  }
  return id;
}

CallFacts::CallFacts(const identity::Principal& caller, absl::Time time)
    : principal(caller.name), principal_mac(ShortDigest({"postern principal", caller.name})), now(time) {}

absl::StatusOr<RequestFacts> CheckRequest(const CallFacts& call, absl::string_view request_id,
                                          const v1::Record& record) {
  RequestFacts facts(call);
  POSTERN_ASSIGN_OR_RETURN(facts.request_id, CheckRequestId(request_id, call.now));
  POSTERN_RETURN_IF_ERROR(CheckRecord(record));
  facts.record_type = record.type();
  facts.record = record.data();
  facts.content = crypto::Sha256({absl::StrCat(record.type().size(), ":"), record.type(), record.data()});
  return facts;
}

absl::Status CheckPolicy(const v1::Record& record, absl::string_view policy_version,
                         const registry::Snapshot& snapshot) {
  if (snapshot.bundle == nullptr) return registry::errors::PolicyAbsent();
  if (!snapshot.bundle->HasRecordType(record.type())) return errors::RecordTypeUnknown(record.type());
  if (!policy_version.empty() && policy_version != absl::string_view(snapshot.policy_version)) {
    return errors::PolicyVersion(snapshot.policy_version);
  }
  return absl::OkStatus();
}

absl::Status CheckRecord(const v1::Record& record) {
  if (record.type().empty()) return errors::InvalidField("record.type", "is missing");
  if (record.data().size() > limits::kMaxRecordBytes) return policy::errors::RecordTooLarge();
  return absl::OkStatus();
}

storage::Mac16 TargetMac(const v1::DisclosureTarget& target) {
  return ShortDigest({"postern target", target.partner(), target.purpose()});
}

absl::Status CheckTargets(const google::protobuf::RepeatedPtrField<v1::DisclosureTarget>& targets) {
  if (targets.empty() || targets.size() > limits::kMaxTargets) {
    return errors::InvalidField("targets", absl::StrCat("must be 1 to ", limits::kMaxTargets));
  }
  for (int i = 0; i < targets.size(); ++i) {
    if (targets[i].partner().empty() || targets[i].purpose().empty()) {
      return errors::InvalidField(absl::StrCat("targets[", i, "]"), "needs a partner and a purpose");
    }
    for (int j = 0; j < i; ++j) {
      if (targets[i].partner() == targets[j].partner() && targets[i].purpose() == targets[j].purpose()) {
        return errors::InvalidField(absl::StrCat("targets[", i, "]"), "repeats an earlier one");
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<const registry::PartnerView*> FindActivePartner(const registry::Snapshot& snapshot,
                                                               absl::string_view name) {
  const registry::PartnerView* partner = snapshot.FindPartner(name);
  if (partner == nullptr) return registry::errors::PartnerUnknown(name);
  POSTERN_RETURN_IF_ERROR(CheckState(partner->resource));
  return partner;
}

absl::StatusOr<Resolved> Resolve(const registry::Snapshot& snapshot, const v1::DisclosureTarget& target,
                                 absl::string_view record_type, absl::Time now, Channel channel) {
  Resolved resolved;
  POSTERN_ASSIGN_OR_RETURN(resolved.partner, FindActivePartner(snapshot, target.partner()));
  resolved.grant = resolved.partner->FindGrant(target.purpose(), record_type);
  if (base::FailpointSkips("grant.skip")) resolved.grant = AnyGrant(snapshot, record_type);
  if (resolved.grant == nullptr) {
    return errors::PurposeNotGranted(target.partner(), target.purpose(), record_type);
  }
  POSTERN_RETURN_IF_ERROR(CheckStanding(*resolved.grant->contract, registry::UtcDay(now)));
  if (resolved.grant->frozen && !base::FailpointSkips("freeze.skip")) {
    return errors::CategoryFrozen(target.partner(), target.purpose());
  }
  const bool exchange = resolved.grant->contract->terms.delivery().has_exchange();
  if (channel == Channel::kQueue && exchange) {
    return errors::InvalidField("target", "has a contract that is served by Exchange");
  }
  if (channel == Channel::kExchange && !exchange) {
    return errors::InvalidField("target", "has a contract without an exchange method");
  }
  resolved.target = TargetMac(target);
  return resolved;
}

const absl::StatusOr<Resolved>& TargetResolver::Resolve(const v1::DisclosureTarget& target,
                                                        absl::string_view record_type) {
  if (target.partner() == partner_ && target.purpose() == purpose_ && record_type == record_type_) return resolved_;
  partner_ = target.partner();
  purpose_ = target.purpose();
  record_type_ = std::string(record_type);
  resolved_ = disclosure::Resolve(snapshot_, target, record_type, now_, channel_);
  return resolved_;
}

storage::Mac16 ShortDigest(std::initializer_list<absl::string_view> parts) {
  std::string encoded;
  for (const absl::string_view part : parts) absl::StrAppend(&encoded, part.size(), ":", part);
  return Truncated(crypto::Sha256(encoded));
}

storage::Mac16 Truncated(const crypto::Sha256Digest& digest) {
  storage::Mac16 mac;
  std::memcpy(mac.data(), digest.data(), mac.size());
  return mac;
}

}  // namespace postern::disclosure
