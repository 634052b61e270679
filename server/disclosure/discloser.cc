#include "server/disclosure/discloser.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "proto/errors/rpc_status.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/limits.h"
#include "server/disclosure/receipt.h"
#include "server/registry/errors.h"

namespace postern::disclosure {

// What a batch has refused so far: later records of the same key must not overtake a refused one on its way to the same
// target.
class Discloser::RefusedKeys {
 public:
  RefusedKeys(const Preparer* preparer, const registry::Snapshot* snapshot, absl::Time now)
      : preparer_(preparer), snapshot_(snapshot), now_(now) {}

  // Remembers a refusal if the record tells its key in spite of it; if it does not, nothing can be said to be later.
  void Add(const v1::DisclosureTarget& target, const v1::Record& record) {
    const auto resolved = Resolve(*snapshot_, target, record.type(), now_, Channel::kQueue);
    if (!resolved.ok()) return;
    const auto key = preparer_->RecordKeyOf(*resolved, record.data(), now_);
    if (key.ok()) refused_.insert({ShortDigest({"postern target", target.partner(), target.purpose()}), *key});
  }
  // The same for a request that was refused as a whole, but for what it has committed before.
  void AddAll(const v1::CreateDisclosureRequest& request, const RequestPlace& place) {
    if (snapshot_->bundle == nullptr) return;
    for (int i = 0; i < request.targets_size(); ++i) {
      const bool committed = !place.targets.empty() && place.targets[static_cast<size_t>(i)].refusal.ok();
      if (!committed) Add(request.targets(i), request.record());
    }
  }
  bool Has(const storage::NewDisclosure& row) const { return refused_.contains({row.target, row.record_key}); }

 private:
  const Preparer* const preparer_;
  const registry::Snapshot* const snapshot_;
  const absl::Time now_;
  absl::flat_hash_set<std::pair<storage::Mac16, storage::Mac16>> refused_;
};

Discloser::Discloser(const registry::SnapshotHolder* snapshots, const registry::SubjectStandings* standings,
                     storage::Store* store, crypto::KeyStore* keys, Committer* committer, RefusalRecorder* refusals,
                     DiscloserOptions options)
    : snapshots_(snapshots),
      store_(store),
      committer_(committer),
      refusals_(refusals),
      options_(std::move(options)),
      originals_(store, keys),
      preparer_(keys->index_key(), standings, options_.compare_one_in, options_.on_finding, options_.measures),
      grants_(store) {}

void Discloser::Create(const identity::Principal& principal, const v1::CreateDisclosureRequest& request,
                       CreateDone done) {
  auto call = std::make_shared<Call>();
  call->principal = principal.name;
  call->snapshot = snapshots_->Get();
  const CallFacts facts(principal, options_.clock());
  TargetResolver resolver(call->snapshot.get(), facts.now, Channel::kQueue);
  std::vector<Entry> entries;
  call->requests.push_back(Prepare(facts, request, call->snapshot, &resolver, nullptr, &entries));
  Submit(std::move(call), std::move(entries),
         [this, done = std::move(done)](absl::Status status, const Call& answered, const std::vector<Entry>& results) {
           const RequestPlace& place = answered.requests.front();
           if (status.ok()) status = place.refusal;
           if (status.ok()) status = LedgerFailure(place, results);
           if (!status.ok()) return done(std::move(status));
           v1::CreateDisclosureResponse response;
           AddResults(place, results, response.mutable_results());
           done(std::move(response));
         });
}

void Discloser::CreateBatch(const identity::Principal& principal, const Requests& requests, BatchDone done) {
  if (requests.empty() || requests.size() > limits::kMaxBatchRequests) {
    return done(errors::InvalidField("requests", absl::StrCat("must be 1 to ", limits::kMaxBatchRequests)));
  }
  auto call = std::make_shared<Call>();
  call->principal = principal.name;
  call->snapshot = snapshots_->Get();
  const CallFacts facts(principal, options_.clock());
  TargetResolver resolver(call->snapshot.get(), facts.now, Channel::kQueue);
  RefusedKeys refused(&preparer_, call->snapshot.get(), facts.now);
  std::vector<Entry> entries;
  entries.reserve(static_cast<size_t>(requests.size()));
  for (const v1::CreateDisclosureRequest& request : requests) {
    call->requests.push_back(Prepare(facts, request, call->snapshot, &resolver, &refused, &entries));
  }
  Submit(std::move(call), std::move(entries),
         [this, done = std::move(done)](absl::Status status, const Call& answered, const std::vector<Entry>& results) {
           if (!status.ok()) return done(std::move(status));
           BatchAnswers batch = BatchAnswers::WithRoomFor(answered.requests.size());
           for (const RequestPlace& place : answered.requests) {
             v1::DisclosureAnswer& answer = batch.Add();
             answer.set_request_id(place.request_id);
             absl::Status refusal = place.refusal;
             if (refusal.ok()) refusal = LedgerFailure(place, results);
             if (!refusal.ok()) {
               *answer.mutable_status() = ToRpcStatus(refusal);
               continue;
             }
             AddResults(place, results, answer.mutable_results());
           }
           done(std::move(batch));
         });
}

absl::StatusOr<v1::PreviewDisclosureResponse> Discloser::Preview(const v1::PreviewDisclosureRequest& request) {
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  const absl::Time now = options_.clock();
  POSTERN_RETURN_IF_ERROR(CheckRecord(request.record()));
  POSTERN_RETURN_IF_ERROR(CheckPolicy(request.record(), "", *snapshot));
  if (!request.targets().empty()) POSTERN_RETURN_IF_ERROR(CheckTargets(request.targets()));
  std::vector<v1::DisclosureTarget> targets(request.targets().begin(), request.targets().end());
  if (targets.empty()) {
    for (const auto& [name, partner] : snapshot->partners) {
      for (const registry::ActiveGrant& grant : partner->grants) {
        if (grant.grant->record_type != request.record().type()) continue;
        v1::DisclosureTarget& target = targets.emplace_back();
        target.set_partner(name);
        target.set_purpose(grant.grant->purpose);
      }
    }
  }
  v1::PreviewDisclosureResponse response;
  for (const v1::DisclosureTarget& target : targets) {
    v1::PreviewDisclosureResponse::Preview& preview = *response.add_previews();
    *preview.mutable_target() = target;
    policy::ProjectionResult result;
    std::vector<policy::WithheldField> withheld;
    const auto resolved = Resolve(*snapshot, target, request.record().type(), now, Channel::kAny);
    absl::Status status = resolved.status();
    if (status.ok()) status = preparer_.Preview(*resolved, request.record().data(), now, &result, &withheld);
    if (!status.ok()) {
      *preview.mutable_error() = ToRpcStatus(status);
      continue;
    }
    preview.mutable_record()->set_type(request.record().type());
    preview.mutable_record()->set_data(std::move(result.bytes));
    for (const policy::WithheldField& field : withheld) *preview.add_withheld() = ToProto(field);
  }
  return response;
}

void Discloser::CommitExchange(const identity::Principal& principal, const v1::ExchangeRequest& request,
                               ExchangeDone done) {
  auto call = std::make_shared<Call>();
  call->principal = principal.name;
  call->snapshot = snapshots_->Get();
  const absl::Time now = options_.clock();
  const auto refuse = [&](const absl::Status& refusal) {
    Refuse(*call, &request.target(), refusal);
    done(refusal);
  };
  const absl::StatusOr<RequestFacts> facts =
      CheckRequest(CallFacts(principal, now), request.request_id(), request.record());
  if (!facts.ok()) return refuse(facts.status());
  if (request.target().partner().empty() || request.target().purpose().empty()) {
    return refuse(errors::InvalidField("target", "needs a partner and a purpose"));
  }
  const auto prepare = [&]() -> absl::StatusOr<Entry> {
    POSTERN_RETURN_IF_ERROR(CheckPolicy(request.record(), "", *call->snapshot));
    POSTERN_ASSIGN_OR_RETURN(const Resolved resolved, Resolve(*call->snapshot, request.target(),
                                                              request.record().type(), now, Channel::kExchange));
    return preparer_.Prepare(*facts, resolved, call->snapshot, /*exchange=*/true);
  };
  absl::StatusOr<Entry> entry = prepare();
  if (!entry.ok()) {
    const TargetPlace place = Refused(*facts, request.target(), entry.status());
    if (!place.original.has_value()) return refuse(place.refusal);
    CommittedExchange committed;
    committed.entry.result = *place.original;
    absl::StatusOr<v1::Disclosure> receipt =
        OriginalReceipt(*place.original, request.target().partner(), &committed.reason);
    if (!receipt.ok()) return done(receipt.status());
    committed.disclosure = *std::move(receipt);
    return done(std::move(committed));
  }
  CommitJob job;
  job.entries.push_back(*std::move(entry));
  job.done = [this, call, target = request.target(), done](std::vector<Entry> entries) {
    CommittedExchange committed;
    committed.entry = std::move(entries.front());
    RecallOriginal(&committed.entry);
    absl::Status status = committed.entry.result.status;
    if (status.ok()) {
      status = FillReceipt(committed.entry, &committed.reason, &committed.disclosure);
    }
    if (status.ok() && committed.entry.result.replayed) status = KeepGrantIfSame(&committed.entry);
    if (status.ok()) return done(std::move(committed));
    Refuse(*call, &target, status);
    done(std::move(status));
  };
  if (absl::Status status = committer_->Enqueue(job); !status.ok()) {
    Refuse(*call, &request.target(), status);
    done(std::move(status));
  }
}

Discloser::RequestPlace Discloser::Prepare(const CallFacts& call, const v1::CreateDisclosureRequest& request,
                                           const std::shared_ptr<const registry::Snapshot>& snapshot,
                                           TargetResolver* resolver, RefusedKeys* refused,
                                           std::vector<Entry>* entries) {
  RequestPlace place;
  place.request_id = request.request_id();
  const absl::StatusOr<RequestFacts> facts = CheckRequest(call, request.request_id(), request.record());
  place.refusal = facts.status();
  if (place.refusal.ok()) place.refusal = CheckTargets(request.targets());
  if (place.refusal.ok()) {
    const absl::Status policy = CheckPolicy(request.record(), request.policy_version(), *snapshot);
    if (!policy.ok()) {
      RefuseWhole(*facts, request, policy, &place);
      if (refused != nullptr) refused->AddAll(request, place);
      return place;
    }
  }
  if (!place.refusal.ok()) {
    if (refused != nullptr) refused->AddAll(request, place);
    return place;
  }
  std::vector<Preparer::Target> targets(static_cast<size_t>(request.targets_size()));
  for (size_t i = 0; i < targets.size(); ++i) {
    targets[i].name = &request.targets(static_cast<int>(i));
    targets[i].resolved = resolver->Resolve(*targets[i].name, request.record().type());
  }
  preparer_.PrepareAll(*facts, snapshot, absl::MakeSpan(targets));
  for (Preparer::Target& prepared : targets) {
    const v1::DisclosureTarget& target = *prepared.name;
    absl::StatusOr<Entry>& entry = prepared.entry;
    place.names.push_back(target);
    if (entry.ok() && refused != nullptr && refused->Has(entry->row)) entry = errors::EarlierRecordRefused();
    if (entry.ok()) {
      place.targets.emplace_back().entry = static_cast<int>(entries->size());
      entries->push_back(*std::move(entry));
      continue;
    }
    place.targets.push_back(Refused(*facts, target, entry.status()));
    if (!place.targets.back().refusal.ok() && refused != nullptr) refused->Add(target, request.record());
  }
  return place;
}

Discloser::TargetPlace Discloser::Refused(const RequestFacts& facts, const v1::DisclosureTarget& target,
                                          absl::Status refusal) const {
  TargetPlace place;
  absl::StatusOr<std::optional<storage::CommitResult>> original =
      originals_.Find({facts.principal_mac, facts.request_id, TargetMac(target)}, facts.content);
  if (!original.ok()) {
    place.refusal = original.status();
  } else if (original->has_value()) {
    place.original = *std::move(original);
  } else {
    place.refusal = std::move(refusal);
  }
  return place;
}

void Discloser::RefuseWhole(const RequestFacts& facts, const v1::CreateDisclosureRequest& request, absl::Status refusal,
                            RequestPlace* place) const {
  bool committed = false;
  for (const v1::DisclosureTarget& target : request.targets()) {
    place->names.push_back(target);
    place->targets.push_back(Refused(facts, target, refusal));
    committed = committed || place->targets.back().refusal != refusal;
  }
  if (committed) return;
  place->names.clear();
  place->targets.clear();
  place->refusal = std::move(refusal);
}

absl::Status Discloser::KeepGrantIfSame(Entry* entry) const {
  POSTERN_ASSIGN_OR_RETURN(const storage::DisclosureRow row, store_->ReadDisclosure(entry->result.id));
  if (row.grant != entry->row.grant || row.withheld_bits != entry->row.withheld_bits) entry->grant = nullptr;
  return absl::OkStatus();
}

absl::Status Discloser::Refresh(CommittedExchange* exchange) {
  POSTERN_ASSIGN_OR_RETURN(
      exchange->disclosure,
      OriginalReceipt(exchange->entry.result, exchange->entry.partner->resource.name(), &exchange->reason));
  return absl::OkStatus();
}

void Discloser::RecallOriginal(Entry* entry) const {
  const v1::ErrorReason reason = ReasonOf(entry->result.status);
  if (reason != v1::ERROR_REASON_KEY_SHREDDED && reason != v1::ERROR_REASON_EARLIER_RECORD_REFUSED) return;
  const storage::NewDisclosure& row = entry->row;
  absl::StatusOr<std::optional<storage::CommitResult>> original =
      originals_.Find({row.principal, row.request_id, row.target}, entry->content);
  if (!original.ok()) {
    entry->result.status = original.status();
  } else if (original->has_value()) {
    entry->result = **std::move(original);
  }
}

void Discloser::Submit(std::shared_ptr<Call> call, std::vector<Entry> entries,
                       std::function<void(absl::Status, const Call&, const std::vector<Entry>&)> answer) {
  for (const RequestPlace& place : call->requests) {
    if (!place.refusal.ok()) Refuse(*call, nullptr, place.refusal);
    for (size_t i = 0; i < place.targets.size(); ++i) {
      if (!place.targets[i].refusal.ok()) Refuse(*call, &place.names[i], place.targets[i].refusal);
    }
  }
  if (entries.empty()) return answer(absl::OkStatus(), *call, {});
  CommitJob job;
  job.entries = std::move(entries);
  job.done = [this, call, answer](std::vector<Entry> results) {
    for (const RequestPlace& place : call->requests) {
      for (size_t i = 0; i < place.targets.size(); ++i) {
        if (place.targets[i].entry < 0) continue;
        Entry& entry = results[static_cast<size_t>(place.targets[i].entry)];
        RecallOriginal(&entry);
        if (!entry.result.status.ok()) Refuse(*call, &place.names[i], entry.result.status);
      }
    }
    answer(absl::OkStatus(), *call, results);
  };
  if (absl::Status status = committer_->Enqueue(job); !status.ok()) {
    Refuse(*call, nullptr, status);
    answer(std::move(status), *call, {});
  }
}

absl::Status Discloser::LedgerFailure(const RequestPlace& place, const std::vector<Entry>& entries) {
  absl::Status failure;
  for (const TargetPlace& target : place.targets) {
    if (target.original) return absl::OkStatus();
    const absl::Status& status =
        target.refusal.ok() ? entries[static_cast<size_t>(target.entry)].result.status : target.refusal;
    if (ReasonOf(status) != v1::ERROR_REASON_LEDGER_UNAVAILABLE) return absl::OkStatus();
    failure = status;
  }
  return failure;
}

void Discloser::AddResults(const RequestPlace& place, const std::vector<Entry>& entries, Results* results) {
  results->Reserve(static_cast<int>(place.targets.size()));
  for (size_t i = 0; i < place.targets.size(); ++i) {
    v1::TargetResult& result = *results->Add();
    *result.mutable_target() = place.names[i];
    const TargetPlace& target = place.targets[i];
    std::string reason;
    absl::Status status = target.refusal;
    if (target.original) {
      absl::StatusOr<v1::Disclosure> receipt = OriginalReceipt(*target.original, place.names[i].partner(), &reason);
      status = receipt.status();
      if (receipt.ok()) *result.mutable_disclosure() = *std::move(receipt);
    } else if (target.entry >= 0) {
      status = FillReceipt(entries[static_cast<size_t>(target.entry)], &reason, result.mutable_disclosure());
    }
    if (!status.ok()) *result.mutable_error() = ToRpcStatus(status);  // instead of the disclosure
  }
}

absl::Status Discloser::FillReceipt(const Entry& entry, std::string* reason, v1::Disclosure* receipt) {
  POSTERN_RETURN_IF_ERROR(entry.result.status);
  if (!entry.result.replayed) {
    FillReceiptOf(entry, options_.log_origin, receipt);
    return absl::OkStatus();
  }
  POSTERN_ASSIGN_OR_RETURN(*receipt, OriginalReceipt(entry.result, entry.partner->resource.name(), reason));
  return absl::OkStatus();
}

absl::StatusOr<v1::Disclosure> Discloser::OriginalReceipt(const storage::CommitResult& original,
                                                          absl::string_view partner, std::string* reason) {
  POSTERN_ASSIGN_OR_RETURN(const storage::DisclosureRow row, store_->ReadDisclosure(original.id));
  POSTERN_ASSIGN_OR_RETURN(const std::shared_ptr<const storage::GrantRef> grant, grants_.Get(row.grant));
  *reason = row.reason;
  // A replayed dead letter stands at another leaf than the one whose hash is known here.
  const storage::Hash32* hash = row.leaf_index == original.leaf_index ? &original.leaf_hash : nullptr;
  return DisclosureOf(row, *grant, partner, options_.log_origin, hash);
}

void Discloser::Refuse(const Call& call, const v1::DisclosureTarget* target, const absl::Status& status) {
  // What the caller wrote goes into the audit log only where it names a partner that exists.
  const registry::PartnerView* partner = target == nullptr ? nullptr : call.snapshot->FindPartner(target->partner());
  refusals_->Record(call.principal, partner == nullptr ? "" : partner->resource.name(), ReasonOf(status));
}

}  // namespace postern::disclosure
