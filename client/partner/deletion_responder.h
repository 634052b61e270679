// A partner's side of deletion: fetches notices, checks that the gateway signed them, deletes, and attests with an
// outcome for every handle.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <grpcpp/channel.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/partner/attestation_signer.h"
#include "client/verify/public_key.h"
#include "proto/postern/v1/partner_service.grpc.pb.h"

namespace postern::client {

// What the partner did with one handle.
struct DeletionResult {
  v1::DeletionAttestationStatement::Result result = v1::DeletionAttestationStatement::RESULT_UNSPECIFIED;
  std::string ground;  // for EXEMPTED
  absl::Time until;    // for EXEMPTED
};

struct DeletionProgress {
  int notices = 0;  // attested, or amended, by this run
  int handles = 0;
  bool enumerating = false;  // more notices are still being written
  // Why notices were left open, one each, by the notice's name: not signed for this partner, the handler failed, the
  // gateway refused, or it could not be reached.
  std::map<std::string, absl::Status> open;
};

// Not thread-safe.
class DeletionResponder {
 public:
  // Deletes everything that is stored under the item's handle. An error leaves the notice open; it is tried again with
  // the next run.
  using DeleteFn = std::function<absl::StatusOr<DeletionResult>(const v1::DeletionNoticeStatement::Item& item)>;

  // `notice_key`: the gateway's public notice key, got on a trusted way.
  DeletionResponder(std::shared_ptr<grpc::Channel> channel, std::string partner, verify::PublicKey notice_key,
                    AttestationSigner signer, DeleteFn delete_handle);

  // Answers every open notice once: acknowledge, delete, attest. What failed for one notice is in
  // DeletionProgress::open and keeps none of the others; an error is that of listing them.
  absl::StatusOr<DeletionProgress> AnswerOpenNotices();
  // Asks the handler again for everything in notices that this partner answered with something EXEMPTED, and amends the
  // answers that are other now: what was kept has been deleted, or is kept on another ground or until another time. To
  // be called when grounds end, say once a day. Notices that a later one asks for again are left to AnswerOpenNotices.
  // Results as there.
  absl::StatusOr<DeletionProgress> AmendExemptions();

 private:
  using Respond = absl::Status (DeletionResponder::*)(const v1::DeletionNotice& notice, DeletionProgress& progress);
  absl::StatusOr<DeletionProgress> ForEach(bool open_only, Respond respond);
  absl::Status Amend(const v1::DeletionNotice& notice, DeletionProgress& progress);
  absl::Status Send(const v1::DeletionNotice& notice, v1::DeletionAttestationStatement attestation);
  absl::Status Answer(const v1::DeletionNotice& notice, DeletionProgress& progress);

  const std::unique_ptr<v1::PartnerService::StubInterface> stub_;
  const std::string partner_;
  const verify::PublicKey notice_key_;
  const AttestationSigner signer_;
  const DeleteFn delete_handle_;
};

}  // namespace postern::client
