// TLS of the listeners: always mutual, never plaintext.
#pragma once

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/identity/key_pair.h"
#include "server/identity/principal_resolver.h"

namespace postern::rpc {

// Makes TLS 1.3 the only version that this process speaks, to clients and to partners' servers. For main, before the
// first TLS context is made; INTERNAL if OpenSSL does not take it.
//
// gRPC's own minimum is TLS 1.2 and cannot be raised through its public interface; what OpenSSL's configuration
// switches off for every context of the process stays off, because gRPC sets the minimum and not the options.
absl::Status RequireTls13();

// What a listener shows to its clients. Replaced while running, whole: handshakes from about a second later show the
// new pair.
//
// gRPC's provider reads files and has no other way in, so the pair is given to it as a file that exists in memory only;
// replacing the descriptor under that name replaces key and chain at once, and no second copy of the key is on a disk.
// Thread-safe.
class ServerIdentity {
 public:
  // INTERNAL if the kernel has no memory files for us.
  static absl::StatusOr<std::unique_ptr<ServerIdentity>> Create(const identity::KeyPair& pair);
  ~ServerIdentity();

  // `pair` comes from LoadKeyPair, so it is a good one. On error the old one stays.
  absl::Status Replace(const identity::KeyPair& pair);
  // End of the pair that is shown.
  absl::Time not_after() const;

  std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider() const { return provider_; }

 private:
  ServerIdentity(int fd, absl::Time not_after);

  const int fd_;  // "/proc/self/fd/{fd_}" is the file; constant, what it refers to changes
  mutable absl::Mutex mutex_;
  int generation_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::Time not_after_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider_;  // constant after Create
};

// Credentials that demand a client certificate and have `resolver` judge its chain in the handshake. gRPC's own check
// is not used: it wants one root store, and partners bring CAs of their own, which may share a name and must not vouch
// for each other.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(identity::Listener listener,
                                                               const ServerIdentity& server_identity,
                                                               identity::PrincipalResolver* resolver,
                                                               std::function<absl::Time()> clock);

}  // namespace postern::rpc
