// The gateway under a benchmark, as its shop, its partners and its operator see it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proto/postern/v1/operator_service.grpc.pb.h"
#include "proto/postern/v1/partner_service.grpc.pb.h"
#include "tests/bench/gateway/disclosures.h"
#include "tests/bench/gateway/records.h"

namespace postern::bench {

inline constexpr int kTargets = 8;  // of one record

// Where the gateway listens, and the folder of development certificates (`posternctl pki dev`).
struct SiteAddresses {
  std::string shop, partners, operators;
  std::string pki;
};

// The name of one of the partners carrier-1, carrier-2, ... that the benchmark's script has put in force.
std::string PartnerName(int number);

// TLS files of such a partner, to be used with any gateway of the same `pki` folder.
client::Endpoint PartnerEndpoint(const SiteAddresses& addresses, int number, const std::string& address);

// Thread-safe. Every call that fails ends the program with its error: a benchmark has nothing to say then.
class Site {
 public:
  // Its records are of `people` customers, as Records counts them.
  explicit Site(const SiteAddresses& addresses, int64_t people = 0);

  const SiteAddresses& addresses() const { return addresses_; }
  PosternStubs& shop() { return shop_; }
  Records& records() { return records_; }
  // Over a connection of its own.
  std::unique_ptr<postern::v1::PartnerService::StubInterface> Partner(int number) const;

  // As the shop; the address may be changed.
  client::Endpoint ShopEndpoint() const;
  client::Endpoint OperatorEndpoint() const;

  // Discloses at least `records` records to every one of `partners`, at most kTargets, 64 a message.
  struct Filled {
    int64_t entries = 0;  // of all partners together
    double entries_per_second = 0;
  };
  Filled Fill(const std::vector<int>& partners, int64_t records);
  // What a termination would do now.
  postern::v1::RevocationEffect Effect(int partner);
  // Waits until `streams` streams are live and `delivered` records acknowledged, with `held` more handed over.
  void AwaitEffect(int partner, int streams, int64_t delivered, int64_t held);

  // Terminates, and says how long that took the caller.
  struct Termination {
    double milliseconds = 0;
    postern::v1::TerminatePartnerResponse response;
  };
  Termination Terminate(int partner);
  postern::v1::DeletionCampaign Campaign(const std::string& name);
  // Waits until every handle is in a notice. Looks every `interval`.
  postern::v1::DeletionCampaign AwaitEnumeration(const std::string& name, absl::Duration interval);

 private:
  postern::v1::Partner Now(int partner);

  const SiteAddresses addresses_;
  PosternStubs shop_;
  std::unique_ptr<postern::v1::OperatorService::StubInterface> operator_;
  Records records_;
};

// Ends the program with what could not be done, unless `ok`.
void Require(bool ok, const std::string& what);
void RequireOk(const grpc::Status& status, const std::string& what);

}  // namespace postern::bench
