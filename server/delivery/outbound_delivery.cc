#include "server/delivery/outbound_delivery.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "policy/language/channel.h"
#include "proto/errors/error.h"
#include "server/registry/queue_channel.h"

namespace postern::delivery {
namespace {

const std::string& EndpointOf(const v1::Delivery& terms) {
  return terms.has_push() ? terms.push().endpoint() : terms.webhook().endpoint();
}

// Whether a channel still goes where it should. One that is proven is not, once an operator has taken that back.
bool StillRight(const OutboundChannel& channel, const registry::PartnerView& partner, const v1::Delivery& terms,
                const v1::PartnerEndpoint& endpoint) {
  const OutboundTarget& target = channel.target();
  if (channel.health().proven &&
      registry::EndpointState(partner.resource, endpoint) != v1::EndpointStanding::STATE_PROVEN) {
    return false;
  }
  return target.partner->id == partner.id && policy::SameChannel(target.terms, terms) &&
         target.endpoint.SerializeAsString() == endpoint.SerializeAsString() &&
         target.secret_generation == SecretGeneration(partner.resource, endpoint.id()) &&
         target.encryption_key.public_key_pem() == EncryptionKeyOf(partner.resource, terms).public_key_pem();
}

}  // namespace

OutboundDelivery::OutboundDelivery(Parts parts, OutboundOptions options)
    : parts_(parts), options_(std::move(options)) {}

OutboundDelivery::~OutboundDelivery() {
  Stop();
}

void OutboundDelivery::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void OutboundDelivery::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
  std::vector<ChannelPtr> channels = All();
  for (const ChannelPtr& channel : channels) channel->Finish();
  {
    absl::MutexLock lock(&mutex_);
    channels.insert(channels.end(), retired_.begin(), retired_.end());
  }
  const absl::Time until = absl::Now() + options_.patience;
  for (const ChannelPtr& channel : channels) channel->AwaitIdle(until - absl::Now());
  for (const ChannelPtr& channel : channels) {
    channel->Close();
    parts_.hub->calls()->CancelAll(channel->target().partner->id);
    channel->AwaitIdle(options_.patience);
  }
  absl::MutexLock lock(&mutex_);
  channels_.clear();
  retired_.clear();
}

void OutboundDelivery::StopPartner(absl::string_view partner) {
  const std::string name(partner);
  std::vector<ChannelPtr> channels;
  {
    absl::MutexLock lock(&mutex_);
    if (const auto it = channels_.find(name); it != channels_.end()) channels.push_back(it->second);
    for (const ChannelPtr& channel : retired_) {
      if (channel->target().partner->resource.name() == name) channels.push_back(channel);
    }
  }
  for (const ChannelPtr& channel : channels) channel->Finish();
  for (const ChannelPtr& channel : channels) channel->AwaitIdle(options_.patience);
  for (OutboundTransport* transport : {parts_.push, parts_.webhook}) {
    if (transport != nullptr) transport->Forget(name);
  }
}

OutboundDelivery::Stats OutboundDelivery::stats() const {
  Stats stats;
  for (const ChannelPtr& channel : All()) {
    ++stats.channels;
    const OutboundChannel::Health health = channel->health();
    if (!health.proven) ++stats.unproven;
    if (health.failures > 0) ++stats.failing;
  }
  return stats;
}

void OutboundDelivery::Loop() {
  const auto wanted = [this] {
    mutex_.AssertReaderHeld();
    return notified_ || stopping_;
  };
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&wanted), options_.tick);
      if (stopping_) return;
      notified_ = false;
    }
    for (const ChannelPtr& channel : All()) {
      if (SeeTo(*channel)) {
        Retire(channel);
        seen_ = nullptr;
      } else {
        channel->Tick();
      }
    }
    if (parts_.snapshots->Get() != seen_) Reconcile();
  }
}

void OutboundDelivery::Retire(const ChannelPtr& channel) {
  channel->Close();
  std::vector<ChannelPtr> retired;
  {
    absl::MutexLock lock(&mutex_);
    channels_.erase(channel->target().partner->resource.name());
    retired_.push_back(channel);
    retired = retired_;
  }
  // Not under the lock: a channel tells its owner something under its own.
  const auto busy = std::partition(retired.begin(), retired.end(),
                                   [](const ChannelPtr& old) { return old->AwaitIdle(absl::ZeroDuration()); });
  absl::MutexLock lock(&mutex_);
  for (auto idle = retired.begin(); idle != busy; ++idle) {
    retired_.erase(std::find(retired_.begin(), retired_.end(), *idle));
  }
}

bool OutboundDelivery::SeeTo(OutboundChannel& channel) {
  const OutboundTarget& target = channel.target();
  const std::string& partner = target.partner->resource.name();
  switch (channel.standing()) {
    case OutboundChannel::Standing::kOpen:
      return false;
    case OutboundChannel::Standing::kAnswered: {
      // Durable first: what was sent to an endpoint was sent to one that is on record as proven.
      const absl::Status recorded = parts_.endpoints->SetProven(partner, target.endpoint);
      if (recorded.ok()) channel.SetProven();
      return false;  // otherwise again at the next tick, unless a new snapshot replaces the channel
    }
    case OutboundChannel::Standing::kGone:
      return parts_.endpoints->SetDisabled(partner, target.endpoint).ok() || EndpointChanged(target);
    case OutboundChannel::Standing::kClosed:
      return true;
  }
  return true;
}

bool OutboundDelivery::EndpointChanged(const OutboundTarget& target) const {
  const std::shared_ptr<const registry::Snapshot> snapshot = parts_.snapshots->Get();
  const registry::PartnerView* partner = snapshot->FindPartner(target.partner->resource.name());
  if (partner == nullptr) return true;
  const v1::PartnerEndpoint* endpoint = registry::FindEndpoint(partner->resource, target.endpoint.id());
  return endpoint == nullptr || endpoint->SerializeAsString() != target.endpoint.SerializeAsString();
}

void OutboundDelivery::Reconcile() {
  const std::shared_ptr<const registry::Snapshot> snapshot = parts_.snapshots->Get();
  bool again = false;
  for (const auto& [name, partner] : snapshot->partners) {
    const v1::Delivery* terms =
        partner->resource.state() == v1::PARTNER_STATE_ACTIVE ? registry::OutboundTerms(*partner) : nullptr;
    const v1::PartnerEndpoint* endpoint =
        terms == nullptr ? nullptr : registry::FindEndpoint(partner->resource, EndpointOf(*terms));
    if (endpoint != nullptr &&
        registry::EndpointState(partner->resource, *endpoint) == v1::EndpointStanding::STATE_DISABLED) {
      endpoint = nullptr;
    }
    const ChannelPtr had = Find(name);
    if (had != nullptr) {
      if (endpoint != nullptr && StillRight(*had, *partner, *terms, *endpoint)) continue;
      Retire(had);
    }
    if (endpoint == nullptr) continue;
    if (TransportOf(*terms) == nullptr) continue;
    OutboundTarget target{partner, *terms, *endpoint, SecretGeneration(partner->resource, endpoint->id()),
                          EncryptionKeyOf(partner->resource, *terms)};
    again = !Open(*snapshot, std::move(target)) || again;
  }
  // A partner whose fence is closed right now, or whose queue cannot be read, is looked at again.
  seen_ = again ? nullptr : snapshot;
}

bool OutboundDelivery::Open(const registry::Snapshot& snapshot, OutboundTarget target) {
  const registry::PartnerView& partner = *target.partner;
  const std::string name = partner.resource.name();
  // The generation first: if the fence closes after this, the channel's first pass is refused. A fence opens on a
  // snapshot that is in place, so while this one is, its terms are those of the generation.
  const uint64_t generation = partner.fence->generation();
  if (!partner.fence->open() || parts_.snapshots->Get().get() != &snapshot) return false;
  const bool proven = registry::EndpointState(partner.resource, target.endpoint) == v1::EndpointStanding::STATE_PROVEN;
  OutboundChannel::Parts parts;
  parts.hub = parts_.hub;
  parts.transport = TransportOf(target.terms);
  parts.notify = [this] {
    absl::MutexLock lock(&mutex_);
    notified_ = true;
  };
  parts.clock = options_.clock;
  const auto channel = std::make_shared<OutboundChannel>(std::move(parts), std::move(target), generation, proven);
  {
    // Before it opens: a revocation finds every channel that may have a call.
    absl::MutexLock lock(&mutex_);
    if (stopping_) return true;
    channels_[name] = channel;
  }
  if (channel->Open().ok()) return true;
  absl::MutexLock lock(&mutex_);
  channels_.erase(name);
  return false;
}

OutboundTransport* OutboundDelivery::TransportOf(const v1::Delivery& terms) const {
  return terms.has_push() ? parts_.push : parts_.webhook;
}

OutboundDelivery::ChannelPtr OutboundDelivery::Find(const std::string& partner) const {
  absl::MutexLock lock(&mutex_);
  const auto it = channels_.find(partner);
  return it == channels_.end() ? nullptr : it->second;
}

std::vector<OutboundDelivery::ChannelPtr> OutboundDelivery::All() const {
  std::vector<ChannelPtr> channels;
  absl::MutexLock lock(&mutex_);
  channels.reserve(channels_.size());
  for (const auto& [name, channel] : channels_) channels.push_back(channel);
  return channels;
}

}  // namespace postern::delivery
