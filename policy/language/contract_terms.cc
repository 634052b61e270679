#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/language/contract_checks.h"
#include "policy/language/suggestion.h"
#include "policy/language/values.h"
#include "policy/projection/date_value.h"

namespace postern::policy {
namespace {

using v1::Contract;
using Document = v1::Contract::Document;

constexpr int kMaxPendingHours = 8760;
constexpr int kMaxUnacknowledged = 4096;
constexpr int kMaxTimeoutMs = 120000;
// Standard Webhooks 1.0.0 recommends 15 to 30 s; a partner may promise to be quicker.
constexpr int kMinWebhookTimeoutMs = 1000;
constexpr int kMaxWebhookTimeoutMs = 30000;

class TermsChecker {
 public:
  TermsChecker(const Contract& contract, const SourceNode& node, const Vocabulary& vocabulary, DiagnosticSink& sink)
      : contract_(contract), node_(node), vocabulary_(vocabulary), sink_(sink) {}

  void Run() {
    Header();
    Dates();
    Legal();
    Documents();
    Delivery();
    Retention();
    Deletion();
    if (contract_.supervision().max_records_per_day() < 0) {
      sink_.Error(node_.Child(Contract::kSupervisionFieldNumber).At(v1::Supervision::kMaxRecordsPerDayFieldNumber),
                  "max_records_per_day must not be negative", "P1.4f");
    }
  }

 private:
  std::optional<absl::CivilDay> Day(const std::string& text, const SourceLocation& at, const char* what,
                                    const char* clause) {
    std::optional<absl::CivilDay> day = ParseDay(text);
    if (day) return day;
    if (text.empty()) {
      sink_.Error(at, absl::StrCat(what, " is missing"), clause);
    } else {
      sink_.Error(at, absl::StrCat(what, " \"", text, "\" is not a day"), clause, "write it as YYYY-MM-DD");
    }
    return std::nullopt;
  }

  void InRange(const SourceLocation& at, const char* what, int64_t value, int64_t low, int64_t high,
               const char* clause) {
    if (value < low || value > high) {
      sink_.Error(at, absl::StrCat(what, " must be from ", low, " to ", high), clause);
    }
  }

  void Header() {
    if (PartnerOf(contract_.name()).empty()) {
      sink_.Error(node_.At(Contract::kNameFieldNumber),
                  absl::StrCat("\"", contract_.name(), "\" is not the name of a contract"), "",
                  "write it as partners/{partner}/contracts/{contract}, in lower case, digits and dashes");
    }
    const auto& kinds = PartnerKinds();
    if (std::find(kinds.begin(), kinds.end(), contract_.partner_kind()) == kinds.end()) {
      const std::string hint = DidYouMean(contract_.partner_kind(), kinds);
      sink_.Error(node_.At(Contract::kPartnerKindFieldNumber),
                  absl::StrCat("\"", contract_.partner_kind(), "\" is not a kind of partner; there are ",
                               absl::StrJoin(kinds, ", ")),
                  "P1.4a", hint);
    }
  }

  void Dates() {
    effective_ = Day(contract_.effective_on(), node_.At(Contract::kEffectiveOnFieldNumber), "effective_on", "P1.4c");
    const auto expires = Day(contract_.expires_on(), node_.At(Contract::kExpiresOnFieldNumber), "expires_on", "P1.4c");
    if (effective_ && expires && *expires < *effective_) {
      sink_.Error(node_.At(Contract::kExpiresOnFieldNumber), "the contract expires before it begins", "P1.4c");
    }
    if (contract_.on_expiry().terminate_after_days() < 0) {
      sink_.Error(node_.Child(Contract::kOnExpiryFieldNumber).At(Contract::OnExpiry::kTerminateAfterDaysFieldNumber),
                  "terminate_after_days must not be negative", "P1.4c");
    }
  }

  void Legal() {
    if (!contract_.has_legal()) {
      sink_.Error(node_.Here(), "the contract has no legal frame", "P1.4a",
                  "set legal { role recipient_country transfer_basis }");
      return;
    }
    const SourceNode at = node_.Child(Contract::kLegalFieldNumber);
    if (contract_.legal().role() == Contract::Legal::ROLE_UNSPECIFIED) {
      sink_.Error(at.Here(), "legal.role is missing", "P1.4a");
    }
    if (!IsCountryCode(contract_.legal().recipient_country())) {
      sink_.Error(at.At(Contract::Legal::kRecipientCountryFieldNumber),
                  absl::StrCat("recipient_country \"", contract_.legal().recipient_country(),
                               "\" is not an ISO 3166-1 alpha-2 code"),
                  "P1.4a");
    }
    if (contract_.legal().transfer_basis() == Contract::Legal::TRANSFER_BASIS_UNSPECIFIED) {
      sink_.Error(at.Here(), "legal.transfer_basis is missing", "P1.4a");
    }
  }

  void Documents() {
    std::set<Document::Kind> seen;
    for (int i = 0; i < contract_.documents_size(); ++i) {
      const SourceNode at = node_.Child(Contract::kDocumentsFieldNumber, i);
      OneDocument(contract_.documents(i), at);
      if (!seen.insert(contract_.documents(i).kind()).second) {
        sink_.Error(at.Here(),
                    absl::StrCat("a second document of kind ", Document::Kind_Name(contract_.documents(i).kind())),
                    "P1.4c", "keep the one in force");
      }
    }
    for (const auto& [kind, clause] :
         {std::pair{Document::CONFIDENTIALITY_AGREEMENT, "P1.4c"}, std::pair{Document::PRIVACY_COMMITMENT, "P1.4c"},
          std::pair{Document::QUALIFICATION, "P1.4a"}}) {
      if (seen.count(kind) == 0) {
        sink_.Error(node_.Here(), absl::StrCat("the contract has no document of kind ", Document::Kind_Name(kind)),
                    clause);
      }
    }
  }

  void OneDocument(const Document& document, const SourceNode& at) {
    if (document.kind() == Document::KIND_UNSPECIFIED) sink_.Error(at.Here(), "the document has no kind", "P1.4c");
    if (!IsSha256(document.sha256())) {
      sink_.Error(at.At(Document::kSha256FieldNumber), "sha256 must be 64 lower-case hex digits", "P1.4c");
    }
    const bool qualification = document.kind() == Document::QUALIFICATION;
    const char* clause = qualification ? "P1.4a" : "P1.4c";
    if (!qualification && document.signatory().empty()) {
      sink_.Error(at.Here(), "the document has no signatory", clause, "name the role of who signed, not the person");
    }
    if (!qualification || !document.signed_on().empty()) {
      const SourceLocation where = at.At(Document::kSignedOnFieldNumber);
      const auto signed_on = Day(document.signed_on(), where, "signed_on", clause);
      if (signed_on && effective_ && *signed_on > *effective_) {
        sink_.Error(where, "the document was signed after the contract began", clause);
      }
    }
    if (qualification || !document.expires_on().empty()) {
      const SourceLocation where = at.At(Document::kExpiresOnFieldNumber);
      const auto expires = Day(document.expires_on(), where, "expires_on", clause);
      if (expires && effective_ && *expires < *effective_) {
        sink_.Error(where, "the document expires before the contract begins", clause);
      }
    }
  }

  void Delivery() {
    const v1::Delivery& delivery = contract_.delivery();
    if (!contract_.has_delivery()) {
      sink_.Error(node_.Here(), "the contract does not say how records reach the partner", "", "set delivery");
      return;
    }
    const SourceNode at = node_.Child(Contract::kDeliveryFieldNumber);
    InRange(at.At(v1::Delivery::kMaxPendingHoursFieldNumber), "max_pending_hours", delivery.max_pending_hours(), 1,
            kMaxPendingHours, "P1.3e");
    InRange(at.At(v1::Delivery::kMaxUnacknowledgedFieldNumber), "max_unacknowledged", delivery.max_unacknowledged(), 1,
            kMaxUnacknowledged, "P1.4e");
    if (delivery.channel_case() == v1::Delivery::CHANNEL_NOT_SET) {
      sink_.Error(at.Here(), "delivery names no channel", "",
                  "set receive {}, push { ... }, webhook { ... } or exchange { ... }");
    }
    if (delivery.has_exchange()) Exchange(delivery.exchange(), at.Child(v1::Delivery::kExchangeFieldNumber));
    if (delivery.has_push()) Push(delivery.push(), at.Child(v1::Delivery::kPushFieldNumber));
    if (delivery.has_webhook()) Webhook(delivery.webhook(), at.Child(v1::Delivery::kWebhookFieldNumber));
  }

  void Exchange(const v1::Delivery::Exchange& exchange, const SourceNode& in) {
    if (!IsMethodPath(exchange.method())) {
      sink_.Error(in.At(v1::Delivery::Exchange::kMethodFieldNumber),
                  absl::StrCat("\"", exchange.method(), "\" is not the path of a method"), "",
                  "write it as /package.Service/Method");
    }
    if (exchange.endpoint().empty()) sink_.Error(in.Here(), "exchange names no endpoint", "W7");
    InRange(in.At(v1::Delivery::Exchange::kTimeoutMsFieldNumber), "timeout_ms", exchange.timeout_ms(), 1, kMaxTimeoutMs,
            "");
  }

  void Push(const v1::Delivery::Push& push, const SourceNode& in) {
    if (push.endpoint().empty()) sink_.Error(in.Here(), "push names no endpoint", "W7");
    InRange(in.At(v1::Delivery::Push::kTimeoutMsFieldNumber), "timeout_ms", push.timeout_ms(), 1, kMaxTimeoutMs, "");
  }

  void Webhook(const v1::Delivery::Webhook& webhook, const SourceNode& in) {
    if (webhook.endpoint().empty()) sink_.Error(in.Here(), "webhook names no endpoint", "W7");
    if (!IsUrlPath(webhook.path())) {
      sink_.Error(in.At(v1::Delivery::Webhook::kPathFieldNumber),
                  absl::StrCat("\"", webhook.path(), "\" is not the path of a URL"), "W7",
                  "begin it with /, in printable ASCII without spaces and without #");
    }
    InRange(in.At(v1::Delivery::Webhook::kTimeoutMsFieldNumber), "timeout_ms", webhook.timeout_ms(),
            kMinWebhookTimeoutMs, kMaxWebhookTimeoutMs, "");
    if (webhook.signature() == v1::Delivery::Webhook::SIGNATURE_UNSPECIFIED) {
      sink_.Error(in.Here(), "webhook.signature is missing", "P1.3a", "set HMAC_SHA256 or ED25519");
    }
  }

  void Retention() {
    if (!contract_.has_partner_retention()) {
      sink_.Error(node_.Here(), "the contract does not say how long the partner may keep what it got", "P1.3e",
                  "set partner_retention");
      return;
    }
    const SourceNode at = node_.Child(Contract::kPartnerRetentionFieldNumber);
    if (contract_.partner_retention().days() < 1) {
      sink_.Error(at.At(v1::PartnerRetention::kDaysFieldNumber), "partner_retention.days must be at least 1", "P1.3e");
    }
    if (contract_.partner_retention().starts_on() == v1::RETENTION_START_UNSPECIFIED) {
      sink_.Error(at.Here(), "partner_retention.starts_on is missing", "P1.3e");
    }
  }

  void Deletion() {
    if (!contract_.has_deletion()) {
      sink_.Error(node_.Here(), "the contract does not say how deletion is asked for and confirmed", "P1.4e",
                  "set deletion");
      return;
    }
    const v1::Deletion& deletion = contract_.deletion();
    const SourceNode at = node_.Child(Contract::kDeletionFieldNumber);
    if (deletion.due_days() < 1) {
      sink_.Error(at.At(v1::Deletion::kDueDaysFieldNumber), "deletion.due_days must be at least 1", "P1.4e");
    }
    if (deletion.attestation() == v1::Deletion::ATTESTATION_KIND_UNSPECIFIED) {
      sink_.Error(at.Here(), "deletion.attestation is missing", "P1.4e");
    }
    for (int i = 0; i < deletion.exemptions_size(); ++i) {
      OneExemption(deletion.exemptions(i), at.Child(v1::Deletion::kExemptionsFieldNumber, i));
    }
  }

  void OneExemption(const v1::Deletion::Exemption& exemption, const SourceNode& at) {
    if (exemption.categories().empty()) sink_.Error(at.Here(), "the exemption names no category", "P1.4e");
    for (int j = 0; j < exemption.categories_size(); ++j) {
      if (vocabulary_.Category(exemption.categories(j)) != nullptr) continue;
      sink_.Error(at.At(v1::Deletion::Exemption::kCategoriesFieldNumber, j),
                  absl::StrCat("unknown category \"", exemption.categories(j), "\""), "P1.4e",
                  vocabulary_.NearestCategory(exemption.categories(j)));
    }
    if (exemption.ground().empty()) sink_.Error(at.Here(), "the exemption names no ground", "P1.4e");
    if (exemption.max_days() < 1) {
      sink_.Error(at.At(v1::Deletion::Exemption::kMaxDaysFieldNumber), "max_days must be at least 1", "P1.4e");
    }
  }

  const Contract& contract_;
  const SourceNode node_;
  const Vocabulary& vocabulary_;
  DiagnosticSink& sink_;
  std::optional<absl::CivilDay> effective_;
};

}  // namespace

void CheckTerms(const Contract& contract, const SourceNode& node, const Vocabulary& vocabulary, DiagnosticSink& sink) {
  TermsChecker(contract, node, vocabulary, sink).Run();
}

}  // namespace postern::policy
