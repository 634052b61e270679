#include "client/conformance/gateway_side.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "client/conformance/attestation_review.h"
#include "client/conformance/receive_stream.h"
#include "proto/errors/error.h"
#include "proto/errors/rpc_status.h"

namespace postern::client::conformance {
namespace {

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
          ToRpcStatus(status).SerializeAsString()};
}

grpc::Status Terminated(const std::string& partner) {
  return ToGrpc(MakeError(v1::ERROR_REASON_PARTNER_TERMINATED, "the partner is terminated", {{"partner", partner}}));
}

bool Attested(const v1::DeletionNotice& notice) {
  return notice.state() == v1::DeletionNotice::STATE_ATTESTED;
}

}  // namespace

absl::StatusOr<std::unique_ptr<GatewaySide>> GatewaySide::Start(GatewaySideOptions options) {
  std::unique_ptr<GatewaySide> side(new GatewaySide(std::move(options)));
  const GatewaySideOptions& kept = side->options_;
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = kept.partner_trust_bundle;
  tls.pem_key_cert_pairs.push_back({kept.private_key, kept.certificate_chain});
  grpc::ServerBuilder builder;
  builder.AddListeningPort(kept.address, grpc::SslServerCredentials(tls), &side->port_);
  builder.RegisterService(side.get());
  side->server_ = builder.BuildAndStart();
  if (side->server_ == nullptr || side->port_ == 0) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, "cannot listen there with that certificate",
                     {{"address", kept.address}});
  }
  return side;
}

GatewaySide::~GatewaySide() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
}

// --- delivery

grpc::ServerBidiReactor<v1::ReceiveRequest, v1::ReceiveResponse>* GatewaySide::Receive(
    grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<Stream>(context, [this](const std::string& fault) {
    absl::MutexLock lock(&mutex_);
    faults_.push_back(fault);
  });
  bool terminated = false;
  {
    absl::MutexLock lock(&mutex_);
    terminated = terminated_;
    ++streams_;
    newest_ = stream;
  }
  stream->Begin(stream);
  if (terminated) stream->End(Terminated(options_.partner));
  return stream.get();
}

bool GatewaySide::AwaitStream(absl::Duration patience) {
  const absl::Time until = absl::Now() + patience;
  do {
    std::shared_ptr<Stream> stream;
    {
      absl::MutexLock lock(&mutex_);
      stream = newest_;
    }
    if (stream != nullptr && stream->AwaitCredits(until - absl::Now())) return true;
    absl::SleepFor(absl::Milliseconds(20));
  } while (absl::Now() < until);
  return false;
}

int GatewaySide::streams() const {
  absl::MutexLock lock(&mutex_);
  return streams_;
}

uint64_t GatewaySide::Send(std::vector<v1::DeliveredRecord> records) {
  absl::ReleasableMutexLock lock(&mutex_);
  const std::shared_ptr<Stream> stream = newest_;
  lock.Release();
  return stream == nullptr ? 0 : stream->Send(std::move(records));
}

GatewaySide::Answers GatewaySide::AwaitAnswers(uint64_t first, uint64_t last, absl::Duration patience) {
  absl::ReleasableMutexLock lock(&mutex_);
  const std::shared_ptr<Stream> stream = newest_;
  lock.Release();
  return stream == nullptr ? Answers() : stream->AwaitAnswers(first, last, patience);
}

void GatewaySide::Break() {
  absl::ReleasableMutexLock lock(&mutex_);
  const std::shared_ptr<Stream> stream = std::exchange(newest_, nullptr);
  lock.Release();
  if (stream == nullptr) return;
  stream->AwaitSent(absl::Seconds(1));
  stream->Cancel();
}

void GatewaySide::Terminate() {
  absl::ReleasableMutexLock lock(&mutex_);
  terminated_ = true;
  const std::shared_ptr<Stream> stream = std::exchange(newest_, nullptr);
  lock.Release();
  if (stream != nullptr) stream->End(Terminated(options_.partner));
}

std::vector<std::string> GatewaySide::StreamFaults() const {
  absl::MutexLock lock(&mutex_);
  return faults_;
}

// --- notices

void GatewaySide::AddNotice(const v1::DeletionNotice& notice) {
  absl::MutexLock lock(&mutex_);
  notices_.push_back(notice);
}

void GatewaySide::SetEnumerating(bool enumerating) {
  absl::MutexLock lock(&mutex_);
  enumerating_ = enumerating;
}

void GatewaySide::LoseNextReply() {
  absl::MutexLock lock(&mutex_);
  lose_reply_ = true;
}

bool GatewaySide::AwaitAttested(const std::string& notice, int times, absl::Duration patience) {
  const auto attested = [&] {
    mutex_.AssertReaderHeld();
    return std::any_of(notices_.begin(), notices_.end(), [&](const v1::DeletionNotice& one) {
      return one.name() == notice && Attested(one) && one.amended_attestations_size() + 1 >= times;
    });
  };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&attested), patience);
}

v1::DeletionNotice* GatewaySide::Find(const std::string& name) {
  for (v1::DeletionNotice& notice : notices_) {
    if (notice.name() == name) return &notice;
  }
  return nullptr;
}

v1::DeletionNotice GatewaySide::Notice(const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  for (const v1::DeletionNotice& notice : notices_) {
    if (notice.name() == name) return notice;
  }
  return {};
}

std::vector<GatewaySide::Refusal> GatewaySide::Refusals() const {
  absl::MutexLock lock(&mutex_);
  return refusals_;
}

int GatewaySide::replies_lost() const {
  absl::MutexLock lock(&mutex_);
  return replies_lost_;
}

grpc::Status GatewaySide::ListDeletionNotices(grpc::ServerContext*, const v1::ListDeletionNoticesRequest* request,
                                              v1::ListDeletionNoticesResponse* response) {
  absl::MutexLock lock(&mutex_);
  for (const v1::DeletionNotice& notice : notices_) {
    if (!request->open_only() || !Attested(notice)) *response->add_notices() = notice;
  }
  response->set_enumerating(enumerating_);
  return grpc::Status::OK;
}

grpc::Status GatewaySide::AcknowledgeDeletionNotice(grpc::ServerContext*,
                                                    const v1::AcknowledgeDeletionNoticeRequest* request,
                                                    v1::AcknowledgeDeletionNoticeResponse*) {
  absl::MutexLock lock(&mutex_);
  v1::DeletionNotice* notice = Find(request->name());
  if (notice == nullptr) return {grpc::StatusCode::NOT_FOUND, "there is no such notice"};
  if (notice->state() == v1::DeletionNotice::STATE_ISSUED) {
    notice->set_state(v1::DeletionNotice::STATE_ACKNOWLEDGED);
    notice->mutable_acknowledge_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
  }
  return grpc::Status::OK;
}

grpc::Status GatewaySide::AttestDeletion(grpc::ServerContext*, const v1::AttestDeletionRequest* request,
                                         v1::AttestDeletionResponse* response) {
  absl::MutexLock lock(&mutex_);
  v1::DeletionNotice* notice = Find(request->name());
  if (notice == nullptr) return {grpc::StatusCode::NOT_FOUND, "there is no such notice"};
  const auto said = Review(request->attestation(), *notice, options_.partner, options_.attestation_keys);
  if (!said.ok()) {
    std::string reason = v1::ErrorReason_Name(ReasonOf(said.status()));
    refusals_.push_back({request->name(), std::string(absl::StripPrefix(reason, "ERROR_REASON_"))});
    return ToGrpc(said.status());
  }
  if (std::exchange(lose_reply_, false)) {
    ++replies_lost_;
    return {grpc::StatusCode::UNAVAILABLE, "nothing was written; ask again"};
  }
  if (Attested(*notice)) *notice->add_amended_attestations() = notice->attestation();
  notice->set_state(v1::DeletionNotice::STATE_ATTESTED);
  *notice->mutable_attestation() = request->attestation();
  notice->mutable_attest_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
  response->set_state(notice->state());
  return grpc::Status::OK;
}

}  // namespace postern::client::conformance
