#include "tests/bench/delivery/site.h"

#include <errno.h>

#include <atomic>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/transport/channel.h"

namespace postern::bench {
namespace {

constexpr int kFillStreams = 4;
constexpr int kFillBatch = 64;
constexpr absl::Duration kPatience = absl::Seconds(60);

client::Endpoint EndpointOf(const SiteAddresses& addresses, const std::string& address, const std::string& who) {
  client::Endpoint endpoint;
  endpoint.address = address;
  endpoint.tls = {absl::StrCat(addresses.pki, "/", who, ".crt"), absl::StrCat(addresses.pki, "/", who, ".key"),
                  addresses.pki + "/gateway/ca.crt"};
  return endpoint;
}

template <typename Stub>
auto NewStub(const client::Endpoint& endpoint, Stub make) {
  const auto channel = client::Connect(endpoint);
  Require(channel.ok(), std::string(channel.status().message()));
  return make(*channel);
}

}  // namespace

void Require(bool ok, const std::string& what) {
  if (ok) return;
  std::cerr << program_invocation_short_name << ": " << what << std::endl;
  std::_Exit(2);
}

void RequireOk(const grpc::Status& status, const std::string& what) {
  Require(status.ok(), absl::StrCat(what, ": ", status.error_message()));
}

std::string PartnerName(int number) {
  return absl::StrCat("partners/carrier-", number);
}

client::Endpoint PartnerEndpoint(const SiteAddresses& addresses, int number, const std::string& address) {
  return EndpointOf(addresses, address, PartnerName(number) + "/client");
}

Site::Site(const SiteAddresses& addresses, int64_t people)
    : addresses_(addresses),
      shop_(ShopEndpoint(), kFillStreams),
      operator_(NewStub(OperatorEndpoint(),
                        [](const auto& channel) { return postern::v1::OperatorService::NewStub(channel); })),
      records_(people) {}

std::unique_ptr<postern::v1::PartnerService::StubInterface> Site::Partner(int number) const {
  return NewStub(PartnerEndpoint(addresses_, number, addresses_.partners),
                 [](const auto& channel) { return postern::v1::PartnerService::NewStub(channel); });
}

client::Endpoint Site::ShopEndpoint() const {
  return EndpointOf(addresses_, addresses_.shop, "shop/client");
}

client::Endpoint Site::OperatorEndpoint() const {
  return EndpointOf(addresses_, addresses_.operators, "operators/alice");
}

Site::Filled Site::Fill(const std::vector<int>& partners, int64_t records) {
  std::vector<std::string> names;
  for (const int partner : partners) names.push_back(PartnerName(partner));
  const int64_t messages = (records + kFillBatch - 1) / kFillBatch;
  std::atomic<int64_t> left{messages};
  const LoadResult result = DiscloseStreams(
      shop_, records_, {kFillStreams, kFillBatch, [&] { return names; }, [&] { return left.fetch_sub(1) > 0; }});
  Require(result.errors == 0 && result.records == messages * kFillBatch,
          absl::StrCat(result.errors, " of ", records, " records were refused"));
  Filled filled;
  filled.entries = result.records * static_cast<int64_t>(partners.size());
  filled.entries_per_second = static_cast<double>(filled.entries) / absl::ToDoubleSeconds(result.elapsed);
  return filled;
}

postern::v1::Partner Site::Now(int partner) {
  postern::v1::GetPartnerRequest request;
  request.set_name(PartnerName(partner));
  postern::v1::Partner now;
  grpc::ClientContext context;
  RequireOk(operator_->GetPartner(&context, request, &now), request.name());
  return now;
}

postern::v1::RevocationEffect Site::Effect(int partner) {
  const postern::v1::Partner now = Now(partner);
  postern::v1::TerminatePartnerRequest request;
  request.set_name(now.name());
  request.set_etag(now.etag());
  request.set_reason("bench");
  request.set_validate_only(true);
  postern::v1::TerminatePartnerResponse response;
  grpc::ClientContext context;
  RequireOk(operator_->TerminatePartner(&context, request, &response), "dry run");
  return response.effect();
}

void Site::AwaitEffect(int partner, int streams, int64_t delivered, int64_t held) {
  const absl::Time deadline = absl::Now() + kPatience;
  for (;;) {
    const postern::v1::RevocationEffect effect = Effect(partner);
    if (effect.live_streams() >= streams && effect.delivered_count() >= delivered &&
        effect.possibly_held_count() >= held) {
      return;
    }
    Require(absl::Now() < deadline, absl::StrCat(PartnerName(partner), " stays at ", effect.ShortDebugString()));
    absl::SleepFor(absl::Milliseconds(10));
  }
}

Site::Termination Site::Terminate(int partner) {
  const postern::v1::Partner now = Now(partner);
  postern::v1::TerminatePartnerRequest request;
  request.set_name(now.name());
  request.set_etag(now.etag());
  request.set_confirm(now.name());
  request.set_reason("bench");
  Termination termination;
  grpc::ClientContext context;
  const absl::Time start = absl::Now();
  const grpc::Status status = operator_->TerminatePartner(&context, request, &termination.response);
  termination.milliseconds = absl::ToDoubleMilliseconds(absl::Now() - start);
  RequireOk(status, "termination");
  return termination;
}

postern::v1::DeletionCampaign Site::Campaign(const std::string& name) {
  postern::v1::GetDeletionCampaignRequest request;
  request.set_name(name);
  postern::v1::DeletionCampaign campaign;
  grpc::ClientContext context;
  RequireOk(operator_->GetDeletionCampaign(&context, request, &campaign), name);
  return campaign;
}

postern::v1::DeletionCampaign Site::AwaitEnumeration(const std::string& name, absl::Duration interval) {
  const absl::Time deadline = absl::Now() + kPatience;
  for (;;) {
    postern::v1::DeletionCampaign campaign = Campaign(name);
    if (campaign.enumeration_done()) return campaign;
    Require(absl::Now() < deadline, absl::StrCat(name, " stays at ", campaign.handle_count(), " handles"));
    absl::SleepFor(interval);
  }
}

}  // namespace postern::bench
