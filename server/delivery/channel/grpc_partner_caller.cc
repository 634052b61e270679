#include "server/delivery/channel/grpc_partner_caller.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/crypto/sha256.h"
#include "server/delivery/channel/channel_sockets.h"
#include "server/identity/certificate.h"

namespace postern::delivery {
namespace {

using grpc::experimental::ExternalCertificateVerifier;
using grpc::experimental::TlsCustomVerificationCheckRequest;
using Stub = grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>;

// When the certificate ends that the server showed last. gRPC looks at it in the handshake only, and a connection
// outlives it.
class ServerCertificateEnd {
 public:
  void Set(absl::Time end) { seconds_.store(absl::ToUnixSeconds(end), std::memory_order_relaxed); }
  bool Before(absl::Time now) const { return absl::ToUnixSeconds(now) >= seconds_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> seconds_{std::numeric_limits<int64_t>::max()};
};

// The chain has been checked against the endpoint's trust bundle when this is asked; it decides on the name. Exactly
// one name of the right kind, equal to the endpoint's: a certificate for many servers is not this server's identity.
class SanVerifier : public ExternalCertificateVerifier {
 public:
  SanVerifier(std::string san, std::shared_ptr<ServerCertificateEnd> end)
      : san_(std::move(san)), end_(std::move(end)) {}

  bool Verify(TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)>,
              grpc::Status* sync_status) override {
    const std::vector<grpc::string_ref> names =
        absl::StartsWith(san_, "spiffe://") ? request->uri_names() : request->dns_names();
    const auto certificate =
        identity::Certificate::Parse({request->peer_cert().data(), request->peer_cert().size()}, "");
    const bool match = certificate.ok() && names.size() == 1 && std::string(names[0].data(), names[0].size()) == san_;
    if (match) end_->Set((*certificate)->not_after());
    *sync_status = match ? grpc::Status::OK
                         : grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "the server is not the contract's endpoint");
    return true;
  }
  void Cancel(TlsCustomVerificationCheckRequest*) override {}

 private:
  const std::string san_;
  const std::shared_ptr<ServerCertificateEnd> end_;
};

std::shared_ptr<grpc::ChannelCredentials> Credentials(const ClientCertificate& certificate,
                                                      const v1::PartnerEndpoint& endpoint,
                                                      std::shared_ptr<ServerCertificateEnd> end) {
  auto provider = std::make_shared<grpc::experimental::StaticDataCertificateProvider>(
      endpoint.trust_bundle_pem(), std::vector<grpc::experimental::IdentityKeyCertPair>{
                                       {certificate.private_key_pem, certificate.certificate_chain_pem}});
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(provider);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(true);
  // The name is the verifier's business: gRPC's own check would compare with the address.
  options.set_check_call_host(false);
  options.set_certificate_verifier(
      ExternalCertificateVerifier::Create<SanVerifier>(endpoint.server_san(), std::move(end)));
  return grpc::experimental::TlsCredentials(options);
}

// "host:port" and nothing else: gRPC would take "unix:80" and the like for another way to connect. An address in
// brackets is no URI to it.
std::string Target(const std::string& address) {
  return absl::StartsWith(address, "[") ? address : absl::StrCat("dns:///", address);
}

// How long a wait for a connection may go on after the caller is to be destroyed.
constexpr absl::Duration kLookAgain = absl::Milliseconds(200);

std::chrono::system_clock::time_point Deadline(absl::Time time) {
  return absl::ToChronoTime(time);
}

// Codes that only a peer that has seen the request, or its proxy, answers with. Everything else may also be made by the
// transport after the request has left.
bool AnsweredByPeer(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::OUT_OF_RANGE:
    case grpc::StatusCode::UNIMPLEMENTED:
      return true;
    default:
      return false;
  }
}

class UnaryCall : public PartnerCaller::Call, public std::enable_shared_from_this<UnaryCall> {
 public:
  explicit UnaryCall(PartnerCaller::Done done) : done_(std::move(done)) {}

  void Start(Stub* stub, std::shared_ptr<grpc::Channel> channel, const std::string& method, const std::string& request,
             absl::Time deadline) {
    channel_ = std::move(channel);
    context_.set_deadline(Deadline(deadline));
    context_.set_wait_for_ready(false);
    const grpc::Slice slice(request);
    request_ = grpc::ByteBuffer(&slice, 1);
    stub->UnaryCall(&context_, method, grpc::StubOptions(), &request_, &reply_,
                    [self = shared_from_this()](const grpc::Status& status) { self->Finish(status); });
  }
  void Cancel() override { context_.TryCancel(); }

 private:
  void Finish(const grpc::Status& status) {
    CallResult result;
    if (status.ok()) {
      result.fate = CallResult::Fate::kAnswered;
      std::vector<grpc::Slice> slices;
      if (reply_.Dump(&slices).ok()) {
        for (const grpc::Slice& slice : slices) {
          result.reply.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
        }
      }
    } else {
      result.fate = AnsweredByPeer(status.error_code()) ? CallResult::Fate::kRefused : CallResult::Fate::kLost;
      result.status = absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
    }
    std::exchange(done_, nullptr)(std::move(result));
  }

  PartnerCaller::Done done_;
  std::shared_ptr<grpc::Channel> channel_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer reply_;
};

class GrpcLine : public PartnerCaller::Line {
 public:
  explicit GrpcLine(std::shared_ptr<grpc::Channel> channel) : channel_(std::move(channel)), stub_(channel_) {}

  std::shared_ptr<PartnerCaller::Call> Start(const std::string& method, const std::string& request, absl::Time deadline,
                                             PartnerCaller::Done done) override {
    auto call = std::make_shared<UnaryCall>(std::move(done));
    call->Start(&stub_, channel_, method, request, deadline);
    return call;
  }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  Stub stub_;
};

}  // namespace

// Waits on one completion queue for channels to be ready.
//
// The queue is polled only while a channel is being waited for: whoever polls any queue of this process does the
// reading for all of its connections, the listeners' too, and then has to wake the thread that was meant to.
class GrpcPartnerCaller::Impl {
 public:
  Impl(ClientCertificate certificate, GrpcPartnerCallerOptions options)
      : options_(options), certificate_(std::move(certificate)), watcher_([this] { WatchLoop(); }) {}
  ~Impl() {
    stopping_ = true;
    {
      absl::MutexLock lock(&mutex_);
      const auto nobody_waits = [this] {
        mutex_.AssertReaderHeld();
        return waiting_ == 0;
      };
      mutex_.Await(absl::Condition(&nobody_waits));
      closed_ = true;
    }
    queue_.Shutdown();
    watcher_.join();
  }

  void Connect(const std::string& partner, const v1::PartnerEndpoint& endpoint, absl::Time deadline,
               Connected connected) {
    std::shared_ptr<grpc::Channel> channel = ChannelTo(partner, endpoint);
    {
      absl::MutexLock lock(&mutex_);
      ++waiting_;
    }
    // A channel that failed before this call is given the time to connect again.
    const bool may_have_failed = channel->GetState(/*try_to_connect=*/true) == GRPC_CHANNEL_TRANSIENT_FAILURE;
    Advance(new Wait{std::move(channel), deadline, std::move(connected), may_have_failed});
  }
  void SetCertificate(ClientCertificate certificate) {
    absl::MutexLock lock(&mutex_);
    certificate_ = std::move(certificate);
    channels_.clear();
  }
  void Forget(const std::string& partner) {
    std::vector<std::shared_ptr<ChannelSockets>> open;
    {
      absl::MutexLock lock(&mutex_);
      DropWithPrefix(absl::StrCat(partner, "\n"));
      for (auto [it, end] = sockets_.equal_range(partner); it != end; ++it) {
        if (auto sockets = it->second.lock()) open.push_back(std::move(sockets));
      }
      sockets_.erase(partner);
    }
    for (const std::shared_ptr<ChannelSockets>& sockets : open) sockets->Close();
  }

 private:
  struct Wait {
    std::shared_ptr<grpc::Channel> channel;
    absl::Time deadline;
    Connected connected;
    bool may_have_failed;  // the state is that of an earlier attempt
  };

  struct OpenChannel {
    std::shared_ptr<grpc::Channel> channel;
    std::shared_ptr<ServerCertificateEnd> end;
  };

  // A channel closes its connection when nobody holds it any more: calls under way do until they end.
  void DropWithPrefix(absl::string_view prefix) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    absl::erase_if(channels_, [prefix](const auto& channel) { return absl::StartsWith(channel.first, prefix); });
  }

  void WatchSockets(const std::string& partner, grpc::ChannelArguments* arguments)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (auto it = sockets_.begin(); it != sockets_.end();) it = it->second.expired() ? sockets_.erase(it) : ++it;
    auto sockets = std::make_shared<ChannelSockets>();
    sockets_.emplace(partner, sockets);
    ChannelSockets::Watch(std::move(sockets), arguments);
  }

  // Answers if the channel is ready or the time is over, and waits for its next state otherwise. A call is started on a
  // ready channel only, so that "unreachable" means that nothing was sent.
  void Advance(Wait* wait) {
    const grpc_connectivity_state state = wait->channel->GetState(/*try_to_connect=*/true);
    const bool ready = state == GRPC_CHANNEL_READY;
    const bool failed =
        state == GRPC_CHANNEL_SHUTDOWN || (state == GRPC_CHANNEL_TRANSIENT_FAILURE && !wait->may_have_failed);
    const absl::Time now = absl::Now();
    if (!ready && !failed && !stopping_ && now < wait->deadline) {
      wait->may_have_failed = wait->may_have_failed && state == GRPC_CHANNEL_TRANSIENT_FAILURE;
      const absl::Time look_again = std::min(wait->deadline, now + kLookAgain);
      {
        absl::MutexLock lock(&mutex_);
        ++queued_;
      }
      wait->channel->NotifyOnStateChange(state, Deadline(look_again), &queue_, wait);
      return;
    }
    std::unique_ptr<Wait> done(wait);
    if (ready) {
      done->connected(std::make_shared<GrpcLine>(done->channel));
    } else {
      done->connected(MakeError(v1::ERROR_REASON_PARTNER_UNREACHABLE, "there is no verified connection"));
    }
    done.reset();
    absl::MutexLock lock(&mutex_);
    --waiting_;
  }

  void WatchLoop() {
    const auto has_work = [this] {
      mutex_.AssertReaderHeld();
      return queued_ > 0 || closed_;
    };
    void* tag = nullptr;
    bool in_time = false;
    for (;;) {
      {
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(&has_work));
      }
      if (!queue_.Next(&tag, &in_time)) return;
      {
        absl::MutexLock lock(&mutex_);
        --queued_;
      }
      Advance(static_cast<Wait*>(tag));
    }
  }

  std::shared_ptr<grpc::Channel> ChannelTo(const std::string& partner, const v1::PartnerEndpoint& endpoint) {
    const crypto::Sha256Digest digest = crypto::Sha256(endpoint.SerializeAsString());
    const std::string of_endpoint = absl::StrCat(partner, "\n", endpoint.id(), "\n");
    const std::string key = absl::StrCat(of_endpoint, crypto::AsBytes(digest));
    absl::MutexLock lock(&mutex_);
    if (const auto found = channels_.find(key); found != channels_.end()) {
      if (!found->second.end->Before(absl::Now())) return found->second.channel;
    }
    // What this replaces: a server whose certificate has ended, or an endpoint that looked otherwise before.
    DropWithPrefix(of_endpoint);
    OpenChannel& open = channels_[key];
    open.end = std::make_shared<ServerCertificateEnd>();
    grpc::ChannelArguments arguments;
    arguments.SetMaxSendMessageSize(static_cast<int>(options_.max_request_bytes));
    arguments.SetMaxReceiveMessageSize(static_cast<int>(options_.max_response_bytes));
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    WatchSockets(partner, &arguments);
    // What the server is asked for is its name, also where the address is a literal one.
    if (!absl::StartsWith(endpoint.server_san(), "spiffe://")) {
      arguments.SetString(GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, endpoint.server_san());
    }
    open.channel =
        grpc::CreateCustomChannel(Target(endpoint.address()), Credentials(certificate_, endpoint, open.end), arguments);
    const std::shared_ptr<grpc::Channel> made = open.channel;
    if (channels_.size() > options_.max_channels) {
      // Any other one: calls under way keep theirs, and the next call to that endpoint connects again.
      for (auto it = channels_.begin(); it != channels_.end(); ++it) {
        if (it->second.channel == made) continue;
        channels_.erase(it);
        break;
      }
    }
    return made;
  }

  const GrpcPartnerCallerOptions options_;
  grpc::CompletionQueue queue_;
  std::atomic<bool> stopping_{false};
  absl::Mutex mutex_;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;      // calls of Connect that are not answered
  int queued_ ABSL_GUARDED_BY(mutex_) = 0;       // of these, in the queue
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;  // the queue has been shut down, or is about to be
  ClientCertificate certificate_ ABSL_GUARDED_BY(mutex_);
  // By partner, endpoint id and digest of the endpoint, a line each.
  absl::flat_hash_map<std::string, OpenChannel> channels_ ABSL_GUARDED_BY(mutex_);
  // By partner, of every channel that lives, replaced ones with calls under way too.
  std::multimap<std::string, std::weak_ptr<ChannelSockets>> sockets_ ABSL_GUARDED_BY(mutex_);
  std::thread watcher_;  // last: it uses the queue
};

GrpcPartnerCaller::GrpcPartnerCaller(ClientCertificate certificate, GrpcPartnerCallerOptions options)
    : impl_(std::make_unique<Impl>(std::move(certificate), options)) {}

GrpcPartnerCaller::~GrpcPartnerCaller() = default;

void GrpcPartnerCaller::Connect(const std::string& partner, const v1::PartnerEndpoint& endpoint, absl::Time deadline,
                                Connected connected) {
  impl_->Connect(partner, endpoint, deadline, std::move(connected));
}

void GrpcPartnerCaller::SetCertificate(ClientCertificate certificate) {
  impl_->SetCertificate(std::move(certificate));
}

void GrpcPartnerCaller::Forget(const std::string& partner) {
  impl_->Forget(partner);
}

}  // namespace postern::delivery
