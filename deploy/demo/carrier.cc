// A carrier on the partner SDK: stores what it receives under its handle, acknowledges, and, when the partnership ends,
// deletes and attests.
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/partner/attestation_signer.h"
#include "client/partner/deletion_responder.h"
#include "client/partner/receive_loop.h"
#include "client/transport/channel.h"
#include "client/transport/status.h"
#include "deploy/demo/transcript.h"
#include "proto/errors/error.h"

namespace {

namespace fs = std::filesystem;
using namespace postern;  // NOLINT(google-build-using-namespace)

volatile std::sig_atomic_t stop_requested = 0;

struct Options {
  client::Endpoint gateway;
  std::string partner;
  std::string folder;
  std::string attestation_key;
  std::string notice_key;
  int streams = 2;
  int window = 64;
  int delay_ms = 0;
};

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

// The carrier's own copies: one file a record, found by handle.
class Cache {
 public:
  explicit Cache(const std::string& folder) : folder_(absl::StrCat(folder, "/cache")), transcript_(folder) {
    fs::create_directories(folder_);
  }

  void Store(const v1::DeliveredRecord& record) {
    absl::MutexLock lock(&mutex_);
    transcript_.Add(record.disclosure(), record.record().type(), record.record().data(), absl::Now());
    const std::string id = record.disclosure().substr(record.disclosure().rfind('/') + 1);
    std::ofstream(absl::StrCat(folder_, "/", absl::BytesToHexString(record.handle()), "-", id), std::ios::binary)
        << record.record().data();
  }

  // Deletes every copy under the handle.
  client::DeletionResult Delete(const std::string& handle) {
    absl::MutexLock lock(&mutex_);
    const std::string prefix = absl::BytesToHexString(handle);
    bool found = false;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path().filename().string().compare(0, prefix.size(), prefix) != 0) continue;
      fs::remove(entry.path());
      found = true;
    }
    client::DeletionResult result;
    result.result =
        found ? v1::DeletionAttestationStatement::RESULT_DELETED : v1::DeletionAttestationStatement::RESULT_NOT_FOUND;
    return result;
  }

 private:
  const std::string folder_;
  absl::Mutex mutex_;
  demo::Transcript transcript_ ABSL_GUARDED_BY(mutex_);
};

// Before the honest answer, an attestation that leaves out a handle: the gateway must refuse it. False if it has not
// answered, because there is no notice yet or the connection broke.
bool TryGappedAttestation(const std::shared_ptr<grpc::Channel>& channel, const client::AttestationSigner& signer,
                          const std::string& partner) {
  const auto stub = v1::PartnerService::NewStub(channel);
  grpc::ClientContext list_context;
  v1::ListDeletionNoticesRequest list;
  list.set_open_only(true);
  v1::ListDeletionNoticesResponse notices;
  if (!stub->ListDeletionNotices(&list_context, list, &notices).ok() || notices.notices().empty()) return false;
  const v1::DeletionNotice& notice = notices.notices(0);
  v1::DeletionNoticeStatement statement;
  statement.ParseFromString(notice.envelope().payload());
  v1::DeletionAttestationStatement gapped;
  gapped.set_notice(notice.name());
  gapped.set_notice_digest(notice.digest());
  gapped.set_partner(partner);
  gapped.mutable_attest_time()->set_seconds(absl::ToUnixSeconds(absl::Now()) + 1);  // not before the notice
  for (int i = 1; i < statement.items_size(); ++i) {
    auto& outcome = *gapped.add_outcomes();
    outcome.set_handle(statement.items(i).handle());
    outcome.set_result(v1::DeletionAttestationStatement::RESULT_DELETED);
  }
  const auto envelope = signer.Sign(gapped);
  if (!envelope.ok()) return false;
  v1::AttestDeletionRequest request;
  request.set_name(notice.name());
  *request.mutable_attestation() = *envelope;
  v1::AttestDeletionResponse response;
  grpc::ClientContext context;
  const absl::Status status = client::FromGrpc(stub->AttestDeletion(&context, request, &response));
  if (absl::IsUnavailable(status)) return false;
  std::cerr << "attestation with a gap: " << v1::ErrorReason_Name(ReasonOf(status)) << "\n";
  return true;
}

int AnswerNotices(const Options& options, const std::shared_ptr<grpc::Channel>& channel, Cache& cache) {
  auto signer = client::AttestationSigner::Create("attestation-1", ReadFile(options.attestation_key));
  auto notice_key = client::verify::PublicKey::FromPem(ReadFile(options.notice_key));
  if (!signer.ok() || !notice_key.ok()) {
    std::cerr << "cannot read the keys\n";
    return 2;
  }
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  const std::string partner = absl::StrCat("partners/", options.partner);
  client::DeletionResponder responder(
      channel, partner, *notice_key, *signer,
      [&](const v1::DeletionNoticeStatement::Item& item) -> absl::StatusOr<client::DeletionResult> {
        return cache.Delete(item.handle());
      });
  bool gap_tried = false;
  int notices = 0;
  int handles = 0;
  while (absl::Now() < deadline) {
    gap_tried = gap_tried || TryGappedAttestation(channel, *signer, partner);
    const absl::StatusOr<client::DeletionProgress> progress =
        gap_tried ? responder.AnswerOpenNotices() : absl::UnavailableError("no notice yet");
    if (progress.ok()) {
      notices += progress->notices;
      handles += progress->handles;
      if (progress->open.empty() && !progress->enumerating) {
        std::cerr << "attested " << notices << " notices, " << handles << " handles\n";
        return 0;
      }
    }
    absl::SleepFor(absl::Milliseconds(100));
  }
  std::cerr << "notices stay open\n";
  return 1;
}

int Run(const Options& options) {
  const auto channel = client::Connect(options.gateway);
  if (!channel.ok()) {
    std::cerr << channel.status().message() << "\n";
    return 2;
  }
  Cache cache(options.folder);
  std::atomic<bool> terminated{false};
  std::vector<std::unique_ptr<client::ReceiveLoop>> loops;
  client::ReceiveOptions receive;
  receive.window_records = options.window;
  for (int i = 0; i < options.streams; ++i) {
    loops.push_back(std::make_unique<client::ReceiveLoop>(
        *channel, receive,
        [&](const v1::DeliveredRecord& record) {
          cache.Store(record);
          if (options.delay_ms > 0) absl::SleepFor(absl::Milliseconds(options.delay_ms));
          return client::Handled::kStored;
        },
        [&](const absl::Status& status) {
          if (ReasonOf(status) == v1::ERROR_REASON_PARTNER_TERMINATED) terminated = true;
          return !terminated;
        }));
  }
  while (stop_requested == 0 && !terminated) absl::SleepFor(absl::Milliseconds(50));
  loops.clear();
  return terminated ? AnswerNotices(options, *channel, cache) : 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("A carrier that receives, deletes and attests", "demo-carrier");
  app.add_option("--address", options.gateway.address)->required();
  app.add_option("--cert", options.gateway.tls.certificate)->required();
  app.add_option("--key", options.gateway.tls.private_key)->required();
  app.add_option("--ca", options.gateway.tls.trust_bundle)->required();
  app.add_option("--partner", options.partner)->required();
  app.add_option("--folder", options.folder)->required();
  app.add_option("--attestation-key", options.attestation_key)->required();
  app.add_option("--notice-key", options.notice_key)->required();
  app.add_option("--streams", options.streams);
  app.add_option("--window", options.window);
  app.add_option("--delay-ms", options.delay_ms, "Time to handle one record");
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGTERM, [](int) { stop_requested = 1; });
  std::signal(SIGINT, [](int) { stop_requested = 1; });
  return Run(options);
}
