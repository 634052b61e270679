#include "client/partner/deletion_responder.h"

#include <utility>
#include <vector>

#include <grpcpp/client_context.h>
#include <openssl/evp.h>

#include "absl/time/clock.h"
#include "client/transport/status.h"
#include "client/verify/dsse.h"
#include "proto/errors/error.h"

namespace postern::client {
namespace {

using Attestation = v1::DeletionAttestationStatement;
using Outcome = Attestation::HandleOutcome;

constexpr absl::Duration kCallTimeout = absl::Seconds(30);

void SetTime(absl::Time time, google::protobuf::Timestamp& out) {
  out.set_seconds(absl::ToUnixSeconds(time));
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(out.seconds()))));
}

std::string Sha256(absl::string_view data) {
  std::string digest(32, '\0');
  unsigned int size = 0;
  EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha256(), nullptr);
  return digest;
}

void AddOutcome(const std::string& handle, const DeletionResult& result, Attestation& attestation) {
  Outcome& outcome = *attestation.add_outcomes();
  outcome.set_handle(handle);
  outcome.set_result(result.result);
  if (result.result != Attestation::RESULT_EXEMPTED) return;
  outcome.set_ground(result.ground);
  SetTime(result.until, *outcome.mutable_until());
}

// The signed statement, checked against the gateway's key and against the notice that carried it.
absl::StatusOr<v1::DeletionNoticeStatement> OpenNotice(const v1::DeletionNotice& notice, const std::string& partner,
                                                       const verify::PublicKey& key) {
  const v1::SignedEnvelope& envelope = notice.envelope();
  if (envelope.payload_type() != kNoticePayloadType)
    return absl::DataLossError("the envelope is not a deletion notice");
  std::vector<verify::SignatureView> signatures;
  for (const auto& s : envelope.signatures()) signatures.push_back({s.key_id(), s.signature()});
  POSTERN_RETURN_IF_ERROR(
      verify::VerifyEnvelope(envelope.payload_type(), envelope.payload(), signatures, {key}).status());
  v1::DeletionNoticeStatement statement;
  if (!statement.ParseFromString(envelope.payload())) return absl::DataLossError("the notice is malformed");
  if (statement.notice() != notice.name() || statement.partner() != partner) {
    return absl::DataLossError("the notice is for another name or partner");
  }
  return statement;
}

}  // namespace

DeletionResponder::DeletionResponder(std::shared_ptr<grpc::Channel> channel, std::string partner,
                                     verify::PublicKey notice_key, AttestationSigner signer, DeleteFn delete_handle)
    : stub_(v1::PartnerService::NewStub(std::move(channel))),
      partner_(std::move(partner)),
      notice_key_(std::move(notice_key)),
      signer_(std::move(signer)),
      delete_handle_(std::move(delete_handle)) {}

absl::StatusOr<DeletionProgress> DeletionResponder::AnswerOpenNotices() {
  return ForEach(true, &DeletionResponder::Answer);
}

absl::StatusOr<DeletionProgress> DeletionResponder::AmendExemptions() {
  return ForEach(false, &DeletionResponder::Amend);
}

absl::StatusOr<DeletionProgress> DeletionResponder::ForEach(bool open_only, Respond respond) {
  DeletionProgress progress;
  v1::ListDeletionNoticesRequest request;
  request.set_open_only(open_only);
  do {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
    v1::ListDeletionNoticesResponse page;
    POSTERN_RETURN_IF_ERROR(FromGrpc(stub_->ListDeletionNotices(&context, request, &page)));
    for (const v1::DeletionNotice& notice : page.notices()) {
      if (absl::Status answered = (this->*respond)(notice, progress); !answered.ok()) {
        progress.open.insert_or_assign(notice.name(), std::move(answered));
      }
    }
    progress.enumerating = page.enumerating();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return progress;
}

absl::Status DeletionResponder::Answer(const v1::DeletionNotice& notice, DeletionProgress& progress) {
  POSTERN_ASSIGN_OR_RETURN(const v1::DeletionNoticeStatement statement, OpenNotice(notice, partner_, notice_key_));
  {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
    v1::AcknowledgeDeletionNoticeRequest request;
    request.set_name(notice.name());
    v1::AcknowledgeDeletionNoticeResponse response;
    POSTERN_RETURN_IF_ERROR(FromGrpc(stub_->AcknowledgeDeletionNotice(&context, request, &response)));
  }
  Attestation attestation;
  for (const auto& item : statement.items()) {
    POSTERN_ASSIGN_OR_RETURN(const DeletionResult result, delete_handle_(item));
    AddOutcome(item.handle(), result, attestation);
  }
  POSTERN_RETURN_IF_ERROR(Send(notice, std::move(attestation)));
  ++progress.notices;
  progress.handles += statement.items_size();
  return absl::OkStatus();
}

absl::Status DeletionResponder::Amend(const v1::DeletionNotice& notice, DeletionProgress& progress) {
  Attestation before;
  if (!notice.has_attestation() || !before.ParseFromString(notice.attestation().payload())) return absl::OkStatus();
  std::map<std::string, Outcome> said;
  bool kept = false;
  for (const Outcome& outcome : before.outcomes()) {
    kept = kept || outcome.result() == Attestation::RESULT_EXEMPTED;
    said[outcome.handle()] = outcome;
  }
  if (!kept) return absl::OkStatus();
  POSTERN_ASSIGN_OR_RETURN(const v1::DeletionNoticeStatement statement, OpenNotice(notice, partner_, notice_key_));
  Attestation attestation;
  attestation.set_amends(Sha256(notice.attestation().payload()));
  int changed = 0;
  for (const auto& item : statement.items()) {
    // Every handle, also what was deleted: nothing is signed on the gateway's word alone.
    POSTERN_ASSIGN_OR_RETURN(DeletionResult result, delete_handle_(item));
    const Outcome& was = said[item.handle()];
    if (was.result() == Attestation::RESULT_EXEMPTED) {
      // What was kept and is not there any more has been deleted.
      if (result.result == Attestation::RESULT_NOT_FOUND) result.result = Attestation::RESULT_DELETED;
    } else if (result.result == Attestation::RESULT_EXEMPTED) {
      return absl::FailedPreconditionError("something that was attested as deleted is kept");
    } else {
      result.result = was.result();
    }
    AddOutcome(item.handle(), result, attestation);
    const Outcome& now = attestation.outcomes(attestation.outcomes_size() - 1);
    if (now.SerializeAsString() != was.SerializeAsString()) ++changed;
  }
  if (changed == 0) return absl::OkStatus();
  POSTERN_RETURN_IF_ERROR(Send(notice, std::move(attestation)));
  ++progress.notices;
  progress.handles += changed;
  return absl::OkStatus();
}

absl::Status DeletionResponder::Send(const v1::DeletionNotice& notice, Attestation attestation) {
  attestation.set_notice(notice.name());
  attestation.set_notice_digest(Sha256(notice.envelope().payload()));
  attestation.set_partner(partner_);
  SetTime(absl::Now(), *attestation.mutable_attest_time());
  v1::AttestDeletionRequest request;
  request.set_name(notice.name());
  POSTERN_ASSIGN_OR_RETURN(*request.mutable_attestation(), signer_.Sign(attestation));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
  v1::AttestDeletionResponse response;
  return FromGrpc(stub_->AttestDeletion(&context, request, &response));
}

}  // namespace postern::client
