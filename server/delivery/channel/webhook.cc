#include "server/delivery/channel/webhook.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/jwe.h"
#include "server/delivery/webhook_event.h"
#include "server/delivery/webhook_signature.h"
#include "server/disclosure/errors.h"

namespace postern::delivery {
namespace {

// What every request to one endpoint has in common.
struct Place {
  std::string address;  // literal and checked
  OutboundTarget target;
  HttpPoster* poster = nullptr;
  const registry::SnapshotHolder* snapshots = nullptr;
  std::function<absl::Time()> clock;
};

class PostCall : public OutboundTransport::Call {
 public:
  PostCall(HttpPoster* poster, HttpPoster::Token token) : poster_(poster), token_(token) {}
  void Cancel() override { poster_->Cancel(token_); }

 private:
  HttpPoster* const poster_;
  const HttpPoster::Token token_;
};

OutboundResult::Fate FateOf(const HttpAnswer& answer) {
  constexpr int kGone = 410;
  if (answer.fate == HttpAnswer::Fate::kNotSent) return OutboundResult::Fate::kNotSent;
  if (answer.fate == HttpAnswer::Fate::kLost) return OutboundResult::Fate::kFailed;
  if (answer.status == kGone) return OutboundResult::Fate::kGone;
  return answer.status / 100 == 2 ? OutboundResult::Fate::kAnswered : OutboundResult::Fate::kFailed;
}

class PostLine : public OutboundTransport::Line {
 public:
  explicit PostLine(Place place) : place_(std::move(place)) {}

  std::shared_ptr<OutboundTransport::Call> Confirm(const v1::ConfirmEndpointRequest& request, absl::Time deadline,
                                                   OutboundTransport::Done done) override {
    const std::string id = absl::StrCat(request.partner(), "/endpoints/", request.endpoint());
    return Post(id, ChallengeEventJson(request, place_.clock()), deadline, [done](const HttpAnswer& answer) {
      OutboundResult result;
      result.fate = FateOf(answer);
      result.retry_after = answer.retry_after;
      if (result.fate == OutboundResult::Fate::kAnswered) {
        const auto confirmed = ParseChallengeAnswer(answer.body);
        if (confirmed.ok()) {
          result.confirmed.set_partner(confirmed->partner());
          result.confirmed.set_challenge(confirmed->challenge());
        }
      }
      done(std::move(result));
    });
  }

  std::shared_ptr<OutboundTransport::Call> Deliver(const v1::DeliverRequest& request, absl::Time deadline,
                                                   OutboundTransport::Done done) override {
    const v1::DeliveredRecord& record = request.records(0);
    return Post(record.disclosure(), Body(record), deadline,
                [done, delivery = record.delivery()](const HttpAnswer& answer) {
                  OutboundResult result;
                  result.fate = FateOf(answer);
                  result.retry_after = answer.retry_after;
                  if (result.fate == OutboundResult::Fate::kAnswered) {
                    v1::DeliveryRange& range = *result.delivered.add_acknowledged();
                    range.set_first(delivery);
                    range.set_last(delivery);
                  }
                  done(std::move(result));
                });
  }

 private:
  absl::StatusOr<std::string> Body(const v1::DeliveredRecord& record) const {
    const std::shared_ptr<const registry::Snapshot> snapshot = place_.snapshots->Get();
    if (snapshot->bundle == nullptr) return disclosure::errors::RecordTypeUnknown(record.record().type());
    return RecordEventJson(*snapshot->bundle, record, place_.clock());
  }

  std::shared_ptr<OutboundTransport::Call> Post(const std::string& id, absl::StatusOr<std::string> body,
                                                absl::Time deadline, HttpPoster::Done done) {
    const v1::Delivery::Webhook& terms = place_.target.terms.webhook();
    const absl::Time now = place_.clock();
    HttpPost post;
    post.timeout = std::max(deadline - now, absl::Milliseconds(1));
    post.allow_private = terms.allow_private_addresses();
    post.name = place_.target.endpoint.server_san();
    post.path = terms.path();
    post.trust_bundle_pem = place_.target.endpoint.trust_bundle_pem();
    // What cannot be made or signed goes to nobody. It counts as an attempt, so that it does not keep others waiting.
    const bool sound = Sign(id, std::move(body), now, &post).ok();
    if (sound) post.address = place_.address;
    const HttpPoster::Token token =
        place_.poster->Post(std::move(post), [sound, done = std::move(done)](HttpAnswer answer) {
          if (!sound) answer.fate = HttpAnswer::Fate::kLost;
          done(std::move(answer));
        });
    return std::make_shared<PostCall>(place_.poster, token);
  }

  // Encrypts the body, if the contract says so, and signs what is sent.
  absl::Status Sign(const std::string& id, absl::StatusOr<std::string> body, absl::Time now, HttpPost* post) const {
    POSTERN_RETURN_IF_ERROR(body.status());
    const OutboundTarget& target = place_.target;
    const bool encrypted = !target.encryption_key.key_id().empty();
    if (encrypted) {
      POSTERN_ASSIGN_OR_RETURN(
          const crypto::JweRecipient recipient,
          crypto::JweRecipient::FromPem(target.encryption_key.key_id(), target.encryption_key.public_key_pem()));
      POSTERN_ASSIGN_OR_RETURN(*body, recipient.Encrypt("json", *body));
    }
    POSTERN_ASSIGN_OR_RETURN(const std::vector<registry::WebhookKeys> keys,
                             SigningKeys(*target.partner, target.endpoint.id(), now));
    const int64_t seconds = absl::ToUnixSeconds(now);
    POSTERN_ASSIGN_OR_RETURN(const std::string signature,
                             WebhookSignature(keys, target.terms.webhook().signature(), id, seconds, *body));
    post->body = *std::move(body);
    post->headers = {absl::StrCat("content-type: application/", encrypted ? "jose" : "json"), "user-agent: postern",
                     absl::StrCat("webhook-id: ", id), absl::StrCat("webhook-timestamp: ", seconds),
                     absl::StrCat("webhook-signature: ", signature)};
    return absl::OkStatus();
  }

  const Place place_;
};

}  // namespace

void Webhook::Connect(const OutboundTarget& target, Enter enter, absl::Time, Connected connected) {
  // Nothing is asked for before there is a secret, and no name but a DNS name can be checked.
  const auto keys = SigningKeys(*target.partner, target.endpoint.id(), clock_());
  if (!keys.ok()) return connected(keys.status());
  if (absl::StartsWith(target.endpoint.server_san(), "spiffe://")) {
    return connected(MakeError(v1::ERROR_REASON_PARTNER_UNREACHABLE, "a webhook's server has a DNS name"));
  }
  Place place{"", target, poster_, snapshots_, clock_};
  resolver_->Resolve(target.endpoint.address(), target.terms.webhook().allow_private_addresses(),
                     [place = std::move(place), connected](absl::StatusOr<std::string> address) mutable {
                       if (!address.ok()) return connected(address.status());
                       place.address = *std::move(address);
                       connected(std::make_shared<PostLine>(place));
                     });
}

}  // namespace postern::delivery
