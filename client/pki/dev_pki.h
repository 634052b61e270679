// A complete set of development certificates in a folder: what `posternctl pki dev` writes. Never for production.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace postern::client {

struct DevPkiOptions {
  std::string
      directory;  // made with mode 0700; existing files are kept, so that a second run only adds what is missing
  std::vector<std::string>
      partners;  // ids; each gets its own CA, a client and a server certificate, and an attestation key
  std::vector<std::string> operators{"alice", "bob"};
  int valid_days = 365;
};

// Layout, all PEM, private keys 0600:
//   gateway/ca.crt ca.key        the gateway's CA: vouches for its listeners and for its calls to partners
//   gateway/server.crt server.key  localhost and 127.0.0.1
//   gateway/client.crt client.key  spiffe://postern.dev/gateway
//   gateway/enrolment-ca.crt enrolment-ca.key  signs keys that partners bring
//   shop/ca.crt ca.key, shop/client.crt client.key          spiffe://shop.dev/storefront
//   operators/ca.crt ca.key, operators/NAME.crt NAME.key     spiffe://shop.dev/operators/NAME
//   partners/ID/ca.crt ca.key, client.crt client.key (spiffe://ID.dev/client), server.crt server.key (localhost),
//   partners/ID/attestation.key attestation.pub             Ed25519, key id "attestation-1"
absl::Status WriteDevPki(const DevPkiOptions& options, absl::Time now);

}  // namespace postern::client
